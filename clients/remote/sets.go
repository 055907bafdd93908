package remote

import (
	"context"
	"encoding/json"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Set is an add-wins set: of a concurrent Add and Remove of one element the Add
// wins. Elements may be of any type that msgpack can carry.
type Set struct {
	elements
}

// Clear removes all elements that the replica that answers has observed.
func (s Set) Clear(ctx context.Context) error {
	return s.do(ctx, protocol.DoClear, protocol.Write{})
}

// AddFor adds elements that expire; see joinery.Set.AddFor.
func (s elements) AddFor(ctx context.Context, ttl time.Duration, elems ...any) error {
	return s.each(ctx, elems, protocol.Write{Do: protocol.DoAdd, TTLMS: millis(ttl)})
}

// RemoveWinsSet is a set in which, of a concurrent Add and Remove, the Remove wins.
type RemoveWinsSet struct {
	elements
}

// elements is a set of either kind.
type elements struct {
	field
}

// Add puts elements into the set, all or none.
func (s elements) Add(ctx context.Context, elems ...any) error {
	return s.each(ctx, elems, protocol.Write{Do: protocol.DoAdd})
}

// Remove takes elements out, all or none.
func (s elements) Remove(ctx context.Context, elems ...any) error {
	return s.each(ctx, elems, protocol.Write{Do: protocol.DoRemove})
}

func (s elements) each(ctx context.Context, elems []any, w protocol.Write) (err error) {
	if len(elems) == 0 {
		return ctx.Err()
	}
	if w.Elements, err = encodeAll(elems); err != nil {
		return err
	}
	return s.do(ctx, w.Do, w)
}

func encodeAll(elems []any) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, len(elems))
	for i, e := range elems {
		b, err := joinery.Encode(e)
		if err != nil {
			return nil, err
		}
		out[i] = protocol.EncodeRaw(b)
	}
	return out, nil
}

// Contains reports whether an element is in the set, without reading the others.
func (s elements) Contains(ctx context.Context, elem any) (bool, error) {
	encoded, err := encodeAll([]any{elem})
	if err != nil {
		return false, err
	}
	lines, err := s.lines(ctx, protocol.Query{Field: protocol.JoinPath(s.path), Only: s.kind.String(), Elements: encoded})
	return len(lines) > 0, err
}

// Len returns the number of elements. It reads them all.
func (s elements) Len(ctx context.Context) (int, error) {
	all, err := s.members(ctx)
	return len(all), err
}

func (s elements) members(ctx context.Context) (out []json.RawMessage, err error) {
	path := protocol.JoinPath(s.path)
	for line, err := range s.query(ctx, protocol.Query{Field: path, Only: s.kind.String()}) {
		if err != nil {
			return nil, err
		}
		if line.Field == path {
			out = append(out, line.Value)
		}
	}
	return out, nil
}

// Collection is a Set or a RemoveWinsSet.
type Collection interface {
	members(context.Context) ([]json.RawMessage, error)
	Name() string
}

// Members returns the elements of a set, in the order of their encodings. An
// element of another type than T is joinery.ErrType; T may be any.
func Members[T any](ctx context.Context, c Collection) ([]T, error) {
	all, err := c.members(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(all))
	for i, text := range all {
		if out[i], err = decodeValue[T](text); err != nil {
			return nil, err
		}
	}
	return out, nil
}
