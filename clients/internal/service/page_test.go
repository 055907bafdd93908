package service_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func servicePage(t *testing.T) string {
	b, err := os.ReadFile("../../../docs/service.md")
	require.NoError(t, err)
	return string(b)
}

// example is a request on the page, with the answer that it shows.
type example struct {
	subject, body string
	headers       map[string]string
	answer        []string
}

var command = regexp.MustCompile(`^    nats req (\S+) '(.*)'$`)

func examples(page string) (out []example) {
	var now *example
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		switch m := command.FindStringSubmatch(line); {
		case m != nil:
			out = append(out, example{subject: m[1], body: m[2], headers: map[string]string{}})
			now = &out[len(out)-1]
		case now == nil:
		case !strings.HasPrefix(line, "    "):
			now = nil
		default:
			line = strings.TrimSpace(line)
			if name, value, ok := strings.Cut(line, ": "); ok && strings.Contains(name, "-") && len(now.answer) == 0 {
				now.headers[name] = value
			} else {
				now.answer = append(now.answer, line)
			}
		}
	}
	return out
}

// bindings are what stands on the page for what the replica says this time.
type bindings map[string]string

// opaque are the names of texts that differ each time.
var opaque = map[string]bool{"actor": true, "position": true, "context": true, "time": true, "Joinery-Cursor": true, "Joinery-Position": true}

// bind compares what is shown with what is there, and binds what is opaque.
func (b bindings) bind(t *testing.T, name string, shown, there any) {
	switch shown := shown.(type) {
	case map[string]any:
		have, ok := there.(map[string]any)
		require.True(t, ok && len(have) == len(shown), "%v is %v", shown, there)
		for k, v := range shown {
			b.bind(t, k, v, have[k])
		}
	case []any:
		have, ok := there.([]any)
		require.True(t, ok && len(have) == len(shown), "%v is %v", shown, there)
		for i, v := range shown {
			b.bind(t, name, v, have[i])
		}
	case string:
		have, ok := there.(string)
		require.True(t, ok, "%s %q is %v", name, shown, there)
		if opaque[name] && b[shown] == "" {
			b[shown] = have
		}
		if known := b[shown]; known != "" {
			shown = known
		}
		require.Equal(t, shown, have, name)
	default:
		require.Equal(t, shown, there, name)
	}
}

// apply writes what is bound in place of what the page shows, longest first.
func (b bindings) apply(text string) string {
	for shown, there := range b {
		text = strings.ReplaceAll(text, `"`+shown+`"`, `"`+there+`"`)
	}
	return text
}

func decodeAll(t *testing.T, lines []string) (out []any) {
	for _, line := range lines {
		var v any
		require.NoError(t, json.Unmarshal([]byte(line), &v), "%s", line)
		out = append(out, v)
	}
	return out
}

// ask replays an example. A chunk of a watch may come empty, if all is slow, to be
// asked for again; empty counts those.
func (e *example) ask(t *testing.T, nc *nats.Conn, b bindings, empty *int) *nats.Msg {
	body := []byte(b.apply(e.body))
	for {
		if strings.HasSuffix(e.subject, ".next") {
			var n protocol.Next
			require.NoError(t, json.Unmarshal([]byte(b.apply(e.body)), &n))
			n.Chunk += *empty
			var err error
			body, err = json.Marshal(n)
			require.NoError(t, err)
		}
		m, err := nc.Request(e.subject, body, 20*time.Second)
		require.NoError(t, err, e.subject)
		if len(m.Data) > 0 || !strings.HasSuffix(e.subject, ".next") {
			return m
		}
		*empty++
	}
}

func TestTheExamplesOnThePageAreTrue(t *testing.T) {
	s := newSite(t)
	nc := s.connect()
	id, err := joinery.ParseID("11111111-1111-4111-8111-111111111111")
	require.NoError(t, err)
	r, err := joinery.Open(t.Context(), joinery.Config{Space: "default", Conn: nc, ID: id})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	srv, err := service.Serve(nc, "default", r, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	all, b := examples(servicePage(t)), bindings{}
	require.Greater(t, len(all), 20)
	empty := 0
	for _, e := range all {
		m := e.ask(t, nc, b, &empty)
		for name, value := range e.headers {
			b.bind(t, name, value, m.Header.Get(name))
		}
		if code := m.Header.Get("Nats-Service-Error-Code"); code != "" {
			require.NotEmpty(t, e.headers["Joinery-Error"], "%s %s: %s", e.subject, e.body, m.Data)
			require.Equal(t, e.answer, []string{string(m.Data)})
			continue
		}
		var lines []string
		for line := range strings.Lines(string(m.Data)) {
			lines = append(lines, strings.TrimSpace(line))
		}
		shown, there := decodeAll(t, e.answer), decodeAll(t, lines)
		require.Len(t, there, len(shown), "%s: %s", e.body, m.Data)
		for i := range shown {
			b.bind(t, "", shown[i], there[i])
		}
	}
}

// namesOf returns the names of a type's fields in JSON.
func namesOf(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			out = append(out, namesOf(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

// documented returns the names in the first column of the tables of a section.
func documented(t *testing.T, page, heading string) (out []string) {
	_, text, ok := strings.Cut(page, "\n### "+heading+"\n")
	require.True(t, ok, heading)
	text, _, _ = strings.Cut(text, "\n#")
	text, _, _ = strings.Cut(text, "\n| `kind` | `do` |")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(text, -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			out = append(out, name[1])
		}
	}
	return out
}

func TestThePageHasAllFieldsOfAllMessages(t *testing.T) {
	page := servicePage(t)
	for _, m := range []any{
		protocol.Hello{}, protocol.Group{}, protocol.Write{}, protocol.Named{}, protocol.Written{}, protocol.Result{},
		protocol.Question{}, protocol.Seen{}, protocol.Query{}, protocol.Next{}, protocol.Field{}, protocol.Sibling{},
		protocol.Change{}, protocol.Outcome{}, protocol.Imported{},
	} {
		typ := reflect.TypeOf(m)
		require.ElementsMatch(t, namesOf(typ), documented(t, page, typ.Name()), typ.Name())
	}
}

func TestThePageHasAllErrors(t *testing.T) {
	_, text, ok := strings.Cut(servicePage(t), "\n### Errors\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "\n## ")
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([0-9]+) \\|").FindAllStringSubmatch(text, -1) {
		listed[row[1]] = row[2]
	}
	require.Equal(t, protocol.Kinds(), listed)
}
