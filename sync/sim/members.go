package sim

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/membership"
)

// finals is what was decided to be all that an actor ever did, by document.
type finals map[string]causal.Ranges

func (f finals) equal(g finals) bool {
	for doc, rs := range f {
		if !rs.Equal(g[doc]) {
			return false
		}
	}
	return len(f) == len(g)
}

// isReserved reports whether a document is one that replicas write themselves. It is
// compared at the end, and not held against the ledger.
func isReserved(doc string) bool { return strings.HasPrefix(doc, membership.Reserved) }

// member returns what a replica says of itself, nil if no membership is kept.
func (w *world) member() *membership.Member {
	if !w.script.Tuning.Members {
		return nil
	}
	return &membership.Member{Site: "sim"}
}

// noteRetired notes whom a replica takes for retired: who is out of its membership, or
// about to be. What the first one that does so has of the actor is final. Any other
// either has just that, or keeps nothing of the actor.
func (w *world) noteRetired(n *node) {
	if n.r == nil || !w.script.Tuning.Members {
		return
	}
	view := n.r.Membership()
	for a := range n.members {
		if view.Has(a) {
			continue
		}
		delete(n.members, a)
		events := w.eventsOf(n, a)
		if w.finals[a] == nil {
			w.finals[a] = events
			w.stats.Retired++
		}
		n.knows[a] = events.equal(w.finals[a])
	}
	for _, m := range view.Members() {
		if view.Has(m.Actor) {
			n.members[m.Actor] = true
		}
	}
}

func (w *world) eventsOf(n *node, a causal.Actor) finals {
	out := finals{}
	for doc, c := range n.contexts {
		if rs := c.Of(a); len(rs) > 0 && !isReserved(doc) {
			out[doc] = rs
		}
	}
	return out
}

// forgotten returns the events of a document whose actors have retired and which a
// state does not mention any more. sure is false if the replica may not have got to
// know what they did: it came later, or kept nothing of them.
func (w *world) forgotten(n *node, doc string, s *kernel.State) (gone causal.Context, sure bool) {
	sure = true
	for a, f := range w.finals {
		if i, ok := s.Lookup(a); len(f[doc]) == 0 || ok && len(s.Seen(i)) > 0 {
			continue
		}
		gone.AddRanges(a, f[doc])
		sure = sure && n.knows[a] && n.r.Stats().Purged == 0
	}
	return gone, sure
}

// unstable is a stability that never comes.
type unstable struct{}

// Covers implements replica.Stability.
func (unstable) Covers(string, causal.Context) bool { return false }

// Members implements replica.Stability.
func (unstable) Members(string) []causal.ID { return nil }

// depart has members leave, or give others up.
func (w *world) depart(n *node, a *Action) {
	if n.r == nil || n.paused || n.dying || !w.script.Tuning.Members {
		return
	}
	switch a.Do {
	case Retire:
		if n.online && w.others(n) {
			_ = n.r.Leave(w.time())
			n.left = true
		}
	case Fence, Lose:
		other := w.nodes[a.Peer]
		if other == n || a.Do == Lose && !other.gone {
			return // whoever may come back is not lost
		}
		to := membership.Fenced
		if a.Do == Lose {
			to = membership.Lost
		}
		for _, m := range n.r.Membership().Members() {
			if m.Actor.ID == other.id && m.Standing == membership.Active && w.isMajority(n, other) {
				_ = n.r.Dismiss(w.time(), m.Actor, to, "the script says so")
				w.stats.Dismissed++
			}
		}
	}
	w.drain(n)
}

// others reports whether another replica would be left.
func (w *world) others(n *node) bool {
	for _, x := range w.nodes {
		if x != n && x.r != nil && !x.left {
			return true
		}
	}
	return false
}

// isMajority reports whether a replica may fence another: there are more members than
// these two, it has no fence against itself, and no other of them was fenced. So no two
// ever fence each other.
func (w *world) isMajority(n, other *node) bool {
	active := 0
	for _, m := range n.r.Membership().Members() {
		switch {
		case m.Standing == membership.Fenced:
			return false
		case m.Standing == membership.Active:
			active++
		}
	}
	for _, x := range w.nodes {
		if x.fenced && x != other {
			return false
		}
	}
	other.fenced = true
	return active > 2 && !n.fenced
}

// checkGone compares a document at a replica that has forgotten actors of it.
func (w *world) checkGone(n *node, l *ledger, doc string, s *kernel.State) error {
	gone, sure := w.forgotten(n, doc, s)
	if !sure {
		return nil
	}
	return l.check(s, n.index, gone)
}

// endDepartures lets those who have left end once all have all of them.
func (w *world) endDepartures() {
	if !w.script.Tuning.Members {
		return
	}
	for _, n := range w.nodes {
		if n.r != nil && n.left && n.r.HasLeft() {
			w.trace.note(w, n, "has left")
			w.stats.Left++
			w.stop(n)
			n.gone, n.disk = true, newDisk()
		}
	}
}

// forgetBound is within which virtual time all is forgotten of those who are gone, once
// the last of them was given up.
const forgetBound = 40 * time.Second

// checkDepartures gives up whoever is gone for good, and demands that all that is left of
// them, soon, is what lives, and that nothing is lost by it.
func (w *world) checkDepartures(held map[string]*causal.Context) {
	if !w.script.Tuning.Members || w.cloned || w.failure != nil || w.script.Net.Storm {
		return
	}
	alive := slices.DeleteFunc(w.alive(), func(n *node) bool { return n.left })
	if len(alive) == 0 {
		return
	}
	w.giveUp(alive[0])
	var err error
	for start := w.now; w.now-start <= forgetBound && w.failure == nil; {
		w.pass(time.Second)
		w.giveUp(alive[0])
		if err = w.areContextsClean(); err == nil && w.isConverged() {
			w.checkEnd(held)
			return
		}
	}
	if err == nil {
		err = errors.New("no convergence")
	}
	w.fail(nil, w.differing(), "forgotten", "%v after %v", err, forgetBound)
}

// giveUp has a replica give up those who ended for good, and whoever is fenced come back.
func (w *world) giveUp(n *node) {
	for _, m := range n.r.Membership().Members() {
		i := slices.IndexFunc(w.nodes, func(x *node) bool { return x.id == m.Actor.ID && !x.gone })
		if i < 0 && (m.Standing == membership.Active || m.Standing == membership.Fenced) {
			_ = n.r.Dismiss(w.time(), m.Actor, membership.Lost, "it is gone")
			w.stats.Dismissed++
		}
	}
	w.drain(n)
}

// areContextsClean reports whether no context mentions anybody who is no member and of
// whom nothing lives.
func (w *world) areContextsClean() error {
	for _, n := range w.alive() {
		view := n.r.Membership()
		if view.Policy() != membership.Open {
			return errors.New("the policy has changed")
		}
		for _, doc := range n.r.Names() {
			s := n.r.View(doc).State()
			if isReserved(doc) {
				continue
			}
			for _, i := range s.Actors() {
				if a := s.Actor(i); len(s.Seen(i)) > 0 && !view.Has(a) && !s.AnyLive(i, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
					return errStays{n.name, doc, a}
				}
			}
		}
	}
	return nil
}

type errStays struct {
	node, doc string
	actor     causal.Actor
}

// Error implements error.
func (e errStays) Error() string {
	return "at " + e.node + " the context of " + e.doc + " still has " + e.actor.String()
}

// foldFrom returns from how many dots counters are folded: hardly ever, where only the
// forgetting of members is looked at.
func (w *world) foldFrom() int {
	if w.script.Tuning.Members && !w.script.Tuning.Collect {
		return 1 << 30
	}
	return 3
}
