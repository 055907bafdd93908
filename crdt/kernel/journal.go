package kernel

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// journal remembers what the local events of a group killed, so that the group
// can be taken back as long as nobody has seen it.
type journal struct {
	self  Index
	from  uint64 // first own event of the group
	dead  []Live
	ahead []Dot

	deaths causal.Ranges // ahead of the local actor as the group began
	gone   int           // how many dots had been collected
}

func (s *State) note(id leafID) {
	if s.journal != nil {
		s.journal.dead = append(s.journal.dead, s.view(id))
	}
}

// Begin starts a group of events of the local actor. Until Commit or Rollback
// nothing may be merged.
func (s *State) Begin(self Index) {
	s.journal = &journal{self: self, from: s.Next(self), deaths: slices.Clone(s.actors[self].ahead), gone: len(s.Gone())}
}

// Commit ends a group and keeps its events.
func (s *State) Commit() {
	s.journal = nil
	s.Sweep()
}

// Rollback ends a group and takes its events back, as if they had never been.
func (s *State) Rollback() {
	j := s.journal
	own := causal.Range{Lo: j.from, Hi: causal.MaxSeq}
	s.dropRange(j.self, own, nil)
	for _, d := range j.ahead {
		s.actors[d.Actor].ahead = s.actors[d.Actor].ahead.Remove(causal.Range{Lo: d.Seq, Hi: d.Seq})
	}
	s.actors[j.self].seen = s.actors[j.self].seen.Remove(own)
	s.actors[j.self].ahead = j.deaths
	for i := range j.dead {
		l := &j.dead[i]
		if l.Actor == j.self && l.Seq >= j.from {
			continue
		}
		p := l.Payload()
		s.add(l.Actor, l.Seq, &p)
	}
	if t := s.tracked; t != nil {
		t.gone = t.gone[:j.gone]
	}
	s.Commit()
}

// Forget takes back events of an actor that nobody else has seen. What they
// killed stays dead. The containers of their payloads stay until the next
// mutation ends, so that the payloads can be added again under another dot.
func (s *State) Forget(a Index, own causal.Range) {
	s.dropRange(a, own, nil)
	s.actors[a].seen = s.actors[a].seen.Remove(own)
}
