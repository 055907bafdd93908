package crdt

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Present reads sets and flags: it reports whether the element is in the set,
// or the flag enabled. Something must live at the place, and nothing marked:
// a removal or disabling that its view lets win.
func (d *Document) Present(in kernel.Ref, tag kernel.Tag, key string) bool {
	found := false
	for l := range d.Standing(in, tag, key) {
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
	l, ok := d.Winner(in, tag, key)
	return l, ok && !l.Marked
}

// Siblings returns all that stands at a place, the winner of last-writer-wins first.
func (d *Document) Siblings(in kernel.Ref, tag kernel.Tag, key string) []kernel.Live {
	all := slices.Collect(d.Standing(in, tag, key))
	if len(all) > 1 {
		slices.SortFunc(all, func(a, b kernel.Live) int {
			if d.state.Less(&a, &b) {
				return 1
			}
			return -1
		})
	}
	return all
}

// Context returns the dots that stand at a place: what a reader has seen there,
// and what a write Over them supersedes.
func (d *Document) Context(in kernel.Ref, tag kernel.Tag, key string) []causal.Dot {
	var dots []causal.Dot
	for l := range d.Standing(in, tag, key) {
		dots = append(dots, d.state.Dot(&l))
	}
	slices.SortFunc(dots, causal.Dot.Compare)
	return dots
}
