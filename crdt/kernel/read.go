package kernel

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// Live is a live dot with its payload. The strings are views that stay valid
// and unchanged for ever.
type Live struct {
	Key    string
	Value  string
	Time   hlc.Time
	Expiry hlc.Time // 0 is never
	Seq    uint64
	Actor  Index
	Parent Ref
	Tag    Tag
	Marked bool
}

// Payload returns what an event must add to have this payload.
func (l *Live) Payload() Payload {
	p := Payload{Parent: l.Parent, Tag: l.Tag, Key: l.Key, Value: l.Value, Time: l.Time, Expiry: l.Expiry}
	if l.Marked {
		p.Flags = Mark
	}
	return p
}

func (s *State) view(id leafID) Live {
	l := s.leaves.at(id)
	return Live{
		Key: l.key(), Value: l.value(), Time: l.time, Expiry: l.expiry(), Seq: l.seq,
		Actor: l.actor, Parent: l.parent, Tag: l.tag, Marked: l.flags&Mark != 0,
	}
}

// Dot returns the dot of a live payload.
func (s *State) Dot(l *Live) causal.Dot { return causal.Dot{Actor: s.actors[l.Actor].id, Seq: l.Seq} }

// IsLive reports whether the dot is live.
func (s *State) IsLive(a Index, seq uint64) bool { return s.actors[a].dots.get(seq) != none }

// Has reports whether anything lives at a place.
func (s *State) Has(parent Ref, tag Tag, key string) bool {
	return s.head(hash(parent, tag, key), parent, tag, key) != none
}

// Winner returns the greatest live payload at a place by (time, actor,
// sequence number), the order of last-writer-wins.
func (s *State) Winner(parent Ref, tag Tag, key string) (Live, bool) {
	head := s.head(hash(parent, tag, key), parent, tag, key)
	if head == none {
		return Live{}, false
	}
	return s.view(s.winner(head)), true
}

func (s *State) winner(head leafID) leafID {
	best := head
	for id := s.leaves.at(head).sibling; id != none; id = s.leaves.at(id).sibling {
		if s.compare(s.leaves.at(id), s.leaves.at(best)) > 0 {
			best = id
		}
	}
	return best
}

func (s *State) compare(a, b *leaf) int {
	if c := cmp.Compare(a.time, b.time); c != 0 {
		return c
	}
	if a.actor != b.actor {
		return s.actors[a.actor].id.Compare(s.actors[b.actor].id)
	}
	return cmp.Compare(a.seq, b.seq)
}

// Less orders live payloads by (time, actor, sequence number).
func (s *State) Less(a, b *Live) bool {
	if a.Time != b.Time {
		return a.Time < b.Time
	}
	if a.Actor != b.Actor {
		return s.actors[a.Actor].id.Compare(s.actors[b.Actor].id) < 0
	}
	return a.Seq < b.Seq
}

// Siblings yields all live payloads at a place, in no particular order.
func (s *State) Siblings(parent Ref, tag Tag, key string) iter.Seq[Live] {
	return func(yield func(Live) bool) {
		id := s.head(hash(parent, tag, key), parent, tag, key)
		for id != none && yield(s.view(id)) {
			id = s.leaves.at(id).sibling
		}
	}
}

// Entries yields for each key directly below the container the winner among
// its live payloads, in no order that replicas share. It must not be mutated
// meanwhile.
func (s *State) Entries(r Ref) iter.Seq[Live] {
	return func(yield func(Live) bool) {
		if int(r) >= len(s.tree.nodes) {
			return
		}
		for id := s.tree.nodes[r].first; id != none; id = s.leaves.at(id).next {
			if !yield(s.view(s.winner(id))) {
				return
			}
		}
	}
}

// Newest returns, of the last payloads that were added at a place, the one by
// this actor, if it is still live. It is found without a look at all siblings.
func (s *State) Newest(a Index, parent Ref, tag Tag, key string) (Live, bool) {
	head := s.head(hash(parent, tag, key), parent, tag, key)
	if head == none {
		return Live{}, false
	}
	best := none
	for _, id := range [2]leafID{head, s.leaves.at(head).sibling} {
		if id != none && s.leaves.at(id).actor == a && (best == none || s.leaves.at(id).seq > s.leaves.at(best).seq) {
			best = id
		}
	}
	if best == none {
		return Live{}, false
	}
	return s.view(best), true
}

// Between yields the actor's live dots with sequence numbers in r, in order.
func (s *State) Between(a Index, r causal.Range) iter.Seq[Live] {
	return func(yield func(Live) bool) {
		s.actors[a].dots.each(r.Lo, r.Hi, func(_ uint64, id leafID) bool { return yield(s.view(id)) })
	}
}

// CountLive returns the number of the actor's live dots in r, in O(dots / 128).
func (s *State) CountLive(a Index, r causal.Range) int {
	return s.actors[a].dots.count(r.Lo, r.Hi)
}

// AnyLive reports whether any of the actor's dots in r is live.
func (s *State) AnyLive(a Index, r causal.Range) bool {
	return !s.actors[a].dots.each(r.Lo, r.Hi, func(uint64, leafID) bool { return false })
}

// Below yields every live payload in the container and in all below it.
func (s *State) Below(r Ref) iter.Seq[Live] {
	return func(yield func(Live) bool) {
		s.below(r, func(id leafID) bool { return yield(s.view(id)) })
	}
}

// Verify checks the state's invariants and that its indices agree. It costs
// O(state) and is meant for tests, simulation and the check of stored data.
func (s *State) Verify() error {
	var prints uint64
	dots := 0
	for i := range s.actors {
		x := &s.actors[i]
		if len(x.seen.Intersect(x.ahead)) > 0 {
			return fmt.Errorf("kernel: deaths ahead of %v in the context: %v", x.id, x.seen.Intersect(x.ahead))
		}
		var err error
		x.dots.each(1, causal.MaxSeq, func(seq uint64, id leafID) bool {
			l := s.leaves.at(id)
			prints ^= s.print(l)
			dots++
			err = s.verifyLeaf(Dot{Index(i), seq}, id, l)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if prints != s.live || dots != s.leaves.live {
		return fmt.Errorf("kernel: %d indexed dots of %d live, fingerprint %x, want %x", dots, s.leaves.live, s.live, prints)
	}
	return s.verifyTallies()
}

func (s *State) verifyTallies() error {
	for at, t := range s.tallies.at {
		var fresh tally
		s.recount(&fresh, s.head(hash(at.parent, at.tag, at.name), at.parent, at.tag, at.name), s.tallies.number)
		if fresh.sum != t.sum || fresh.dots != t.dots || len(fresh.other) != len(t.other) {
			return fmt.Errorf("kernel: the sum at %q is kept as %v of %d dots, and is %v of %d", at.name, t.sum, t.dots, fresh.sum, fresh.dots)
		}
	}
	return nil
}

func (s *State) verifyLeaf(d Dot, id leafID, l *leaf) error {
	name := causal.Dot{Actor: s.actors[d.Actor].id, Seq: d.Seq}
	if l.actor != d.Actor || l.seq != d.Seq {
		return fmt.Errorf("kernel: dot index entry %v holds another dot", name)
	}
	if !s.actors[d.Actor].seen.Contains(d.Seq) {
		return fmt.Errorf("kernel: live dot %v is not in the context", name)
	}
	for at := s.head(hash(l.parent, l.tag, l.key()), l.parent, l.tag, l.key()); at != id; at = s.leaves.at(at).sibling {
		if at == none {
			return fmt.Errorf("kernel: live dot %v is not at its path", name)
		}
	}
	return nil
}
