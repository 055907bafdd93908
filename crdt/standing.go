package crdt

import (
	"iter"
	"time"

	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// What stands is what lives and has not expired here: what readers see. In a
// document in which nothing expires the two are one, at no cost.

// reach returns how far time has come here.
func (d *Document) reach() hlc.Time {
	if d.clock == nil {
		return hlc.At(time.Now())
	}
	return d.clock.Reach()
}

// curtain is what a reader does not see at one moment.
type curtain struct {
	now    hlc.Time
	lapsed bool // the document as a whole has expired
}

func (d *Document) curtain() curtain { return curtain{d.reach(), d.Lapsed()} }

func (c curtain) hides(l *kernel.Live) bool {
	return l.Expiry != 0 && l.Expiry <= c.now || c.lapsed && !isTombstone(l)
}

// Standing yields the live payloads at a place that have not expired, in no
// particular order.
func (d *Document) Standing(in kernel.Ref, tag kernel.Tag, key string) iter.Seq[kernel.Live] {
	return func(yield func(kernel.Live) bool) { d.standing(in, tag, key, yield) }
}

func (d *Document) standing(in kernel.Ref, tag kernel.Tag, key string, yield func(kernel.Live) bool) {
	if d.state.Expiring() == 0 {
		d.state.Siblings(in, tag, key)(yield)
		return
	}
	c := d.curtain()
	for l := range d.state.Siblings(in, tag, key) {
		if !c.hides(&l) && !yield(l) {
			return
		}
	}
}

// Stands reports whether anything stands at a place.
func (d *Document) Stands(in kernel.Ref, tag kernel.Tag, key string) bool {
	if d.state.Expiring() == 0 {
		return d.state.Has(in, tag, key)
	}
	for range d.Standing(in, tag, key) {
		return true
	}
	return false
}

// Winner returns the greatest payload that stands at a place by (time, actor,
// sequence number), the order of last-writer-wins.
func (d *Document) Winner(in kernel.Ref, tag kernel.Tag, key string) (kernel.Live, bool) {
	if d.state.Expiring() == 0 {
		return d.state.Winner(in, tag, key)
	}
	return d.winner(d.curtain(), in, tag, key)
}

func (d *Document) winner(c curtain, in kernel.Ref, tag kernel.Tag, key string) (best kernel.Live, ok bool) {
	for l := range d.state.Siblings(in, tag, key) {
		if !c.hides(&l) && (!ok || d.state.Less(&best, &l)) {
			best, ok = l, true
		}
	}
	return best, ok
}

// Entries yields for each key directly below the container the winner of what
// stands there, in no order that replicas share. The document must not be
// changed meanwhile.
func (d *Document) Entries(in kernel.Ref) iter.Seq[kernel.Live] {
	return func(yield func(kernel.Live) bool) { d.entries(in, yield) }
}

func (d *Document) entries(in kernel.Ref, yield func(kernel.Live) bool) {
	if d.state.Expiring() == 0 {
		d.state.Entries(in)(yield)
		return
	}
	c := d.curtain()
	for l := range d.state.Entries(in) {
		ok := l.Tag != TagLapse || in != kernel.Root
		if ok && c.hides(&l) {
			l, ok = d.winner(c, in, l.Tag, l.Key)
		}
		if ok && !yield(l) {
			return
		}
	}
}

// Containers yields the containers directly below another in which anything
// stands, in no particular order.
func (d *Document) Containers(in kernel.Ref) iter.Seq2[kernel.Ref, kernel.Component] {
	return func(yield func(kernel.Ref, kernel.Component) bool) { d.containers(in, yield) }
}

func (d *Document) containers(in kernel.Ref, yield func(kernel.Ref, kernel.Component) bool) {
	if d.state.Expiring() == 0 {
		d.state.Containers(in)(yield)
		return
	}
	for below, c := range d.state.Containers(in) {
		if d.IsInhabited(below) && !yield(below, c) {
			return
		}
	}
}

// IsInhabited reports whether anything stands in a container or below it. It
// costs O(1), or O(what has expired there).
func (d *Document) IsInhabited(in kernel.Ref) bool {
	c := curtain{}
	if d.state.Expiring() > 0 {
		c = d.curtain()
	}
	for l := range d.state.Below(in) {
		if !c.hides(&l) && l.Tag != TagLapse && l.Tag != TagRequest {
			return true
		}
	}
	return false
}

// Len returns the number of keys directly below a container at which something
// stands: in O(1), or O(keys) if anything in the document expires.
func (d *Document) Len(in kernel.Ref) (n int) {
	if d.state.Expiring() == 0 {
		return d.state.Len(in)
	}
	for range d.Entries(in) {
		n++
	}
	return n
}
