package orset

import (
	"iter"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// MapConfig is what a map can be told. The zero MapConfig is the default.
type MapConfig[K, V any] struct {
	// Clock stamps the writes; nil is a fresh one on time.Now.
	Clock *hlc.Clock
	// Keys and Values encode; nil is the built-in codec for the type.
	Keys   crdt.Codec[K]
	Values crdt.Codec[V]
}

// Map is an observed-remove map. A removal affects the values that its writer
// had observed, so a concurrent put to the key survives it. Each key holds a
// register: Get reads the latest value, Siblings all that stand after
// concurrent puts; which one is a choice at each read.
//
// A Map is not safe for concurrent use, except by readers alone. The zero value
// is empty; see [crdt.Base].
type Map[K, V any] struct {
	crdt.Base
	keys       codec.Coder[K]
	values     codec.Coder[V]
	kbuf, vbuf codec.Scratch
}

// NewMap returns an empty map that writes as actor. It panics if there is no
// built-in codec for K or V; NewMapWith takes others.
func NewMap[K, V any](actor causal.Actor) *Map[K, V] {
	return NewMapWith(actor, MapConfig[K, V]{})
}

// NewMapWith returns an empty map with a clock or codecs of one's own.
func NewMapWith[K, V any](actor causal.Actor, c MapConfig[K, V]) *Map[K, V] {
	m := &Map[K, V]{keys: codec.New(c.Keys), values: codec.New(c.Values)}
	m.Bind(actor, c.Clock)
	return m
}

// Put writes a value in place of all that was observed at the key and returns
// the delta.
func (m *Map[K, V]) Put(k K, v V, opts ...crdt.Options) (delta.Delta, error) {
	return m.AppendPut(nil, k, v, opts...)
}

// AppendPut is Put that appends the delta to dst. If dst has room it allocates
// only what the map itself keeps.
func (m *Map[K, V]) AppendPut(dst []byte, k K, v V, opts ...crdt.Options) (delta.Delta, error) {
	if err := m.Writer().Put(k, v, opts...); err != nil {
		return dst, err
	}
	return m.Flush(dst), nil
}

// Remove removes what was observed at the key, or the dots that an
// [crdt.Over] lists, and returns the delta, nil if there was nothing.
func (m *Map[K, V]) Remove(k K, opts ...crdt.Options) (delta.Delta, error) {
	return m.AppendRemove(nil, k, opts...)
}

// AppendRemove is Remove that appends the delta to dst.
func (m *Map[K, V]) AppendRemove(dst []byte, k K, opts ...crdt.Options) (delta.Delta, error) {
	if err := m.Writer().Remove(k, opts...); err != nil {
		return dst, err
	}
	return m.Flush(dst), nil
}

// Clear removes all that was observed and returns the delta, nil if there was nothing.
func (m *Map[K, V]) Clear() (delta.Delta, error) {
	if err := m.Writer().Clear(); err != nil {
		return nil, err
	}
	return m.Flush(nil), nil
}

// Update runs write as one atomic group: its writes carry one timestamp, and
// other replicas see all of them or none. If write returns an error they are
// taken back. The delta holds the group, and what a Writer wrote before
// without a Flush.
func (m *Map[K, V]) Update(write func(*MapWriter[K, V]) error) (delta.Delta, error) {
	if err := m.Document().Update(func() error { return write(m.Writer()) }); err != nil {
		return nil, err
	}
	return m.Flush(nil), nil
}

// Get returns the latest value at a key, false if there is none.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	var scratch codec.Scratch
	key, err := m.keys.View(&k, &scratch)
	if err != nil {
		return v, false
	}
	l, ok := m.Document().Latest(kernel.Root, crdt.TagRegister, key)
	if !ok {
		return v, false
	}
	return codec.Must(m.values.Decode(l.Value)), true
}

// Contains reports whether the key is in the map.
func (m *Map[K, V]) Contains(k K) bool {
	var scratch codec.Scratch
	key, err := m.keys.View(&k, &scratch)
	return err == nil && m.Document().Stands(kernel.Root, crdt.TagRegister, key)
}

// Siblings returns all values that stand at a key, the one that Get returns first.
func (m *Map[K, V]) Siblings(k K) []crdt.Sibling[V] {
	var scratch codec.Scratch
	key, err := m.keys.View(&k, &scratch)
	if err != nil {
		return nil
	}
	d := m.Document()
	return crdt.DecodeSiblings(d, m.values, d.Siblings(kernel.Root, crdt.TagRegister, key))
}

// Context returns the dots of all values that stand at a key, for a later
// write with [crdt.Over].
func (m *Map[K, V]) Context(k K) []causal.Dot {
	var scratch codec.Scratch
	key, err := m.keys.View(&k, &scratch)
	if err != nil {
		return nil
	}
	return m.Document().Context(kernel.Root, crdt.TagRegister, key)
}

// Len returns the number of keys: in O(1), or O(keys) if any expires.
func (m *Map[K, V]) Len() int { return m.Document().Len(kernel.Root) }

// All yields the keys with their latest values, in no particular order, which
// differs between replicas. The map must not be changed meanwhile.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for l := range m.Document().Entries(kernel.Root) {
			if !m.yield(&l, yield) {
				return
			}
		}
	}
}

// Sorted yields what All does in the order of the keys' encodings, which for
// strings and numbers is their own. It collects the map first.
func (m *Map[K, V]) Sorted() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, l := range sorted(m.Document()) {
			if !m.yield(&l, yield) {
				return
			}
		}
	}
}

func (m *Map[K, V]) yield(l *kernel.Live, yield func(K, V) bool) bool {
	return yield(codec.Must(m.keys.Decode(l.Key)), codec.Must(m.values.Decode(l.Value)))
}

// Conflicts yields the keys at which several values stand, with their number,
// in no particular order. It costs O(map).
func (m *Map[K, V]) Conflicts() iter.Seq2[K, int] {
	return func(yield func(K, int) bool) {
		d := m.Document()
		for l := range d.Entries(kernel.Root) {
			n := 0
			for range d.Standing(kernel.Root, crdt.TagRegister, l.Key) {
				n++
			}
			if n > 1 && !yield(codec.Must(m.keys.Decode(l.Key)), n) {
				return
			}
		}
	}
}

// Merge merges a delta, a group of deltas or a whole map. An error means that
// nothing was changed.
func (m *Map[K, V]) Merge(d delta.Delta) error { return m.Document().MergeChecked(d, m.admit) }

// UnmarshalBinary replaces the map by an encoded one; see [crdt.Base.Restore].
func (m *Map[K, V]) UnmarshalBinary(data []byte) error { return m.Restore(data, m.admit) }

// admit is the check of what is merged.
func (m *Map[K, V]) admit(e wire.Entry) error {
	return crdt.Admit(e, crdt.TagRegister, m.keys.Check, m.values.Check)
}

// Clone returns a copy that shares nothing and writes as another actor.
func (m *Map[K, V]) Clone(actor causal.Actor) *Map[K, V] {
	return &Map[K, V]{Base: m.CloneBase(actor), keys: m.keys, values: m.values}
}

// Equal reports whether both know the same writes, and so hold the same.
func (m *Map[K, V]) Equal(other *Map[K, V]) bool { return m.Same(&other.Base) }
