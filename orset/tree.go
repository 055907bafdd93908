package orset

import (
	"iter"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// Tree is a map of named fields, each of which can hold a register, a counter,
// a flag, a set and further fields, to a depth of [kernel.MaxDepth]. A field
// needs no declaration: it is there as long as something lives in it, and
// views of different type under one name stand beside each other.
//
// Removing a field removes what was observed in it, at any depth. An update
// that was concurrent survives, and only that: a counter of 5 that is removed
// while another replica adds 2 is then 2.
//
// Values and elements are strings of any bytes; package codec turns other
// types into such. A Tree is not safe for concurrent use, except by readers
// alone. The zero value is empty; see [crdt.Base].
type Tree struct {
	crdt.Base
}

// NewTree returns an empty tree that writes as actor.
func NewTree(actor causal.Actor) *Tree { return NewTreeWith(actor, nil) }

// NewTreeWith returns an empty tree with a clock of one's own.
func NewTreeWith(actor causal.Actor, clock *hlc.Clock) *Tree {
	t := &Tree{}
	t.Bind(actor, clock)
	return t
}

// Field returns a handle to the field at a path of names, at least one. It
// costs nothing that the field does not exist.
func (t *Tree) Field(name string, below ...string) Field {
	return Field{tree: t, name: name}.Field(below...)
}

// Fields yields the names of the fields at the top, sorted.
func (t *Tree) Fields() iter.Seq[string] { return t.fields(kernel.Root) }

// fields yields each name in a container once, whatever lives under it.
func (t *Tree) fields(in kernel.Ref) iter.Seq[string] {
	return func(yield func(string) bool) {
		var names []string
		d := t.Document()
		for l := range d.Entries(in) {
			names = append(names, l.Key)
		}
		for _, c := range d.Containers(in) {
			names = append(names, c.Name)
		}
		slices.Sort(names)
		for _, n := range slices.Compact(names) {
			if !yield(n) {
				return
			}
		}
	}
}

// Update runs write as one atomic group: its writes carry one timestamp, and
// other replicas see all of them or none. If write returns an error they are
// taken back. Write by the fields' Writers; the delta holds the group, and what
// a Writer wrote before without a Flush.
func (t *Tree) Update(write func() error) (delta.Delta, error) {
	if err := t.Document().Update(write); err != nil {
		return nil, err
	}
	return t.Flush(nil), nil
}

// Merge merges a delta, a group of deltas or a whole tree. An error means that
// nothing was changed.
func (t *Tree) Merge(d delta.Delta) error { return t.Document().Merge(d) }

// UnmarshalBinary replaces the tree by an encoded one; see [crdt.Base.Restore].
func (t *Tree) UnmarshalBinary(data []byte) error { return t.Restore(data, nil) }

// Clone returns a copy that shares nothing and writes as another actor.
func (t *Tree) Clone(actor causal.Actor) *Tree { return &Tree{t.CloneBase(actor)} }

// Equal reports whether both know the same writes, and so hold the same.
func (t *Tree) Equal(other *Tree) bool { return t.Same(&other.Base) }

// Field is a handle to a place in a Tree. It is a small value and stays good
// whatever happens to the tree.
type Field struct {
	tree  *Tree
	above []kernel.Component
	name  string
}

// Field returns a handle to the field at a path of names below this one.
func (f Field) Field(below ...string) Field {
	for _, name := range below {
		f.above = append(slices.Clip(f.above), kernel.Component{Tag: crdt.TagMap, Name: f.name})
		f.name = name
	}
	return f
}

// in returns the container that the field's name stands in.
func (f Field) in() (kernel.Ref, bool) { return f.tree.Document().Container(f.above) }

// inside returns the field's own container of a type.
func (f Field) inside(tag kernel.Tag) (kernel.Ref, bool) {
	in, ok := f.in()
	if !ok {
		return 0, false
	}
	return f.tree.Document().State().Find(in, tag, f.name)
}

// Value returns the register's value by last-writer-wins, false if there is none.
func (f Field) Value() (string, bool) {
	in, ok := f.in()
	if !ok {
		return "", false
	}
	l, ok := f.tree.Document().Latest(in, crdt.TagRegister, f.name)
	return l.Value, ok
}

// Siblings returns all values that stand in the register, the one that Value
// returns first.
func (f Field) Siblings() []crdt.Sibling[string] {
	in, ok := f.in()
	if !ok {
		return nil
	}
	d := f.tree.Document()
	return crdt.DecodeSiblings(d, codec.New[string](nil), d.Siblings(in, crdt.TagRegister, f.name))
}

// Context returns the dots of all values in the register, for a later write
// with [crdt.Over].
func (f Field) Context() []causal.Dot {
	in, ok := f.in()
	if !ok {
		return nil
	}
	return f.tree.Document().Context(in, crdt.TagRegister, f.name)
}

// Sum returns the counter's value, and false if nothing was counted.
func (f Field) Sum() (int64, bool) {
	in, ok := f.in()
	if !ok {
		return 0, false
	}
	return f.tree.Document().Sum(in, f.name)
}

// Enabled reports whether the enable-wins flag is enabled.
func (f Field) Enabled() bool {
	in, ok := f.in()
	return ok && f.tree.Document().Present(in, crdt.TagEWFlag, f.name)
}

// Contains reports whether an element is in the add-wins set.
func (f Field) Contains(element string) bool {
	in, ok := f.inside(crdt.TagSet)
	return ok && f.tree.Document().Present(in, crdt.TagElem, element)
}

// Len returns the number of elements in the set.
func (f Field) Len() int {
	in, ok := f.inside(crdt.TagSet)
	if !ok {
		return 0
	}
	return f.tree.Document().Len(in)
}

// Elements yields the elements of the set in no particular order. The tree
// must not be changed meanwhile.
func (f Field) Elements() iter.Seq[string] {
	return func(yield func(string) bool) {
		in, ok := f.inside(crdt.TagSet)
		if !ok {
			return
		}
		for l := range f.tree.Document().Entries(in) {
			if !yield(l.Key) {
				return
			}
		}
	}
}

// Fields yields the names of the fields below this one, sorted.
func (f Field) Fields() iter.Seq[string] {
	in, ok := f.inside(crdt.TagMap)
	if !ok {
		return func(func(string) bool) {}
	}
	return f.tree.fields(in)
}
