package crdt

import "github.com/joinery-crdt/joinery/crdt/kernel"

// Present reads sets and flags: it reports whether the element is in the set,
// or the flag enabled. Something must live at the place, and nothing marked:
// a removal or disabling that its view lets win.
func (d *Document) Present(in kernel.Ref, tag kernel.Tag, key string) bool {
	found := false
	for l := range d.state.Siblings(in, tag, key) {
		if l.Marked {
			return false
		}
		found = true
	}
	return found
}

// Latest reads registers and LWW maps: the last-writer-wins value at a place,
// false if there is none or if it is a deletion.
func (d *Document) Latest(in kernel.Ref, tag kernel.Tag, key string) (kernel.Live, bool) {
	l, ok := d.state.Winner(in, tag, key)
	return l, ok && !l.Marked
}
