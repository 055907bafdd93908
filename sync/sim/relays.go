package sim

import (
	"math/rand/v2"
	"slices"

	"github.com/joinery-crdt/joinery/sync/replica"
)

// relays is how many replicas, from the first on, are of two systems.
func (t *Tuning) relays() int {
	if t.Loop {
		return t.Systems
	}
	return max(t.Systems-1, 0)
}

// systemsOf returns the systems that the i-th replica speaks in, one a port.
func (t *Tuning) systemsOf(i int) []int {
	switch n := max(t.Systems, 1); {
	case i < t.relays():
		return []int{i, (i + 1) % n}
	default:
		return []int{i % n}
	}
}

// portBetween returns the port at which a node hears what another sends by one
// of its own, -1 if it does not.
func (w *world) portBetween(from *node, o *replica.Outgoing, to *node) int {
	return slices.Index(to.systems, from.systems[o.Port])
}

// connect tells a replica of its links.
func (w *world) connect(n *node) {
	for port := range n.systems {
		n.r.ConnectOn(w.time(), port, n.online)
	}
}

// divide gives some histories more than one system. Its random source is its
// own, so that the rest of a history is the same without.
func (g *generator) divide(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x72656c6179))
	if !g.o.Faults.Relays || !g.o.Focus && rng.IntN(4) > 0 {
		return
	}
	s.Tuning.Systems = 2 + rng.IntN(2)
	s.Tuning.Loop = rng.IntN(3) == 0
	s.Replicas = max(s.Replicas, s.Tuning.relays()+1)
	s.Expect.Within = 3 * Bound // the beacons of a few hops
}

// economize gives some histories a budget. It is drawn like divide.
func (g *generator) economize(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x627564676574))
	if !g.o.Faults.Thrift || s.Tuning.MaxMessage > 0 || rng.IntN(6) > 0 {
		return
	}
	s.Tuning.Budget = []int{4000, 8000, 20_000}[rng.IntN(3)]
	s.Expect.Within = 6 * Bound // what waits has to get through first
}
