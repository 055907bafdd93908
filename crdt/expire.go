package crdt

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Expire removes what has expired by the document's clock, as writes of its
// actor: what it had observed and nothing else, so that whoever overwrote it
// meanwhile, or gave it more time, is not affected. Readers do not see the
// difference. Any number of replicas may do it, at any time.
func (d *Document) Expire() error {
	for d.Hide(maxKills) {
	}
	if d.Lapsed() {
		d.HideAll()
	}
	for {
		if more, err := d.KillHidden(); err != nil || !more {
			return err
		}
	}
}

// Hide notes up to limit payloads that have expired by the document's clock and
// reports whether there were any. Whoever observes the state is told of them.
func (d *Document) Hide(limit int) bool {
	return d.state.NextExpiry() != 0 && d.state.Hide(d.reach(), limit) > 0
}

// HideAll does to all that a [Document.RemoveBelow] of the root would remove what
// Hide does to the expired.
func (d *Document) HideAll() { d.state.HideBelow(kernel.Root, isTombstone) }

// Unhide shows again what Hide and HideAll noted and should not be hidden any
// more, as the document was given more time.
func (d *Document) Unhide() {
	if d.state.Expiring() == 0 {
		return
	}
	c := d.curtain()
	for _, l := range slices.Collect(d.state.Hidden()) {
		if !c.hides(&l) {
			d.state.Reveal(&l)
		}
	}
}

// KillHidden removes, by one event, some of what Hide and HideAll noted and
// Unhide would not show, and reports whether there is more.
func (d *Document) KillHidden() (more bool, err error) {
	if d.state.Expiring() == 0 {
		return false, nil
	}
	seq, err := d.next()
	if err != nil {
		return false, err
	}
	d.Unhide()
	var names []causal.Dot
	d.killed = d.killed[:0]
	for l := range d.state.Hidden() {
		if more = len(names) == maxKills; more {
			break
		}
		names = append(names, d.state.Dot(&l))
		d.killed = append(d.killed, kernel.Dot{Actor: l.Actor, Seq: l.Seq})
	}
	for _, name := range names {
		d.state.KillDot(name)
	}
	d.finish(seq)
	return more, nil
}

// SetExpiry says when the whole document expires: it is then as if
// [Document.RemoveBelow] had removed all that it holds. Of several that were said
// at the same time the last one counts. What is written once it has expired
// belongs to a new document, without an expiry.
func (d *Document) SetExpiry(o Options) error {
	return d.Assign(kernel.Root, TagLapse, "", "", false, o)
}

// ClearExpiry takes back what SetExpiry said, as far as it was observed.
func (d *Document) ClearExpiry() error { return d.Remove(kernel.Root, TagLapse, "", Options{}) }

// Expiry returns when the document expires, 0 if never.
func (d *Document) Expiry() hlc.Time {
	if d.state.Expiring() == 0 {
		return 0
	}
	l, _ := d.state.Winner(kernel.Root, TagLapse, "")
	return l.Expiry
}

// Lapsed reports whether the document as a whole has expired by its clock.
func (d *Document) Lapsed() bool {
	t := d.Expiry()
	return t != 0 && t <= d.reach()
}
