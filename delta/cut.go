package delta

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// groups is ranges of events each of which has to be seen as a whole.
//
// Invariant: sorted and disjoint. Unlike [causal.Ranges] they may be adjacent:
// one group behind the other is two groups, and a unit may end between them.
type groups []causal.Range

// search returns the index of the first group that ends at seq or behind.
func (g groups) search(seq uint64) int {
	i, _ := slices.BinarySearchFunc(g, seq, func(r causal.Range, seq uint64) int {
		if r.Hi < seq {
			return -1
		}
		return 1
	})
	return i
}

// of returns the group that an event belongs to.
func (g groups) of(seq uint64) (causal.Range, bool) {
	if i := g.search(seq); i < len(g) && g[i].Lo <= seq {
		return g[i], true
	}
	return causal.Range{}, false
}

// add makes r a group, one with those that it overlaps.
func (g groups) add(r causal.Range) groups {
	i := g.search(r.Lo)
	j := i
	for ; j < len(g) && g[j].Lo <= r.Hi; j++ {
		r.Lo, r.Hi = min(r.Lo, g[j].Lo), max(r.Hi, g[j].Hi)
	}
	return slices.Replace(g, i, j, r)
}

// after returns the groups that end behind seq.
func (g groups) after(seq uint64) groups { return slices.Delete(g, 0, g.search(seq+1)) }

// cut returns the last event of the next unit, which begins with first.
func (p *Pending) cut(s *kernel.State, first uint64, limit int) uint64 {
	if limit <= 0 {
		return p.own.Hi
	}
	last := p.fit(s, first, limit)
	switch g, ok := p.groups.of(last); {
	case !ok || g.Hi == last:
		return last
	case g.Lo > first:
		return g.Lo - 1
	default:
		return g.Hi
	}
}

// fit returns the last event up to which the unsealed ones from first on take
// about limit bytes; the first one fits always.
func (p *Pending) fit(s *kernel.State, first uint64, limit int) uint64 {
	m := meter{left: limit - frameCost, first: first, kills: p.kills[p.killsFrom(first):], victim: p.Self}
	for l := range s.Between(p.Self, causal.Range{Lo: first, Hi: p.own.Hi}) {
		if by := m.killsUpTo(l.Seq); by != 0 {
			return by - 1
		}
		if !m.spend(l.Seq, m.add(s, &l)) {
			return l.Seq - 1
		}
	}
	if by := m.killsUpTo(p.own.Hi); by != 0 {
		return by - 1
	}
	return p.own.Hi
}

// Estimated bytes, on the safe side for all but exotic events.
const (
	frameCost     = 64
	addCost       = 24 // besides key and value
	expiryCost    = 9
	componentCost = 5 // of a path, besides its name
	killCost      = 10
	actorCost     = 32 // when a kill is of another actor than the last one
)

// meter adds up what events take in a unit.
type meter struct {
	left   int
	first  uint64
	kills  []kill // not counted yet
	parent kernel.Ref
	victim kernel.Index
}

// spend counts bytes for an event and reports whether it fits.
func (m *meter) spend(seq uint64, bytes int) bool {
	m.left -= bytes
	return m.left >= 0 || seq == m.first
}

// killsUpTo counts the kills by the events up to seq. It returns the event
// whose kills do not fit, 0 if all do.
func (m *meter) killsUpTo(seq uint64) uint64 {
	for ; len(m.kills) > 0 && m.kills[0].by <= seq; m.kills = m.kills[1:] {
		k := m.kills[0]
		if k.dot == (kernel.Dot{}) {
			continue
		}
		cost := killCost
		if k.dot.Actor != m.victim {
			m.victim = k.dot.Actor
			cost += actorCost
		}
		if !m.spend(k.by, cost) {
			return k.by
		}
	}
	return 0
}

// add returns what a payload takes.
func (m *meter) add(s *kernel.State, l *kernel.Live) int {
	cost := addCost + len(l.Key) + len(l.Value)
	if l.Expiry != 0 {
		cost += expiryCost
	}
	if l.Parent != m.parent {
		m.parent = l.Parent
		for r := l.Parent; r != kernel.Root; {
			up, c := s.Parent(r)
			cost += componentCost + len(c.Name)
			r = up
		}
	}
	return cost
}
