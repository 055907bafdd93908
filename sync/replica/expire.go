package replica

import (
	"container/heap"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// What has expired is hidden from readers by their clock alone. So that it does
// not stay for ever somebody has to kill it: its writer a moment later, and any
// other holder if that has not come to pass after a while. The moments are drawn
// at random, so that one holder does it and the others hear of it.

// Bounds of what is done about expiry at once, and the pause between two such
// rounds in one document.
const (
	hideAtOnce  = 4096
	killEvery   = 50 * time.Millisecond
	othersShare = 5 // times ExpiryGrace is how long others leave it to the writer
)

// Bounds of how long to wait before a look at the clock: it may have been set.
const (
	minLook = 2 * time.Millisecond
	maxLook = time.Second
)

// expiry is what a document needs to be looked at for.
type expiry struct {
	at     hlc.Time // of the clock that stamps writes; 0 is never
	killAt hlc.Time // what is hidden; 0: nothing is
	index  int      // in the agenda, if at is set
}

// expiries is a heap of the documents in which something expires or is to be
// killed, the first on top.
type expiries []*document

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].expiry.at < e[j].expiry.at }
func (e expiries) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].expiry.index, e[j].expiry.index = i, j
}

// Push implements heap.Interface.
func (e *expiries) Push(x any) {
	d := x.(*document)
	d.expiry.index = len(*e)
	*e = append(*e, d)
}

// Pop implements heap.Interface.
func (e *expiries) Pop() any {
	last := len(*e) - 1
	d := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return d
}

// planExpiry puts the document where it belongs among those that expire. It
// costs nothing if nothing does, else O(log(documents that do)).
func (r *Replica) planExpiry(d *document) {
	at := d.copy.State().NextExpiry()
	if kill := d.expiry.killAt; kill != 0 && (at == 0 || kill < at || d.copy.State().IsPartial()) {
		at = kill
	}
	was := d.expiry.at
	d.expiry.at = at
	switch {
	case was == at:
	case was == 0:
		heap.Push(&r.expiring, d)
	case at == 0:
		heap.Remove(&r.expiring, d.expiry.index)
	default:
		heap.Fix(&r.expiring, d.expiry.index)
	}
}

// forgetExpiry takes a document out that the replica does not hold any more.
func (r *Replica) forgetExpiry(d *document) {
	if d.expiry.at != 0 {
		heap.Remove(&r.expiring, d.expiry.index)
		d.expiry = expiry{}
	}
}

// ExpiryDue names the moment at which Expire next has something to do, by the
// clock that stamps writes; zero is never. It is for comparison: if it changes,
// NextExpiry has to be asked again.
func (r *Replica) ExpiryDue() time.Time {
	if due := r.expiryDue(); due != 0 {
		return due.Time()
	}
	return time.Time{}
}

func (r *Replica) expiryDue() hlc.Time {
	if len(r.expiring) == 0 {
		return 0
	}
	return r.expiring[0].expiry.at
}

// NextExpiry returns when Expire is to be called, zero if never. As clocks may be
// set it is never far away.
func (r *Replica) NextExpiry(now time.Time) time.Time {
	reach, due := r.clock.Reach(), r.expiryDue()
	if due == 0 {
		return time.Time{}
	}
	wait := due.Time().Sub(reach.Time())
	return now.Add(min(max(wait, minLook), maxLook))
}

// Expire hides in one document what has expired, so that Output tells of it, and
// kills some of what was hidden a while ago. It reports whether there was
// anything to do. It is the only thing that a replica does by the clock that
// stamps writes, and may be called while it is offline, and as often or as seldom
// as one likes.
func (r *Replica) Expire(now time.Time) bool {
	r.advance(now)
	reach, due := r.clock.Reach(), r.expiryDue()
	if due == 0 || due > reach {
		return false
	}
	d := r.expiring[0]
	r.expireIn(d, reach)
	r.planExpiry(d)
	return true
}

func (r *Replica) expireIn(d *document, now hlc.Time) {
	x := &d.expiry
	if d.copy.State().IsPartial() { // what is not there yet cannot be looked at
		x.killAt = after(now, time.Second)
		return
	}
	if d.copy.Hide(hideAtOnce) && x.killAt == 0 {
		x.killAt = after(now, r.grace(d))
	}
	wasLapsed := d.lapsed
	if d.lapsed = d.copy.Lapsed(); d.lapsed && !wasLapsed {
		d.copy.HideAll()
	}
	if x.killAt != 0 && x.killAt <= now {
		x.killAt = 0
		if r.killHidden(d) {
			x.killAt = after(now, killEvery)
		}
	}
}

func after(t hlc.Time, d time.Duration) hlc.Time { return hlc.At(t.Time().Add(d)) }

// grace returns how long what has just been hidden in a document is left to
// others to kill: not long if some of it is this replica's own.
func (r *Replica) grace(d *document) time.Duration {
	g := r.cfg.ExpiryGrace
	s := d.copy.State()
	for l := range s.Hidden() {
		if s.Dot(&l).Actor.ID == r.cfg.ID {
			return g + r.jitter(g)
		}
	}
	return othersShare*g + r.jitter(2*othersShare*g)
}

// killHidden kills some of what is hidden, by one event, and reports whether
// there is more. The mark of the clock goes with it, so that what was taken for
// expired is so after a restart, too.
func (r *Replica) killHidden(d *document) (more bool) {
	r.clock.Restore(r.clock.Reach())
	d.copy.Unhide() // its observer is told, as it is not of a write that does nothing
	err := r.Write(r.now, d.name, func(c *crdt.Document) (err error) {
		more, err = c.KillHidden()
		return err
	})
	return more || err != nil
}

// renew removes a document that has expired as a whole before it is written to:
// what is written belongs to a new one.
func (d *document) renew(fn func(*crdt.Document) error) func(*crdt.Document) error {
	if !d.copy.Lapsed() {
		return fn
	}
	return func(c *crdt.Document) error {
		if err := c.Expire(); err != nil {
			return err
		}
		return fn(c)
	}
}
