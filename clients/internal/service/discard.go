package service

import (
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// split returns the maps around a field and its name.
func split(field string) (around []string, name string) {
	path := protocol.SplitPath(field)
	last := len(path) - 1
	return path[:last:last], path[last]
}

// deleteAtOnce bounds the fields that delete removes as one atomic group.
const deleteAtOnce = 1000

// discard removes a document, or all at and below a field.
func (s *Server) discard(c *protocol.Change) (protocol.Outcome, error) {
	d := s.replica.Doc(c.Doc)
	at := pathOf(c.Field)
	fields := slices.Collect(d.FieldsAt(at...))
	if len(at) == 0 && len(fields) > 0 {
		return protocol.Outcome{Changed: len(fields)}, d.Delete(s.writing)
	}
	done := 0
	for some := range slices.Chunk(fields, deleteAtOnce) {
		err := d.Update(s.writing, func(tx *joinery.Tx) error {
			for i := range some {
				if err := s.removeField(tx, &some[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return protocol.Outcome{}, err
		}
		done += len(some)
	}
	return protocol.Outcome{Changed: done}, nil
}

func (s *Server) removeField(tx *joinery.Tx, f *joinery.Field) error {
	last := len(f.Path) - 1
	name := f.Path[last]
	if f.Kind == joinery.KindEntry {
		return record.Within(tx, f.Path[:last-1]).LWWMap(f.Path[last-1]).Delete(s.writing, name)
	}
	in := record.Within(tx, f.Path[:last])
	elem := f.Value
	if f.Err != nil {
		elem = msgpack.RawMessage(f.Raw)
	}
	switch f.Kind {
	case joinery.KindCounter:
		return in.Counter(name).Remove(s.writing)
	case joinery.KindElement:
		return in.Set(name).Remove(s.writing, elem)
	case joinery.KindRemoveWins:
		return in.RemoveWinsSet(name).Remove(s.writing, elem)
	case joinery.KindFlag:
		return in.Flag(name).Disable(s.writing)
	case joinery.KindDisableWinsFlag:
		return in.DisableWinsFlag(name).Disable(s.writing)
	}
	return in.Register(name).Remove(s.writing)
}
