package lwwmap

import (
	"iter"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// Config is what a map can be told. The zero Config is the default.
type Config[K, V any] struct {
	// Clock stamps the writes; nil is a fresh one on time.Now.
	Clock *hlc.Clock
	// Keys and Values encode; nil is the built-in codec for the type.
	Keys   crdt.Codec[K]
	Values crdt.Codec[V]
}

// Map is a last-writer-wins map: put and delete compete by time, and the later
// one counts, whichever it is. A write that had observed another always counts
// after it, whatever the clocks say; times only order concurrent writes.
//
// A Map is not safe for concurrent use, except by readers alone. The zero value
// is empty; see [crdt.Base].
type Map[K, V any] struct {
	crdt.Base
	keys       codec.Coder[K]
	values     codec.Coder[V]
	kbuf, vbuf codec.Scratch
}

// New returns an empty map that writes as actor. It panics if there is no
// built-in codec for K or V; NewWith takes others.
func New[K, V any](actor causal.Actor) *Map[K, V] {
	return NewWith(actor, Config[K, V]{})
}

// NewWith returns an empty map with a clock or codecs of one's own.
func NewWith[K, V any](actor causal.Actor, c Config[K, V]) *Map[K, V] {
	m := &Map[K, V]{keys: codec.New(c.Keys), values: codec.New(c.Values)}
	m.Bind(actor, c.Clock)
	return m
}

// Put writes a value and returns the delta. With [crdt.At] it carries an
// explicit timestamp, and is ignored with [crdt.ErrSuperseded] if a later put
// or delete of the key is known.
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

// Delete deletes a key, there or not, and returns the delta. It leaves a
// tombstone, which beats older puts that are still under way.
func (m *Map[K, V]) Delete(k K, opts ...crdt.Options) (delta.Delta, error) {
	return m.AppendDelete(nil, k, opts...)
}

// AppendDelete is Delete that appends the delta to dst.
func (m *Map[K, V]) AppendDelete(dst []byte, k K, opts ...crdt.Options) (delta.Delta, error) {
	if err := m.Writer().Delete(k, opts...); err != nil {
		return dst, err
	}
	return m.Flush(dst), nil
}

// Update runs write as one atomic group: its writes carry one timestamp, and
// other replicas see all of them or none. If write returns an error they are
// taken back. The delta holds the group, and what a Writer wrote before
// without a Flush.
func (m *Map[K, V]) Update(write func(*Writer[K, V]) error) (delta.Delta, error) {
	if err := m.Document().Update(func() error { return write(m.Writer()) }); err != nil {
		return nil, err
	}
	return m.Flush(nil), nil
}

// Get returns the value at a key, false if there is none.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	var scratch codec.Scratch
	key, err := m.keys.View(&k, &scratch)
	if err != nil {
		return v, false
	}
	l, ok := m.Document().Latest(kernel.Root, crdt.TagLWWField, key)
	if !ok {
		return v, false
	}
	return codec.Must(m.values.Decode(l.Value)), true
}

// Contains reports whether the key is in the map.
func (m *Map[K, V]) Contains(k K) bool {
	_, ok := m.Get(k)
	return ok
}

// Time returns when the key was last put or deleted, as far as is known here.
func (m *Map[K, V]) Time(k K) (hlc.Time, bool) {
	var scratch codec.Scratch
	key, err := m.keys.View(&k, &scratch)
	if err != nil {
		return 0, false
	}
	l, ok := m.Document().Winner(kernel.Root, crdt.TagLWWField, key)
	return l.Time, ok
}

// Len returns the number of keys, in O(keys and tombstones).
func (m *Map[K, V]) Len() (n int) {
	for l := range m.Document().Entries(kernel.Root) {
		if !l.Marked {
			n++
		}
	}
	return n
}

// All yields the keys with their values, in no particular order, which
// differs between replicas. The map must not be changed meanwhile.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for l := range m.Document().Entries(kernel.Root) {
			if !l.Marked && !m.yield(&l, yield) {
				return
			}
		}
	}
}

// Sorted yields what All does in the order of the keys' encodings, which for
// strings and numbers is their own. It collects the map first.
func (m *Map[K, V]) Sorted() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		entries := m.Document().Entries(kernel.Root)
		for _, l := range slices.SortedFunc(entries, func(a, b kernel.Live) int { return strings.Compare(a.Key, b.Key) }) {
			if !l.Marked && !m.yield(&l, yield) {
				return
			}
		}
	}
}

func (m *Map[K, V]) yield(l *kernel.Live, yield func(K, V) bool) bool {
	return yield(codec.Must(m.keys.Decode(l.Key)), codec.Must(m.values.Decode(l.Value)))
}

// Merge merges a delta, a group of deltas or a whole map. An error means that
// nothing was changed.
func (m *Map[K, V]) Merge(d delta.Delta) error { return m.Document().MergeChecked(d, m.admit) }

// UnmarshalBinary replaces the map by an encoded one; see [crdt.Base.Restore].
func (m *Map[K, V]) UnmarshalBinary(data []byte) error { return m.Restore(data, m.admit) }

// admit is the check of what is merged.
func (m *Map[K, V]) admit(e wire.Entry) error {
	return crdt.Admit(e, crdt.TagLWWField, m.keys.Check, m.values.Check)
}

// Clone returns a copy that shares nothing and writes as another actor.
func (m *Map[K, V]) Clone(actor causal.Actor) *Map[K, V] {
	return &Map[K, V]{Base: m.CloneBase(actor), keys: m.keys, values: m.values}
}

// Equal reports whether both know the same writes, and so hold the same.
func (m *Map[K, V]) Equal(other *Map[K, V]) bool { return m.Same(&other.Base) }

// Writer writes to a map without sealing: many writes, then one Flush. What
// was superseded meanwhile costs nothing in the delta.
type Writer[K, V any] Map[K, V]

// Writer returns a writer to the map.
func (m *Map[K, V]) Writer() *Writer[K, V] { return (*Writer[K, V])(m) }

// Put writes a value.
func (w *Writer[K, V]) Put(k K, v V, opts ...crdt.Options) error {
	value, err := w.values.View(&v, &w.vbuf)
	if err != nil {
		return err
	}
	return w.assign(&k, value, false, opts)
}

// Delete deletes a key, there or not.
func (w *Writer[K, V]) Delete(k K, opts ...crdt.Options) error {
	return w.assign(&k, "", true, opts)
}

func (w *Writer[K, V]) assign(k *K, value string, deleted bool, opts []crdt.Options) error {
	key, err := w.keys.View(k, &w.kbuf)
	if err != nil {
		return err
	}
	return w.Document().Assign(kernel.Root, crdt.TagLWWField, key, value, deleted, crdt.Combine(opts...))
}
