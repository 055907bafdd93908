package orset

import (
	"iter"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// Set is an add-wins set. Adding and merging an element cost the same however
// large the set is.
//
// A Set is not safe for concurrent use, except by readers alone. The zero value
// is empty; see [crdt.Base].
type Set[E any] struct {
	crdt.Base
	elem    codec.Coder[E]
	scratch codec.Scratch
}

// New returns an empty set that writes as actor. It panics if there is no
// built-in codec for E; NewWith takes another.
func New[E any](actor causal.Actor) *Set[E] { return NewWith(actor, crdt.Config[E]{}) }

// NewWith returns an empty set with a clock or codec of one's own.
func NewWith[E any](actor causal.Actor, c crdt.Config[E]) *Set[E] {
	s := &Set[E]{elem: codec.New(c.Codec)}
	s.Bind(actor, c.Clock)
	return s
}

// Add adds an element and returns the delta. Adding one that is there already
// is a write too: it survives a concurrent removal.
func (s *Set[E]) Add(e E, opts ...crdt.Options) (delta.Delta, error) {
	return s.AppendAdd(nil, e, opts...)
}

// AppendAdd is Add that appends the delta to dst. If dst has room it allocates
// only what the set itself keeps.
func (s *Set[E]) AppendAdd(dst []byte, e E, opts ...crdt.Options) (delta.Delta, error) {
	if err := s.Writer().Add(e, opts...); err != nil {
		return dst, err
	}
	return s.Flush(dst), nil
}

// Remove removes an element as far as it was observed and returns the delta,
// nil if it was not there.
func (s *Set[E]) Remove(e E) (delta.Delta, error) { return s.AppendRemove(nil, e) }

// AppendRemove is Remove that appends the delta to dst.
func (s *Set[E]) AppendRemove(dst []byte, e E) (delta.Delta, error) {
	if err := s.Writer().Remove(e); err != nil {
		return dst, err
	}
	return s.Flush(dst), nil
}

// Clear removes all elements observed and returns the delta, nil if there were none.
func (s *Set[E]) Clear() (delta.Delta, error) {
	if err := s.Writer().Clear(); err != nil {
		return nil, err
	}
	return s.Flush(nil), nil
}

// Update runs write as one atomic group: other replicas see all its writes or
// none. If write returns an error they are taken back. The delta holds the
// group, and what a Writer wrote before without a Flush.
func (s *Set[E]) Update(write func(*SetWriter[E]) error) (delta.Delta, error) {
	if err := s.Document().Update(func() error { return write(s.Writer()) }); err != nil {
		return nil, err
	}
	return s.Flush(nil), nil
}

// Contains reports whether the element is in the set.
func (s *Set[E]) Contains(e E) bool {
	var scratch codec.Scratch
	key, err := s.elem.View(&e, &scratch)
	return err == nil && s.Document().Stands(kernel.Root, crdt.TagElem, key)
}

// Len returns the number of elements: in O(1), or O(elements) if any expires.
func (s *Set[E]) Len() int { return s.Document().Len(kernel.Root) }

// All yields the elements in no particular order, which differs between
// replicas. The set must not be changed meanwhile.
func (s *Set[E]) All() iter.Seq[E] {
	return func(yield func(E) bool) {
		for l := range s.Document().Entries(kernel.Root) {
			if !yield(codec.Must(s.elem.Decode(l.Key))) {
				return
			}
		}
	}
}

// Sorted yields the elements in the order of their encodings, which for
// strings and numbers is their own. It collects the set first.
func (s *Set[E]) Sorted() iter.Seq[E] {
	return func(yield func(E) bool) {
		for _, l := range sorted(s.Document()) {
			if !yield(codec.Must(s.elem.Decode(l.Key))) {
				return
			}
		}
	}
}

// sorted returns the winners at all keys at the root, ordered by key.
func sorted(d *crdt.Document) []kernel.Live {
	return slices.SortedFunc(d.Entries(kernel.Root), func(a, b kernel.Live) int {
		return strings.Compare(a.Key, b.Key)
	})
}

// Merge merges a delta, a group of deltas or a whole set. An error means that
// nothing was changed.
func (s *Set[E]) Merge(d delta.Delta) error { return s.Document().MergeChecked(d, s.admit) }

// UnmarshalBinary replaces the set by an encoded one; see [crdt.Base.Restore].
func (s *Set[E]) UnmarshalBinary(data []byte) error { return s.Restore(data, s.admit) }

// admit is the check of what is merged.
func (s *Set[E]) admit(e wire.Entry) error {
	return crdt.Admit(e, crdt.TagElem, s.elem.Check, codec.Empty)
}

// Clone returns a copy that shares nothing and writes as another actor.
func (s *Set[E]) Clone(actor causal.Actor) *Set[E] {
	return &Set[E]{Base: s.CloneBase(actor), elem: s.elem}
}

// Equal reports whether both know the same writes, and so hold the same elements.
func (s *Set[E]) Equal(other *Set[E]) bool { return s.Same(&other.Base) }

// SetWriter writes to a set without sealing: many writes, then one Flush.
type SetWriter[E any] Set[E]

// Writer returns a writer to the set.
func (s *Set[E]) Writer() *SetWriter[E] { return (*SetWriter[E])(s) }

// Add adds an element.
func (w *SetWriter[E]) Add(e E, opts ...crdt.Options) error {
	key, err := w.elem.View(&e, &w.scratch)
	if err != nil {
		return err
	}
	return w.Document().Assign(kernel.Root, crdt.TagElem, key, "", false, crdt.Combine(opts...))
}

// Remove removes an element as far as it was observed.
func (w *SetWriter[E]) Remove(e E) error {
	key, err := w.elem.View(&e, &w.scratch)
	if err != nil {
		return err
	}
	return w.Document().Remove(kernel.Root, crdt.TagElem, key, crdt.Options{})
}

// Clear removes all elements observed.
func (w *SetWriter[E]) Clear() error { return w.Document().RemoveBelow(kernel.Root) }
