package crdt

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// Sibling is one of the values that stand beside each other after concurrent
// writes, with who wrote it and when.
type Sibling[V any] struct {
	Value V
	Dot   causal.Dot // names the write; its Actor is who wrote
	Time  hlc.Time
}

// Register holds one value. A write replaces what its writer has observed.
// After concurrent writes all their values stand, until a write that has seen
// them: Get reads the latest (last writer wins), Siblings reads all
// (multi-value). Which one is a choice at each read, over the same state.
//
// A Register is not safe for concurrent use, except by readers alone. The zero
// value is empty; see [Base].
type Register[V any] struct {
	Base
	value   codec.Coder[V]
	scratch codec.Scratch
}

// NewRegister returns an empty register that writes as actor. It panics if
// there is no built-in codec for V; NewRegisterWith takes another.
func NewRegister[V any](actor causal.Actor) *Register[V] {
	return NewRegisterWith(actor, Config[V]{})
}

// NewRegisterWith returns an empty register with a clock or codec of one's own.
func NewRegisterWith[V any](actor causal.Actor, c Config[V]) *Register[V] {
	r := &Register[V]{value: codec.New(c.Codec)}
	r.Bind(actor, c.Clock)
	return r
}

// Set writes a value in place of all observed and returns the delta.
func (r *Register[V]) Set(v V, opts ...Options) (delta.Delta, error) {
	return r.AppendSet(nil, v, opts...)
}

// AppendSet is Set that appends the delta to dst.
func (r *Register[V]) AppendSet(dst []byte, v V, opts ...Options) (delta.Delta, error) {
	if err := r.Writer().Set(v, opts...); err != nil {
		return dst, err
	}
	return r.Flush(dst), nil
}

// Clear removes what this replica has observed and returns the delta, nil if
// there was nothing. A concurrent Set survives it.
func (r *Register[V]) Clear(opts ...Options) (delta.Delta, error) {
	if err := r.Writer().Clear(opts...); err != nil {
		return nil, err
	}
	return r.Flush(nil), nil
}

// Get returns the value by last-writer-wins, false if the register is empty.
func (r *Register[V]) Get() (v V, ok bool) {
	l, ok := r.doc.Latest(kernel.Root, TagRegister, "")
	if !ok {
		return v, false
	}
	return codec.Must(r.value.Decode(l.Value)), true
}

// Siblings returns all values that stand, the one that Get returns first.
func (r *Register[V]) Siblings() []Sibling[V] {
	return DecodeSiblings(&r.doc, r.value, r.doc.Siblings(kernel.Root, TagRegister, ""))
}

// DecodeSiblings decodes payloads that a register's Merge has let in.
func DecodeSiblings[V any](d *Document, c codec.Coder[V], all []kernel.Live) []Sibling[V] {
	out := make([]Sibling[V], len(all))
	for i := range all {
		out[i] = Sibling[V]{codec.Must(c.Decode(all[i].Value)), d.state.Dot(&all[i]), all[i].Time}
	}
	return out
}

// Context returns the dots of all values that stand, for a write with [Over].
func (r *Register[V]) Context() []causal.Dot {
	return r.doc.Context(kernel.Root, TagRegister, "")
}

// Merge merges a delta, a group of deltas or a whole register. An error means
// that nothing was changed.
func (r *Register[V]) Merge(d delta.Delta) error { return r.doc.MergeChecked(d, r.admit) }

// UnmarshalBinary replaces the register by an encoded one; see [Base.Restore].
func (r *Register[V]) UnmarshalBinary(data []byte) error { return r.Restore(data, r.admit) }

// admit is the check of what is merged.
func (r *Register[V]) admit(e wire.Entry) error {
	return Admit(e, TagRegister, codec.Empty, r.value.Check)
}

// Clone returns a copy that shares nothing and writes as another actor.
func (r *Register[V]) Clone(actor causal.Actor) *Register[V] {
	return &Register[V]{Base: r.CloneBase(actor), value: r.value}
}

// Equal reports whether both know the same writes, and so hold the same.
func (r *Register[V]) Equal(other *Register[V]) bool { return r.Same(&other.Base) }

// RegisterWriter writes to a register without sealing: many writes, then one
// Flush. What was superseded meanwhile costs nothing in the delta.
type RegisterWriter[V any] Register[V]

// Writer returns a writer to the register.
func (r *Register[V]) Writer() *RegisterWriter[V] { return (*RegisterWriter[V])(r) }

// Set writes a value in place of all observed.
func (w *RegisterWriter[V]) Set(v V, opts ...Options) error {
	s, err := w.value.View(&v, &w.scratch)
	if err != nil {
		return err
	}
	return w.doc.Assign(kernel.Root, TagRegister, "", s, false, Combine(opts...))
}

// Clear removes what this replica has observed.
func (w *RegisterWriter[V]) Clear(opts ...Options) error {
	return w.doc.Remove(kernel.Root, TagRegister, "", Combine(opts...))
}
