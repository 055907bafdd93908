package crdt

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// DisableFlag is a boolean where disabling wins over a concurrent enabling.
//
// It is not safe for concurrent use, except by readers alone. The zero value
// is disabled; see [Base].
type DisableFlag struct {
	Base
}

// NewDisableFlag returns a disabled flag that writes as actor.
func NewDisableFlag(actor causal.Actor) *DisableFlag {
	f := &DisableFlag{}
	f.Bind(actor, nil)
	return f
}

// Enable enables the flag and returns the delta.
func (f *DisableFlag) Enable(opts ...Options) (delta.Delta, error) {
	return f.AppendEnable(nil, opts...)
}

// AppendEnable is Enable that appends the delta to dst.
func (f *DisableFlag) AppendEnable(dst []byte, opts ...Options) (delta.Delta, error) {
	if err := f.Writer().Enable(opts...); err != nil {
		return dst, err
	}
	return f.Flush(dst), nil
}

// Disable disables the flag and returns the delta.
func (f *DisableFlag) Disable() (delta.Delta, error) { return f.AppendDisable(nil) }

// AppendDisable is Disable that appends the delta to dst.
func (f *DisableFlag) AppendDisable(dst []byte) (delta.Delta, error) {
	if err := f.Writer().Disable(); err != nil {
		return dst, err
	}
	return f.Flush(dst), nil
}

// Enabled reports whether the flag is enabled.
func (f *DisableFlag) Enabled() bool { return f.doc.Present(kernel.Root, TagDWFlag, "") }

// Merge merges a delta, a group of deltas or a whole flag. An error means that
// nothing was changed.
func (f *DisableFlag) Merge(d delta.Delta) error { return f.doc.MergeChecked(d, admitDisableFlag) }

// UnmarshalBinary replaces the flag by an encoded one; see [Base.Restore].
func (f *DisableFlag) UnmarshalBinary(data []byte) error { return f.Restore(data, admitDisableFlag) }

func admitDisableFlag(e wire.Entry) error { return Admit(e, TagDWFlag, codec.Empty, codec.Empty) }

// Clone returns a copy that shares nothing and writes as another actor.
func (f *DisableFlag) Clone(actor causal.Actor) *DisableFlag { return &DisableFlag{f.CloneBase(actor)} }

// Equal reports whether both know the same writes.
func (f *DisableFlag) Equal(other *DisableFlag) bool { return f.Same(&other.Base) }

// DisableFlagWriter writes to a flag without sealing; Flush seals.
type DisableFlagWriter DisableFlag

// Writer returns a writer to the flag.
func (f *DisableFlag) Writer() *DisableFlagWriter { return (*DisableFlagWriter)(f) }

// Enable enables the flag.
func (w *DisableFlagWriter) Enable(opts ...Options) error {
	return w.doc.Assign(kernel.Root, TagDWFlag, "", "", false, Combine(opts...))
}

// Disable disables the flag.
func (w *DisableFlagWriter) Disable() error {
	return w.doc.Assign(kernel.Root, TagDWFlag, "", "", true, Options{})
}
