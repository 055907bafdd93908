package crdt

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// SetFloor makes the numbers of the actor's events begin above n: up to there
// they may have been given in an earlier document of the same name, which was
// forgotten. The first event says that whatever they were is dead, so that there
// is no hole below it.
func (d *Document) SetFloor(n uint64) { d.floor = n }

// Floor returns what SetFloor set.
func (d *Document) Floor() uint64 { return d.floor }

// Bury mints an event that adds nothing and claims the numbers up to the floor,
// unless one above it was minted: whatever somebody still holds of them is dead.
func (d *Document) Bury() error {
	seq, err := d.next()
	if err != nil || d.floor == 0 || seq != d.floor+1 {
		return err
	}
	d.killed = d.killed[:0]
	d.state.Event(d.pending.Self, seq)
	d.record(seq)
	return nil
}

// note hands an event on to those that wait to be sealed.
func (d *Document) note(seq uint64, killed []kernel.Dot) {
	if d.floor > 0 && seq == d.floor+1 {
		d.bury()
	}
	d.pending.Record(seq, killed)
}

// bury claims the numbers up to the floor that were not seen, as part of the
// first event above it.
func (d *Document) bury() {
	self := d.pending.Self
	below := causal.Range{Lo: d.state.Seen(self).Prefix() + 1, Hi: d.floor}
	if below.Lo > below.Hi {
		return
	}
	d.state.Supersede(self, below, nil)
	d.state.Claim(self, below)
	d.pending.Record(below.Lo, nil)
}
