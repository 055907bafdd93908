package orset

import (
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// Assign writes the register in place of all observed and returns the delta.
func (f Field) Assign(value string, opts ...crdt.Options) (delta.Delta, error) {
	return f.seal(f.Writer().Assign(value, opts...))
}

// Increment adds n, which may be negative, to the counter and returns the delta.
func (f Field) Increment(n int64) (delta.Delta, error) { return f.seal(f.Writer().Increment(n)) }

// Enable enables the flag and returns the delta.
func (f Field) Enable(opts ...crdt.Options) (delta.Delta, error) {
	return f.seal(f.Writer().Enable(opts...))
}

// Disable disables the flag as far as it was observed enabled and returns the
// delta, nil if it was not.
func (f Field) Disable() (delta.Delta, error) { return f.seal(f.Writer().Disable()) }

// Add adds an element to the set and returns the delta.
func (f Field) Add(element string, opts ...crdt.Options) (delta.Delta, error) {
	return f.seal(f.Writer().Add(element, opts...))
}

// Discard removes an element from the set as far as it was observed and
// returns the delta, nil if it was not there.
func (f Field) Discard(element string) (delta.Delta, error) {
	return f.seal(f.Writer().Discard(element))
}

// Clear removes all elements of the set that were observed and returns the
// delta, nil if there were none.
func (f Field) Clear() (delta.Delta, error) { return f.seal(f.Writer().Clear()) }

// Remove removes all that was observed in the field, of any type and at any
// depth, and returns the delta, nil if there was nothing.
func (f Field) Remove() (delta.Delta, error) { return f.seal(f.Writer().Remove()) }

func (f Field) seal(err error) (delta.Delta, error) {
	if err != nil {
		return nil, err
	}
	return f.tree.Flush(nil), nil
}

// FieldWriter writes to a field without sealing: many writes, then one Flush of
// the tree, which may append to a buffer.
type FieldWriter Field

// Writer returns a writer to the field.
func (f Field) Writer() FieldWriter { return FieldWriter(f) }

// ensure returns the container that the field's name stands in, creating it.
func (w FieldWriter) ensure() (*crdt.Document, kernel.Ref, error) {
	d := w.tree.Document()
	in, err := d.Ensure(w.above)
	return d, in, err
}

// Assign writes the register in place of all observed.
func (w FieldWriter) Assign(value string, opts ...crdt.Options) error {
	d, in, err := w.ensure()
	if err != nil {
		return err
	}
	return d.Assign(in, crdt.TagRegister, w.name, value, false, crdt.Combine(opts...))
}

// Increment adds n, which may be negative, to the counter.
func (w FieldWriter) Increment(n int64) error {
	d, in, err := w.ensure()
	if err != nil {
		return err
	}
	return d.Increment(in, w.name, n)
}

// Enable enables the flag.
func (w FieldWriter) Enable(opts ...crdt.Options) error {
	d, in, err := w.ensure()
	if err != nil {
		return err
	}
	return d.Assign(in, crdt.TagEWFlag, w.name, "", false, crdt.Combine(opts...))
}

// Disable disables the flag as far as it was observed enabled.
func (w FieldWriter) Disable() error {
	in, ok := Field(w).in()
	if !ok {
		return nil
	}
	return w.tree.Document().Remove(in, crdt.TagEWFlag, w.name, crdt.Options{})
}

// Add adds an element to the set.
func (w FieldWriter) Add(element string, opts ...crdt.Options) error {
	d := w.tree.Document()
	in, err := d.Ensure(append(w.above[:len(w.above):len(w.above)], kernel.Component{Tag: crdt.TagSet, Name: w.name}))
	if err != nil {
		return err
	}
	return d.Assign(in, crdt.TagElem, element, "", false, crdt.Combine(opts...))
}

// Discard removes an element from the set as far as it was observed.
func (w FieldWriter) Discard(element string) error {
	in, ok := Field(w).inside(crdt.TagSet)
	if !ok {
		return nil
	}
	return w.tree.Document().Remove(in, crdt.TagElem, element, crdt.Options{})
}

// Clear removes all elements of the set that were observed.
func (w FieldWriter) Clear() error {
	in, ok := Field(w).inside(crdt.TagSet)
	if !ok {
		return nil
	}
	return w.tree.Document().RemoveBelow(in)
}

// Remove removes all that was observed in the field, of any type and at any depth.
func (w FieldWriter) Remove() error {
	in, ok := Field(w).in()
	if !ok {
		return nil
	}
	return w.tree.Document().RemoveField(in, w.name)
}
