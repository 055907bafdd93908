package orset

import (
	"iter"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// RemoveWins is a remove-wins set: a removal beats every concurrent addition,
// also of an element that the remover had never seen. The price is a mark that
// stays for each element removed, until it is added again.
//
// A RemoveWins is not safe for concurrent use, except by readers alone. The
// zero value is empty; see [crdt.Base].
type RemoveWins[E any] struct {
	crdt.Base
	elem    codec.Coder[E]
	scratch codec.Scratch
}

// NewRemoveWins returns an empty set that writes as actor. It panics if there
// is no built-in codec for E; NewRemoveWinsWith takes another.
func NewRemoveWins[E any](actor causal.Actor) *RemoveWins[E] {
	return NewRemoveWinsWith(actor, crdt.Config[E]{})
}

// NewRemoveWinsWith returns an empty set with a clock or codec of one's own.
func NewRemoveWinsWith[E any](actor causal.Actor, c crdt.Config[E]) *RemoveWins[E] {
	s := &RemoveWins[E]{elem: codec.New(c.Codec)}
	s.Bind(actor, c.Clock)
	return s
}

// Add adds an element, unless it is concurrently removed, and returns the delta.
func (s *RemoveWins[E]) Add(e E, opts ...crdt.Options) (delta.Delta, error) {
	return s.AppendAdd(nil, e, opts...)
}

// AppendAdd is Add that appends the delta to dst.
func (s *RemoveWins[E]) AppendAdd(dst []byte, e E, opts ...crdt.Options) (delta.Delta, error) {
	if err := s.Writer().Add(e, opts...); err != nil {
		return dst, err
	}
	return s.Flush(dst), nil
}

// Remove removes an element, there or not, and returns the delta.
func (s *RemoveWins[E]) Remove(e E) (delta.Delta, error) { return s.AppendRemove(nil, e) }

// AppendRemove is Remove that appends the delta to dst.
func (s *RemoveWins[E]) AppendRemove(dst []byte, e E) (delta.Delta, error) {
	if err := s.Writer().Remove(e); err != nil {
		return dst, err
	}
	return s.Flush(dst), nil
}

// Update runs write as one atomic group: other replicas see all its writes or
// none. If write returns an error they are taken back. The delta holds the
// group, and what a Writer wrote before without a Flush.
func (s *RemoveWins[E]) Update(write func(*RemoveWinsWriter[E]) error) (delta.Delta, error) {
	if err := s.Document().Update(func() error { return write(s.Writer()) }); err != nil {
		return nil, err
	}
	return s.Flush(nil), nil
}

// Contains reports whether the element is in the set.
func (s *RemoveWins[E]) Contains(e E) bool {
	var scratch codec.Scratch
	key, err := s.elem.View(&e, &scratch)
	return err == nil && s.present(key)
}

func (s *RemoveWins[E]) present(key string) bool {
	return s.Document().Present(kernel.Root, crdt.TagRWElem, key)
}

// Len returns the number of elements, in O(elements and marks).
func (s *RemoveWins[E]) Len() (n int) {
	for l := range s.Document().Entries(kernel.Root) {
		if s.present(l.Key) {
			n++
		}
	}
	return n
}

// All yields the elements in no particular order, which differs between
// replicas. The set must not be changed meanwhile.
func (s *RemoveWins[E]) All() iter.Seq[E] {
	return func(yield func(E) bool) {
		for l := range s.Document().Entries(kernel.Root) {
			if s.present(l.Key) && !yield(codec.Must(s.elem.Decode(l.Key))) {
				return
			}
		}
	}
}

// Sorted yields the elements in the order of their encodings, which for
// strings and numbers is their own. It collects the set first.
func (s *RemoveWins[E]) Sorted() iter.Seq[E] {
	return func(yield func(E) bool) {
		for _, l := range sorted(s.Document()) {
			if s.present(l.Key) && !yield(codec.Must(s.elem.Decode(l.Key))) {
				return
			}
		}
	}
}

// Merge merges a delta, a group of deltas or a whole set. An error means that
// nothing was changed.
func (s *RemoveWins[E]) Merge(d delta.Delta) error { return s.Document().MergeChecked(d, s.admit) }

// UnmarshalBinary replaces the set by an encoded one; see [crdt.Base.Restore].
func (s *RemoveWins[E]) UnmarshalBinary(data []byte) error { return s.Restore(data, s.admit) }

// admit is the check of what is merged.
func (s *RemoveWins[E]) admit(e wire.Entry) error {
	return crdt.Admit(e, crdt.TagRWElem, s.elem.Check, codec.Empty)
}

// Clone returns a copy that shares nothing and writes as another actor.
func (s *RemoveWins[E]) Clone(actor causal.Actor) *RemoveWins[E] {
	return &RemoveWins[E]{Base: s.CloneBase(actor), elem: s.elem}
}

// Equal reports whether both know the same writes, and so hold the same elements.
func (s *RemoveWins[E]) Equal(other *RemoveWins[E]) bool { return s.Same(&other.Base) }

// RemoveWinsWriter writes to a set without sealing: many writes, then one Flush.
type RemoveWinsWriter[E any] RemoveWins[E]

// Writer returns a writer to the set.
func (s *RemoveWins[E]) Writer() *RemoveWinsWriter[E] { return (*RemoveWinsWriter[E])(s) }

// Add adds an element, unless it is concurrently removed.
func (w *RemoveWinsWriter[E]) Add(e E, opts ...crdt.Options) error {
	return w.assign(&e, false, crdt.Combine(opts...))
}

// Remove removes an element, there or not.
func (w *RemoveWinsWriter[E]) Remove(e E) error { return w.assign(&e, true, crdt.Options{}) }

func (w *RemoveWinsWriter[E]) assign(e *E, removed bool, o crdt.Options) error {
	key, err := w.elem.View(e, &w.scratch)
	if err != nil {
		return err
	}
	return w.Document().Assign(kernel.Root, crdt.TagRWElem, key, "", removed, o)
}
