package service

import (
	"encoding/json"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/record"
)

// cell is a place that can have siblings, with its writes.
type cell interface {
	joinery.Cell
	Name() string
}

// cells returns the register and the LWW map entry that a field may mean.
func cells(d *joinery.Doc, field string) []cell {
	around, name := split(field)
	out := []cell{record.Within(d, around).Register(name)}
	if n := len(around) - 1; n >= 0 {
		out = append(out, record.Within(d, around[:n]).LWWMap(around[n]).Entry(name))
	}
	return out
}

// resolve settles a conflict by an ordinary write over the siblings that were
// read: those of the context if there is one, otherwise those of this moment.
func (s *Server) resolve(c *Change) (Outcome, error) {
	for _, at := range cells(s.replica.Doc(c.Doc), c.Field) {
		all, err := joinery.Siblings[msgpack.RawMessage](at)
		if err != nil {
			return Outcome{}, err
		}
		if len(all) > 1 {
			return s.settle(c, at, all)
		}
	}
	return Outcome{}, refuse(CodeMissing, "document %q has no conflict at %q: see joinery conflicts", c.Doc, c.Field)
}

func (s *Server) settle(c *Change, at cell, all []joinery.Sibling[msgpack.RawMessage]) (Outcome, error) {
	over := joinery.ReadContext(at)
	if c.Context != "" {
		var err error
		if over, err = joinery.ParseContext(c.Context); err != nil {
			return Outcome{}, refuse(CodeBad, "context: %v", err)
		}
	}
	if c.Value != nil {
		v, err := record.ParseValue(string(c.Value))
		if err != nil {
			return Outcome{}, refuse(CodeBad, "value: %v", err)
		}
		return Outcome{Value: c.Value, Changed: len(all)}, s.write(at, v, over)
	}
	if c.Pick < 1 || c.Pick > len(all) {
		return Outcome{}, refuse(CodeBad, "there is no sibling %d: pick one of 1 to %d", c.Pick, len(all))
	}
	picked := all[c.Pick-1]
	if e, ok := at.(joinery.Entry); ok && picked.Deleted {
		return Outcome{Changed: len(all)}, e.Delete(s.writing, joinery.Over(over))
	}
	text := json.RawMessage(record.FormatRaw(picked.Value))
	return Outcome{Value: text, Changed: len(all)}, s.write(at, picked.Value, over)
}

func (s *Server) write(at cell, v any, over joinery.Context) error {
	if e, ok := at.(joinery.Entry); ok {
		return e.Set(s.writing, v, joinery.Over(over))
	}
	return at.(joinery.Register).Set(s.writing, v, joinery.Over(over))
}
