package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// expiryGrace is how long simulated replicas leave what has expired of their own.
const expiryGrace = 20 * time.Millisecond

// nextTick returns when a replica next has something to do. When all faults have
// ended nothing expires any more: replicas whose clocks differ would go on
// killing, each in its time.
func (w *world) nextTick(n *node) time.Time {
	next, at := n.r.Next(), n.r.NextExpiry(w.time())
	w.reach(n)
	if w.isCalm {
		return next
	}
	if next.IsZero() || !at.IsZero() && at.Before(next) {
		return at
	}
	return next
}

// expire lets a replica kill what has expired, and demands that it kills that
// alone and adds nothing.
func (w *world) expire(n *node) {
	for n.r != nil && w.failure == nil && !w.isCalm && !n.r.ExpiryDue().IsZero() && w.expireOne(n) {
		w.drain(n)
	}
}

// expireOne is expire in one document. It reports whether there was anything to do.
func (w *world) expireOne(n *node) bool {
	before := map[string]naive{}
	heads := map[string]uint64{}
	for _, doc := range n.r.Names() {
		if d := n.r.View(doc); d.State().Expiring() > 0 {
			before[doc], heads[doc] = snapshot(d), headOf(d)
		}
	}
	did := n.r.Expire(w.time())
	for _, doc := range n.r.Names() {
		was, ok := before[doc]
		if d := n.r.View(doc); ok && headOf(d) > heads[doc] {
			after := snapshot(d)
			w.checkExpired(n, doc, &was, &after)
			w.note(n, doc, heads[doc], &was, &after, nil)
			w.commitWrites(n)
		}
	}
	return did
}

func (w *world) checkExpired(n *node, doc string, before, after *naive) {
	now := w.reach(n)
	lapsed := before.lapsed(now)
	want := *before
	want.live = slices.DeleteFunc(slices.Clone(before.live), func(l living) bool {
		return l.isOver(now) && !contains(after, &l) || lapsed && !l.marked && !contains(after, &l)
	})
	if want.text() != after.text() {
		w.fail(n, doc, "expiry", "of\n%s\nexpiry at %v left\n%s", before.text(), now, after.text())
	}
	w.stats.Expired += len(before.live) - len(after.live)
}

func contains(n *naive, l *living) bool {
	return slices.ContainsFunc(n.live, func(o living) bool { return o.dot == l.dot })
}

// reach is the greatest moment that a replica took for the present. It is asked
// whenever the replica looks at its clock.
func (w *world) reach(n *node) hlc.Time {
	n.reach = max(n.reach, n.r.Mark(), hlc.At(w.clock(n)()))
	return n.reach
}

func (l *living) isOver(now hlc.Time) bool { return l.expiry != 0 && l.expiry <= now }

// lapsed reports whether the document as a whole has expired.
func (n *naive) lapsed(now hlc.Time) bool {
	var last *living
	for i := range n.live {
		l := &n.live[i]
		if l.tag == crdt.TagLapse && (last == nil || l.time > last.time || l.time == last.time && l.dot.Compare(last.dot) > 0) {
			last = l
		}
	}
	return last != nil && last.isOver(now)
}

// renewed returns what is left of a document for a write to it: of one that has
// expired as a whole what a removal would leave.
func (n *naive) renewed(now hlc.Time) (left naive, lapsed bool) {
	left = *n
	if lapsed = n.lapsed(now); lapsed {
		left.live = slices.DeleteFunc(slices.Clone(n.live), func(l living) bool { return !l.marked })
	}
	return left, lapsed
}

// age makes some of what is written expire, and whole documents now and then. Its
// random source is its own, so that the rest of a history is the same without.
func (g *generator) age(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x6578706972))
	if !g.o.Faults.Expiry || rng.IntN(3) > 0 {
		return
	}
	for i := range s.Actions {
		for j := range s.Actions[i].Ops {
			o := &s.Actions[i].Ops[j]
			switch {
			case rng.IntN(20) == 0:
				*o = Op{Do: Lapse}
			case !o.isAssign() || o.isMark() || rng.IntN(2) == 0:
				continue
			}
			o.TTL = time.Duration(1+rng.Int64N(200)) * time.Millisecond
			if rng.IntN(8) == 0 {
				o.TTL *= 1000
			}
		}
	}
}
