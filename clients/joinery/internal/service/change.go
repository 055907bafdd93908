package service

import (
	"encoding/json"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/record"
)

// split returns the maps around a field and its name.
func split(field string) (around []string, name string) {
	path := record.SplitPath(field)
	last := len(path) - 1
	return path[:last:last], path[last]
}

func (s *Server) inc(c *Change) (Outcome, error) {
	around, name := split(c.Field)
	var n int64
	err := s.replica.Doc(c.Doc).Update(s.writing, func(tx *joinery.Tx) error {
		f := record.Within(tx, around).Counter(name)
		if err := f.Inc(s.writing, c.By); err != nil {
			return err
		}
		n = f.Value()
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	b, err := json.Marshal(n)
	return Outcome{Value: b, Changed: 1}, err
}

// remove takes elements out of a set. From a remove-wins set they can be
// removed before they are in it.
func (s *Server) remove(c *Change) (Outcome, error) {
	elems := make([]any, len(c.Elements))
	for i, text := range c.Elements {
		var err error
		if elems[i], err = record.ParseValue(string(text)); err != nil {
			return Outcome{}, refuse(CodeBad, "element %s: %v", text, err)
		}
	}
	around, name := split(c.Field)
	var out Outcome
	err := s.replica.Doc(c.Doc).Update(s.writing, func(tx *joinery.Tx) error {
		in := record.Within(tx, around)
		if c.RemoveWins {
			out.Changed = len(elems)
			return in.RemoveWinsSet(name).Remove(s.writing, elems...)
		}
		set := in.Set(name)
		for _, e := range elems {
			if set.Contains(e) {
				out.Changed++
			}
		}
		return set.Remove(s.writing, elems...)
	})
	return out, err
}

// deleteAtOnce bounds the fields that delete removes as one atomic group.
const deleteAtOnce = 1000

// discard removes a document, or all at and below a field.
func (s *Server) discard(c *Change) (Outcome, error) {
	d := s.replica.Doc(c.Doc)
	at := pathOf(c.Field)
	fields := slices.Collect(d.FieldsAt(at...))
	if len(at) == 0 && len(fields) > 0 {
		return Outcome{Changed: len(fields)}, d.Delete(s.writing)
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
			return Outcome{}, err
		}
		done += len(some)
	}
	return Outcome{Changed: done}, nil
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
