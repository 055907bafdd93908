package joinery

import (
	"context"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Set is an add-wins set: of a concurrent Add and Remove of one element the
// Add wins. Elements may be of any type that msgpack can carry; two are the
// same if their encodings are.
type Set struct {
	elements
}

// Add puts elements into the set. If one of them is too large none is added.
// Several are seen by others one by one, but inside an Update.
func (s Set) Add(ctx context.Context, elems ...any) error { return s.AddWith(ctx, elems) }

// AddFor is Add of elements that expire after a time, see [TTL]. An element that
// is in the set already expires then, too.
func (s Set) AddFor(ctx context.Context, ttl time.Duration, elems ...any) error {
	return s.AddWith(ctx, elems, TTL(ttl))
}

// Remove takes elements out, as far as this replica has observed them in it.
func (s Set) Remove(ctx context.Context, elems ...any) error {
	return s.each(ctx, elems, false, func(d *crdt.Document, in kernel.Ref, key string) error {
		return d.Remove(in, s.tag, key, crdt.Options{})
	})
}

// Clear removes all elements that this replica has observed.
func (s Set) Clear(ctx context.Context) error { return clearBelow(ctx, s.target, s.path) }

// RemoveWinsSet is a set in which, of a concurrent Add and Remove of one
// element, the Remove wins. A removed element leaves a mark.
type RemoveWinsSet struct {
	elements
}

// Add puts elements into the set, over all removals that this replica has observed.
func (s RemoveWinsSet) Add(ctx context.Context, elems ...any) error {
	return s.AddWith(ctx, elems)
}

// AddFor is Add of elements that expire after a time, see [TTL].
func (s RemoveWinsSet) AddFor(ctx context.Context, ttl time.Duration, elems ...any) error {
	return s.AddWith(ctx, elems, TTL(ttl))
}

// Remove takes elements out, in the set or not.
func (s RemoveWinsSet) Remove(ctx context.Context, elems ...any) error {
	return s.each(ctx, elems, true, s.put(true, crdt.Options{}))
}

// elements is a set of either kind.
type elements struct {
	target
	path []kernel.Component
	tag  kernel.Tag
}

// Name returns the set's name.
func (s elements) Name() string { return s.path[len(s.path)-1].Name }

// AddWith is Add with options, for instance [ExpireAt].
func (s elements) AddWith(ctx context.Context, elems []any, opts ...Option) error {
	return s.each(ctx, elems, true, s.put(false, options(opts)))
}

func (s elements) put(mark bool, o crdt.Options) func(*crdt.Document, kernel.Ref, string) error {
	return func(d *crdt.Document, in kernel.Ref, key string) error {
		return d.Assign(in, s.tag, key, "", mark, o)
	}
}

// each writes every element under one lock, or none if one is too large. If do adds
// something the document's limits count, too.
func (s elements) each(ctx context.Context, elems []any, adds bool, do func(*crdt.Document, kernel.Ref, string) error) error {
	keys := make([]string, len(elems))
	for i, e := range elems {
		var err error
		if keys[i], err = s.key(e); err != nil {
			return s.unwritten(err)
		}
	}
	return s.write(ctx, func(d *crdt.Document) error {
		if err := s.admit(d, keys, adds); err != nil {
			return err
		}
		for _, key := range keys {
			in, err := d.Ensure(s.path)
			if err != nil {
				return err
			}
			if err := do(d, in, key); err != nil {
				return err
			}
		}
		return nil
	}, s.at(s.path, s.tag, keys...)...)
}

// key encodes an element.
func (s elements) key(elem any) (string, error) {
	key, err := encode(elem)
	if err == nil {
		err = s.replica.limits.checkName("element", key)
	}
	return key, err
}

// admit looks at whether the elements keep to the limits.
func (s elements) admit(d *crdt.Document, keys []string, adds bool) error {
	l := &s.replica.limits
	if err := l.place(s.path, ""); err != nil || !adds {
		return err
	}
	fresh := 0
	if d.State().Dots()+len(keys) > l.fields {
		fresh = s.fresh(d, keys)
	}
	return l.document(d, fresh)
}

// fresh returns how many of the elements are nowhere in the document yet.
func (s elements) fresh(d *crdt.Document, keys []string) (n int) {
	in, ok := d.Container(s.path)
	for _, key := range keys {
		if !ok || !d.State().Has(in, s.tag, key) {
			n++
		}
	}
	return n
}

// Contains reports whether an element is in the set. A value that cannot be
// encoded never is.
func (s elements) Contains(elem any) (ok bool) {
	key, err := encode(elem)
	if err != nil {
		return false
	}
	s.read(func(d *crdt.Document) {
		if in, found := d.Container(s.path); found {
			ok = d.Present(in, s.tag, key)
		}
	}, s.at(s.path, s.tag, key)...)
	return ok
}

// Len returns the number of elements, in O(elements).
func (s elements) Len() int { return len(s.members()) }

// members returns the encoded elements in byte order.
func (s elements) members() (keys []string) {
	s.read(func(d *crdt.Document) {
		in, ok := d.Container(s.path)
		if !ok {
			return
		}
		for l := range d.Entries(in) {
			if l.Tag == s.tag && d.Present(in, s.tag, l.Key) {
				keys = append(keys, l.Key)
			}
		}
	})
	slices.Sort(keys)
	return keys
}

// Collection is a Set or a RemoveWinsSet.
type Collection interface {
	members() []string
	Name() string
}

// Members returns the elements of a set, in the order of their encodings. An
// element of another type than T is ErrType; T may be any.
func Members[T any](c Collection) ([]T, error) {
	keys := c.members()
	out := make([]T, len(keys))
	for i, k := range keys {
		var err error
		if out[i], err = decode[T](k); err != nil {
			return nil, err
		}
	}
	return out, nil
}
