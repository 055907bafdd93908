package service

import (
	"encoding/json"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
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
func (s *Server) resolve(c *protocol.Change) (protocol.Outcome, error) {
	for _, at := range cells(s.replica.Doc(c.Doc), c.Field) {
		all, err := joinery.Siblings[msgpack.RawMessage](at)
		if err != nil {
			return protocol.Outcome{}, err
		}
		if len(all) > 1 {
			return s.settle(c, at, all)
		}
	}
	return protocol.Outcome{}, protocol.Refuse(protocol.CodeMissing, protocol.KindNoPlace, "document %q has no conflict at %q: see joinery conflicts", c.Doc, c.Field)
}

func (s *Server) settle(c *protocol.Change, at cell, all []joinery.Sibling[msgpack.RawMessage]) (protocol.Outcome, error) {
	over := joinery.ReadContext(at)
	if c.Context != "" {
		var err error
		if over, err = joinery.ParseContext(c.Context); err != nil {
			return protocol.Outcome{}, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "context: %v", err)
		}
	}
	if c.Value != nil {
		v, err := record.ParseValue(string(c.Value))
		if err != nil {
			return protocol.Outcome{}, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "value: %v", err)
		}
		return protocol.Outcome{Value: c.Value, Changed: len(all)}, s.overwrite(at, v, over)
	}
	if c.Pick < 1 || c.Pick > len(all) {
		return protocol.Outcome{}, protocol.Refuse(protocol.CodeBad, protocol.KindRequest, "there is no sibling %d: pick one of 1 to %d", c.Pick, len(all))
	}
	picked := all[c.Pick-1]
	if e, ok := at.(joinery.Entry); ok && picked.Deleted {
		return protocol.Outcome{Changed: len(all)}, e.Delete(s.writing, joinery.Over(over))
	}
	text := json.RawMessage(record.FormatRaw(picked.Value))
	return protocol.Outcome{Value: text, Changed: len(all)}, s.overwrite(at, picked.Value, over)
}

func (s *Server) overwrite(at cell, v any, over joinery.Context) error {
	if e, ok := at.(joinery.Entry); ok {
		return e.Set(s.writing, v, joinery.Over(over))
	}
	return at.(joinery.Register).Set(s.writing, v, joinery.Over(over))
}
