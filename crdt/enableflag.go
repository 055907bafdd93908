package crdt

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// EnableFlag is a boolean where enabling wins over a concurrent disabling.
//
// It is not safe for concurrent use, except by readers alone. The zero value
// is disabled; see [Base].
type EnableFlag struct {
	Base
}

// NewEnableFlag returns a disabled flag that writes as actor.
func NewEnableFlag(actor causal.Actor) *EnableFlag {
	f := &EnableFlag{}
	f.Bind(actor, nil)
	return f
}

// Enable enables the flag and returns the delta.
func (f *EnableFlag) Enable(opts ...Options) (delta.Delta, error) {
	return f.AppendEnable(nil, opts...)
}

// AppendEnable is Enable that appends the delta to dst.
func (f *EnableFlag) AppendEnable(dst []byte, opts ...Options) (delta.Delta, error) {
	if err := f.Writer().Enable(opts...); err != nil {
		return dst, err
	}
	return f.Flush(dst), nil
}

// Disable disables what this replica has observed enabled and returns the delta,
// nil if it was disabled already.
func (f *EnableFlag) Disable() (delta.Delta, error) { return f.AppendDisable(nil) }

// AppendDisable is Disable that appends the delta to dst.
func (f *EnableFlag) AppendDisable(dst []byte) (delta.Delta, error) {
	if err := f.Writer().Disable(); err != nil {
		return dst, err
	}
	return f.Flush(dst), nil
}

// Enabled reports whether the flag is enabled.
func (f *EnableFlag) Enabled() bool { return f.doc.Present(kernel.Root, TagEWFlag, "") }

// Merge merges a delta, a group of deltas or a whole flag. An error means that
// nothing was changed.
func (f *EnableFlag) Merge(d delta.Delta) error { return f.doc.MergeChecked(d, admitEnableFlag) }

// UnmarshalBinary replaces the flag by an encoded one; see [Base.Restore].
func (f *EnableFlag) UnmarshalBinary(data []byte) error { return f.Restore(data, admitEnableFlag) }

func admitEnableFlag(e wire.Entry) error { return Admit(e, TagEWFlag, codec.Empty, codec.Empty) }

// Clone returns a copy that shares nothing and writes as another actor.
func (f *EnableFlag) Clone(actor causal.Actor) *EnableFlag { return &EnableFlag{f.CloneBase(actor)} }

// Equal reports whether both know the same writes.
func (f *EnableFlag) Equal(other *EnableFlag) bool { return f.Same(&other.Base) }

// EnableFlagWriter writes to a flag without sealing; Flush seals.
type EnableFlagWriter EnableFlag

// Writer returns a writer to the flag.
func (f *EnableFlag) Writer() *EnableFlagWriter { return (*EnableFlagWriter)(f) }

// Enable enables the flag.
func (w *EnableFlagWriter) Enable(opts ...Options) error {
	return w.doc.Assign(kernel.Root, TagEWFlag, "", "", false, Combine(opts...))
}

// Disable disables the flag.
func (w *EnableFlagWriter) Disable() error {
	return w.doc.Remove(kernel.Root, TagEWFlag, "", Options{})
}
