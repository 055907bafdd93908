package replica

import (
	"container/heap"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// A document in which nothing lives is a context and nothing else. Once every
// member is known to hold it just so, it can be forgotten everywhere: no
// context, no rows, no name, no share in the digest. Three things could bring it back
// or hurt the next document of its name:
//
//   - A message from before. So a replica forgets only after all have been known to
//     hold the same for a while, in which it ran and listened.
//   - A member that has not forgotten it yet. Its summaries of that very state
//     are passed over for a while. If it goes on offering it, it is taken again,
//     as the dead document that it is, and all forget it anew.
//   - Numbers that are used twice. The replica remembers the greatest that it
//     gave to an event of any document that it forgot: one number for all of them. Its
//     next document begins above it, with an event that claims all up to there,
//     so that there is no hole, and what an old copy has of these is dead.

const (
	// dropBeacons is for how many beacon times all must have covered a document
	// before it is forgotten: longer than any message is under way.
	dropBeacons = 8
	// passBeacons is for how many beacon times a forgotten state is not taken again.
	passBeacons = 32
	// maxForgotten bounds the states that are remembered for that.
	maxForgotten = 1 << 14
)

// forgotten is the state of a document as it was forgotten.
type forgotten struct {
	doc    string
	digest uint64
}

// beginDrop begins to wait until all members hold a dead document as it is.
func (r *Replica) beginDrop(d *document) bool {
	c, s := d.collection, d.copy.State()
	c.fresh, c.others = nil, nil
	if s.IsEmpty() {
		return false
	}
	r.seal(d)
	c.stage, c.context, c.covered, c.again, c.from = dead, s.Context(), false, false, r.awake
	return true
}

// goOnDropping forgets a dead document when the time has come.
func (r *Replica) goOnDropping(d *document) bool {
	c, s := d.collection, d.copy.State()
	now := s.Context()
	switch {
	case !now.Equal(c.context) || s.Dots() > 0 || d.chase.index >= 0 || d.hasAhead():
		d.restartCollection()
		return true
	case !r.covers(d) || r.awaitsReturn():
		if c.covered {
			c.covered, c.from = false, r.awake
		}
		if r.awake-c.from >= passBeacons*r.cfg.BeaconEvery {
			c.from = r.awake
			d.tellLater() // somebody may have forgotten it before this replica heard that he may
		}
	case c.again:
		r.forget(d)
		return false
	case !c.covered:
		c.covered, c.from = true, r.awake
	case r.awake-c.from >= dropBeacons*r.cfg.BeaconEvery:
		c.again = true
		r.restartCoverage(d) // who has changed it meanwhile does not say yes again
	}
	return true
}

// hasAhead reports whether deaths are known whose events are missing.
func (d *document) hasAhead() bool {
	s := d.copy.State()
	return slices.ContainsFunc(s.Actors(), func(a kernel.Index) bool { return len(s.Ahead(a)) > 0 })
}

// forget drops a document that all members hold with nothing alive in it.
func (r *Replica) forget(d *document) {
	r.settle()
	if head := d.head(); head > r.floor {
		r.floor = head
	}
	r.remember(forgotten{d.name, d.digest})
	r.forgetUnits(d)
	r.remove(d)
	r.stats.Upkeep.Forgotten++
	r.out.Records = append(r.out.Records, Record{Doc: d.name, Forget: true})
}

// forgetUnits drops a document's units from the log. A dead document is so short
// that whoever lacks it gets it whole. Its events one by one would be wrong for
// somebody who has forgotten it and has claimed own numbers of then since: what
// the events under these numbers killed would show again.
func (r *Replica) forgetUnits(d *document) {
	r.log.Drop(d.name, d.actors())
}

// exhume answers a peer that has own events of a document which this replica has
// forgotten and holds anew. If the peer may give nothing of others it cannot bring
// back what it holds, and cannot forget it alone either. So the numbers are said to
// be dead by the one who gave them.
func (r *Replica) exhume(d *document, have causal.Context) {
	if !r.mayCollect() || d.copy.Floor() == 0 || d.head() > d.copy.Floor() || !d.lacksOwn(have) {
		return
	}
	before := d.head()
	_ = d.copy.Bury()
	r.housekept(d, before)
}

// lacksOwn reports whether a context has events of this replica that it has not.
func (d *document) lacksOwn(have causal.Context) bool {
	own := d.copy.State().Context()
	a := d.replica.actor
	return !own.Of(a).Covers(have.Of(a))
}

// askBack asks a peer that asks, and lacks events of its own: it has forgotten them. It
// is to say so, as this replica may not speak for it.
func (r *Replica) askBack(d *document, p *peer, w *message.Want) {
	own := d.copy.State().Context()
	if r.cfg.OwnOnly && w.Only.IsEmpty() && !w.Have.Of(p.actor).Covers(own.Of(p.actor)) {
		r.chaseBehind(d, p, &message.State{Doc: d.name, Count: causal.MaxSeq})
	}
}

// actors returns whose events the document knows.
func (d *document) actors() (out []causal.Actor) {
	for _, a := range d.copy.State().Actors() {
		out = append(out, d.copy.State().Actor(a))
	}
	return out
}

// remove takes a document out of all that the replica keeps of it.
func (r *Replica) remove(d *document) {
	if d.chase.index >= 0 {
		heap.Remove(&r.due, d.chase.index)
	}
	r.dropTransfer(d)
	d.chase = &r.noChase
	other := func(x *document) bool { return x == d }
	r.unsent = slices.DeleteFunc(r.unsent, other)
	r.loose = slices.DeleteFunc(r.loose, other)
	r.stale = slices.DeleteFunc(r.stale, other)
	r.recent = slices.DeleteFunc(r.recent, other)
	r.drop(d)
}

// remember notes what was forgotten, for a while.
func (r *Replica) remember(f forgotten) {
	if r.past == nil {
		r.past = make(map[forgotten]time.Time)
	}
	if len(r.past) >= maxForgotten {
		r.sweepPast()
	}
	if len(r.past) < maxForgotten {
		r.pastUntil = r.now.Add(passBeacons * r.cfg.BeaconEvery)
		r.past[f] = r.pastUntil
	}
}

// sweepPast drops what has been remembered for long enough.
func (r *Replica) sweepPast() {
	if len(r.past) > 0 && r.pastUntil.Before(r.now) {
		r.past = nil
	}
	for f, until := range r.past {
		if until.Before(r.now) {
			delete(r.past, f)
		}
	}
}

// heldLast reports whether this replica held a document in that state until
// lately: whoever wants to forget it, too, may.
func (r *Replica) heldLast(doc string, digest uint64) bool {
	_, ok := r.past[forgotten{doc, digest}]
	return ok
}

// isPast reports whether a peer's summary is of a document that this replica has
// just forgotten in that state.
func (r *Replica) isPast(h *message.State) bool {
	until, ok := r.past[forgotten{h.Doc, h.Digest}]
	return ok && r.docs[h.Doc] == nil && !until.Before(r.now)
}

// admitFor is admit for a document of which a peer shows a summary, unless it is
// one that was just forgotten.
func (r *Replica) admitFor(h *message.State) *document {
	if r.isPast(h) {
		return nil
	}
	return r.admit(h.Doc)
}

// Floor returns the greatest number of an own event in any document that was
// forgotten. Keep it with the incarnation, and hand it to the next start of
// that in Config.Floor.
func (r *Replica) Floor() uint64 { return r.floor }
