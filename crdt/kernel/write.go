package kernel

import "github.com/joinery-crdt/joinery/crdt/causal"

// Dot is a dot by the state's own index of its actor.
type Dot struct {
	Actor Index
	Seq   uint64
}

// Next returns the sequence number that the actor's next event gets. It
// follows the greatest that the state has seen, so it is right only where
// this state alone mints for the actor.
func (s *State) Next(a Index) uint64 { return s.actors[a].seen.Max() + 1 }

// Event absorbs a local event without a payload.
func (s *State) Event(a Index, seq uint64) {
	s.Claim(a, causal.Range{Lo: seq, Hi: seq})
	s.Sweep()
}

// stillborn reports whether the death of an event came before the event. For
// a local one it means that somebody else uses or knows more of the actor's
// numbers than this state; the payload is lost, but no replica disagrees.
func (s *State) stillborn(a Index, seq uint64) bool { return s.actors[a].ahead.Contains(seq) }

// Add absorbs a local event that adds a payload and kills nothing.
func (s *State) Add(a Index, seq uint64, p *Payload) {
	if !s.stillborn(a, seq) {
		s.add(a, seq, p)
	}
	s.Event(a, seq)
}

// Assign absorbs a local event that adds a payload in place of all that lives
// at the same place. It appends the dots that it killed to killed.
func (s *State) Assign(a Index, seq uint64, p *Payload, killed []Dot) []Dot {
	if s.stillborn(a, seq) {
		killed = s.Clear(p.Parent, p.Tag, p.Key, killed)
		s.Event(a, seq)
		return killed
	}
	if s.observer != nil {
		s.observer.Touch(p.Parent, p.Tag, p.Key)
	}
	h := hash(p.Parent, p.Tag, p.Key)
	head := s.head(h, p.Parent, p.Tag, p.Key)
	if head == none {
		s.insert(h, none, a, seq, p)
		s.Event(a, seq)
		return killed
	}
	l := s.leaves.at(head)
	for l.sibling != none {
		killed = append(killed, s.dot(l.sibling))
		s.drop(l.sibling)
	}
	killed = append(killed, Dot{l.actor, l.seq})
	s.note(head)
	s.forget(l)
	s.fill(head, l, a, seq, p)
	s.Event(a, seq)
	return killed
}

func (s *State) dot(id leafID) Dot {
	l := s.leaves.at(id)
	return Dot{l.actor, l.seq}
}

// Clear kills all that lives at a place and appends the dots to killed. The
// caller's event absorbs them.
func (s *State) Clear(parent Ref, tag Tag, key string, killed []Dot) []Dot {
	for {
		head := s.head(hash(parent, tag, key), parent, tag, key)
		if head == none {
			return killed
		}
		killed = append(killed, s.dot(head))
		s.drop(head)
	}
}

// ClearBelow kills what lives in the container and in those below it, except
// payloads that keep returns true for (nil keeps none), and appends the dots
// to killed. It stops after limit dots and reports whether it is done; another
// call goes on.
func (s *State) ClearBelow(r Ref, keep func(*Live) bool, killed []Dot, limit int) ([]Dot, bool) {
	var dying []leafID
	done := s.below(r, func(id leafID) bool {
		if keep != nil {
			if l := s.view(id); keep(&l) {
				return true
			}
		}
		if len(dying) == limit {
			return false
		}
		dying = append(dying, id)
		return true
	})
	for _, id := range dying {
		killed = append(killed, s.dot(id))
		s.drop(id)
	}
	return killed, done
}

// below calls yield for every leaf at any depth below r.
func (s *State) below(r Ref, yield func(leafID) bool) bool {
	if int(r) >= len(s.tree.nodes) {
		return true
	}
	n := &s.tree.nodes[r]
	for head := n.first; head != none; head = s.leaves.at(head).next {
		for id := head; id != none; id = s.leaves.at(id).sibling {
			if !yield(id) {
				return false
			}
		}
	}
	for c := n.child; c != 0; c = s.tree.nodes[c].next {
		if !s.below(c, yield) {
			return false
		}
	}
	return true
}

// ValueAt returns the value of a dot if it lives at a place.
func (s *State) ValueAt(d Dot, parent Ref, tag Tag, key string) (string, bool) {
	id := s.actors[d.Actor].dots.get(d.Seq)
	if id == none {
		return "", false
	}
	l := s.leaves.at(id)
	return l.value(), l.parent == parent && l.tag == tag && l.key() == key
}

// Amend gives a live dot another value in place. It is for a local event that
// nobody has seen and that can still become another one: a dot must have one
// payload wherever it is known. It must not be called within a group, and value
// is copied.
func (s *State) Amend(d Dot, value []byte) {
	if s.journal != nil {
		panic("kernel: Amend within a group")
	}
	x := &s.actors[d.Actor]
	id := x.dots.get(d.Seq)
	l := s.leaves.at(id)
	if s.observer != nil {
		s.observer.Touch(l.parent, l.tag, l.key())
	}
	counted := len(s.tallies.at) > 0 && l.tag == s.tallies.tag
	if counted {
		s.tallyDrop(l)
	}
	was, size := s.print(l), len(l.kv)
	l.kv = l.kv[:size-len(l.value())] + string(value)
	change := was ^ s.print(l)
	s.live ^= change
	s.bytes += len(l.kv) - size
	x.dots.reprint(d.Seq, change)
	if counted {
		s.tallyAdd(id, l)
	}
}

// KillDot kills one dot by name, wherever it is: live, unknown (then it is a
// death ahead) or dead already. It reports whether it was not dead before. This is how a
// write supersedes what a client read elsewhere.
func (s *State) KillDot(d causal.Dot) bool {
	a := s.Intern(d.Actor)
	if id := s.actors[a].dots.get(d.Seq); id != none {
		s.drop(id)
		return true
	}
	x := &s.actors[a]
	if x.seen.Contains(d.Seq) {
		return s.buryUnseen(Dot{a, d.Seq})
	}
	if x.ahead.Contains(d.Seq) {
		return false
	}
	x.ahead = x.ahead.AddSeq(d.Seq)
	if s.journal != nil {
		s.journal.ahead = append(s.journal.ahead, Dot{a, d.Seq})
	}
	return true
}

// buryUnseen kills a dot whose row may still come, and reports whether it may.
func (s *State) buryUnseen(d Dot) bool {
	if s.partial == nil || s.partial.has(d) {
		return false
	}
	s.partial.dots[d] = struct{}{}
	return true
}

// NameOf returns the dot's full name.
func (s *State) NameOf(d Dot) causal.Dot { return causal.Dot{Actor: s.actors[d.Actor].id, Seq: d.Seq} }
