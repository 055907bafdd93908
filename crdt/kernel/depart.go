package kernel

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// An actor whose events everybody has, and who will mint no more, has departed.
// Its live dots keep their names; what is known of its dead ones is needed only
// until nobody has one of them live, and dropped then. So a context follows those
// who write and what lives, not all that ever wrote.

// isIdle reports whether an actor has departed and nothing of it lives.
func (x *actor) isIdle() bool { return x.departed && x.dots.isEmpty() }

// isEmpty reports whether no dot of the column lives.
func (c *column) isEmpty() bool { return c.empty == len(c.blocks) }

// Depart says whether an actor has departed. Events of departed actors of which
// nothing lives do not count in Digest and Events: who still remembers them, and who
// has dropped them, hold the same.
func (s *State) Depart(a Index, departed bool) {
	x := &s.actors[a]
	if x.isIdle() {
		s.idle--
	}
	x.departed = departed && !x.vacant
	if x.isIdle() {
		s.idle++
	}
}

// IsDeparted reports what Depart was told last.
func (s *State) IsDeparted(a Index) bool { return s.actors[a].departed }

// Idle returns how many departed actors are remembered of which nothing lives, in O(1).
func (s *State) Idle() int { return int(s.idle) }

// IdleActors returns those actors, in no order that replicas share.
func (s *State) IdleActors() []Index {
	out := make([]Index, 0, s.idle)
	for i := range s.actors {
		if s.actors[i].isIdle() {
			out = append(out, Index(i))
		}
	}
	return out
}

// Drop forgets all about a departed actor of which nothing lives. Its index may be
// given to another, so no pending event may name it. It panics if anything lives, or
// the state is partial.
func (s *State) Drop(a Index) {
	x := &s.actors[a]
	if !x.isIdle() || s.partial != nil {
		panic("kernel: drop of an actor that is needed")
	}
	s.idle--
	delete(s.byActor, x.id)
	*x = actor{vacant: true}
	s.recent = Index(len(s.actors)) // no actor
	if m := s.more(); s.tracked != nil {
		m.leaving = append(m.leaving, a)
	} else {
		m.vacant = append(m.vacant, a)
	}
}

// vacancy returns an index for a new actor.
func (s *State) vacancy() Index {
	if m := s.rare; m != nil && len(m.vacant) > 0 {
		i := m.vacant[len(m.vacant)-1]
		m.vacant = m.vacant[:len(m.vacant)-1]
		return i
	}
	s.actors = slices.Grow(s.actors, 1)[:len(s.actors)+1]
	return Index(len(s.actors) - 1)
}

// Purge forgets an actor with all that lives of it, for a copy that may lack deaths which
// everybody else has: what lives elsewhere comes back from there. What is dead here
// stays dead.
func (s *State) Purge(a Index) {
	x := &s.actors[a]
	var live causal.Ranges
	x.dots.each(1, causal.MaxSeq, func(seq uint64, _ leafID) bool {
		live = live.AddSeq(seq)
		return true
	})
	for _, r := range live {
		s.dropRange(a, r, nil)
	}
	s.Sweep()
	x = &s.actors[a]
	s.Depart(a, false)
	x.ahead = x.ahead.Union(x.seen.Minus(live))
	x.seen = nil
}

// Events returns how many events the context holds that count in Digest. It costs
// O(actors + gaps).
func (s *State) Events() (n uint64) {
	for i := range s.actors {
		if x := &s.actors[i]; !x.isIdle() {
			n += x.seen.Count()
		}
	}
	return n
}

// Counted returns a copy of the part of the context that counts in Digest.
func (s *State) Counted() (c causal.Context) {
	for i := range s.actors {
		if x := &s.actors[i]; !x.isIdle() {
			c.AddRanges(x.id, x.seen)
		}
	}
	return c
}
