package kernel

import "github.com/joinery-crdt/joinery/crdt/causal"

// A fragment is merged actor by actor: Kill its deaths, Supersede what it
// claims and does not hold, Learn what it holds, Claim; and Sweep at the end.
// Whoever calls these has checked the fragment whole before.

// Kill merges deaths, ordered: live dots die, dots whose event is missing become
// deaths ahead. It costs O(live dots in rs + gaps of the context there) and, for
// more than a few ranges, once O(gaps of the context).
func (s *State) Kill(a Index, rs ...causal.Range) {
	for _, r := range rs {
		s.dropRange(a, r, nil)
	}
	x := &s.actors[a]
	x.ahead = x.ahead.Union(causal.Ranges(rs).Minus(x.seen))
}

// Supersede kills the live dots in r that the fragment claims without holding
// them. held is the sequence numbers that it does hold.
func (s *State) Supersede(a Index, r causal.Range, held causal.Ranges) {
	if s.actors[a].seen.Overlaps(r) {
		s.dropRange(a, r, held)
	}
}

func (s *State) dropRange(a Index, r causal.Range, except causal.Ranges) {
	if s.partial != nil {
		s.partial.bury(a, r, except)
	}
	var few [16]leafID // the usual death allocates nothing
	dying := few[:0]
	s.actors[a].dots.each(r.Lo, r.Hi, func(seq uint64, id leafID) bool {
		if !except.Contains(seq) {
			dying = append(dying, id)
		}
		return true
	})
	for _, id := range dying {
		if s.suspicious {
			s.suspectDeath(id)
		}
		s.drop(id)
	}
}

// Learn merges a payload: its dot becomes live unless it is known already. Of
// two payloads under one dot the greater one stands, see [Conflict].
func (s *State) Learn(a Index, seq uint64, p *Payload) {
	x := &s.actors[a]
	if x.seen.Contains(seq) {
		s.again(a, seq, p)
		return
	}
	if !x.ahead.Contains(seq) {
		s.add(a, seq, p)
	}
}

// Claim puts rs, ordered, into the context, with all effects merged before.
func (s *State) Claim(a Index, rs ...causal.Range) {
	x := &s.actors[a]
	x.seen = x.seen.Union(rs)
	if len(x.ahead) > 0 {
		x.ahead = x.ahead.Minus(rs)
	}
}

// Sweep ends a mutation: it drops the containers that nothing lives in any more.
func (s *State) Sweep() {
	if s.journal == nil && len(s.tree.empty) > 0 {
		s.tree.sweep()
	}
}

// IsSeen reports whether the event is in the context.
func (s *State) IsSeen(a Index, seq uint64) bool { return s.actors[a].seen.Contains(seq) }
