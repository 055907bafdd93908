package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Case is one line of a file: a type, some replicas, what happens, and what
// must be read afterwards.
type Case struct {
	ID        string                     `json:"id"`
	Type      string                     `json:"type"`
	Profile   string                     `json:"profile"`
	Replicas  []string                   `json:"replicas"`
	Steps     []Step                     `json:"steps"`
	Expect    map[string]json.RawMessage `json:"expect"`
	Source    string                     `json:"source"`
	Tags      []string                   `json:"tags"`
	Why       string                     `json:"why"`
	Note      string                     `json:"note"`
	ExpectAlt json.RawMessage            `json:"expect_alt"` // of other semantics; not accepted
}

// Step is one thing that happens. Exactly one of the groups is set.
type Step struct {
	// A local operation.
	Replica string            `json:"replica"`
	Op      string            `json:"op"`
	Args    []json.RawMessage `json:"args"`
	As      string            `json:"as"`    // names the delta
	Ts      *json.Number      `json:"ts"`    // explicit timestamp
	Clock   *json.Number      `json:"clock"` // the physical clock's reading, in milliseconds
	Ctx     json.RawMessage   `json:"ctx"`   // the name of a snapshot, or null
	Path    []string          `json:"path"`
	VType   string            `json:"vtype"`
	Inner   []json.RawMessage `json:"inner"`

	// A delivery, of a delta, a state or a snapshot.
	Deliver  string `json:"deliver"`
	Delta    string `json:"delta"`
	From     string `json:"from"`
	To       string `json:"to"`
	Snapshot string `json:"snapshot"` // also names the copy that Of is taken

	Of string `json:"of"`

	Join   string   `json:"join"`
	Deltas []string `json:"deltas"`

	Restart string `json:"restart"`

	Restore      string `json:"restore"`
	FromSnapshot string `json:"from_snapshot"`

	Sync string `json:"sync"`

	Check map[string]json.RawMessage `json:"check"`
}

// kinds lists for each kind of step the fields that it must and may have.
var kinds = []struct {
	name      string
	must, may []string
}{
	{"op", []string{"replica", "op"}, []string{"args", "as", "ts", "clock", "ctx", "path", "vtype", "inner"}},
	{"deliver delta", []string{"deliver", "delta", "to"}, nil},
	{"deliver state", []string{"deliver", "from", "to"}, nil},
	{"deliver snapshot", []string{"deliver", "snapshot", "to"}, nil},
	{"snapshot", []string{"snapshot", "of"}, nil},
	{"join", []string{"join", "deltas"}, nil},
	{"restart", []string{"restart"}, nil},
	{"restore", []string{"restore", "from_snapshot"}, nil},
	{"sync", []string{"sync"}, nil},
	{"check", []string{"check"}, nil},
}

var errFormat = errors.New("not in the format")

// UnmarshalJSON refuses steps of no known kind.
func (s *Step) UnmarshalJSON(b []byte) error {
	type plain Step
	if err := strict(b, (*plain)(s)); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	if _, err := kindOf(fields); err != nil {
		return fmt.Errorf("%w: step %s", err, b)
	}
	if s.Deliver != "" && fields[map[string]string{"delta": "delta", "state": "from", "snapshot": "snapshot"}[s.Deliver]] == nil {
		return fmt.Errorf("%w: step %s delivers %q", errFormat, b, s.Deliver)
	}
	if s.Sync != "" && s.Sync != "all" {
		return fmt.Errorf("%w: sync %q", errFormat, s.Sync)
	}
	return nil
}

func kindOf(fields map[string]json.RawMessage) (string, error) {
	for _, k := range kinds {
		left := len(fields)
		for _, f := range k.must {
			if fields[f] == nil {
				left = -1
				break
			}
			left--
		}
		for _, f := range k.may {
			if left >= 0 && fields[f] != nil {
				left--
			}
		}
		if left == 0 {
			return k.name, nil
		}
	}
	return "", errFormat
}

// strict decodes one JSON value with known fields only and exact numbers.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one value", errFormat)
	}
	return nil
}

// maxLine bounds a case, in bytes.
const maxLine = 16 << 20

// ReadCases calls each for every non-empty line, with the case or what is
// wrong with it.
func ReadCases(r io.Reader, each func(Case, error)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var c Case
		err := strict(line, &c)
		if err == nil {
			err = c.validate()
		}
		if c.ID == "" {
			c.ID = fmt.Sprintf("line %d", n)
		}
		each(c, err)
	}
	return lines.Err()
}

func (c *Case) validate() error {
	if len(c.Replicas) == 0 || len(c.Expect) == 0 {
		return fmt.Errorf("%w: a case needs replicas and expect", errFormat)
	}
	sorted := slices.Sorted(slices.Values(c.Replicas))
	if len(slices.Compact(sorted)) != len(c.Replicas) {
		return fmt.Errorf("%w: a replica is named twice", errFormat)
	}
	return nil
}
