package orset

import (
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// MapWriter writes to a map without sealing: many writes, then one Flush. What
// was superseded meanwhile costs nothing in the delta.
type MapWriter[K, V any] Map[K, V]

// Writer returns a writer to the map.
func (m *Map[K, V]) Writer() *MapWriter[K, V] { return (*MapWriter[K, V])(m) }

// Put writes a value in place of all that was observed at the key.
func (w *MapWriter[K, V]) Put(k K, v V, opts ...crdt.Options) error {
	key, err := w.keys.View(&k, &w.kbuf)
	if err != nil {
		return err
	}
	value, err := w.values.View(&v, &w.vbuf)
	if err != nil {
		return err
	}
	return w.Document().Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Combine(opts...))
}

// Remove removes what was observed at the key, or the dots that an [crdt.Over]
// lists.
func (w *MapWriter[K, V]) Remove(k K, opts ...crdt.Options) error {
	key, err := w.keys.View(&k, &w.kbuf)
	if err != nil {
		return err
	}
	return w.Document().Remove(kernel.Root, crdt.TagRegister, key, crdt.Combine(opts...))
}

// Clear removes all that was observed.
func (w *MapWriter[K, V]) Clear() error { return w.Document().RemoveBelow(kernel.Root) }
