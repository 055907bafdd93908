package nemesis

import (
	"math/rand/v2"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/cluster"
)

// Topology is a shape of a partition.
type Topology string

// The topologies.
const (
	// One parts one node from all others.
	One Topology = "one"
	// MinorityThird parts a third of the nodes, rounded down but at least one,
	// from the rest.
	MinorityThird Topology = "minority-third"
	// MajorityRing leaves each node in touch with a majority, no two with the
	// same. Of three nodes it parts two that both still see the third.
	MajorityRing Topology = "majority-ring"
)

// Topologies lists all.
var Topologies = []Topology{One, MinorityThird, MajorityRing}

// Parted returns the pairs that a partition of this shape parts, with the nodes
// in random roles.
func (t Topology) Parted(rng *rand.Rand, nodes int) (pairs []cluster.Pair) {
	order := rng.Perm(nodes)
	apart := t.apart(nodes)
	for a := range nodes {
		for b := range a {
			if apart(b, a) {
				pairs = append(pairs, cluster.PairOf(order[a], order[b]))
			}
		}
	}
	return pairs
}

// apart returns the shape: whether two places, the lower first, are parted.
func (t Topology) apart(nodes int) func(a, b int) bool {
	switch t {
	case One:
		return func(a, _ int) bool { return a == 0 }
	case MinorityThird:
		third := max(1, nodes/3)
		return func(a, b int) bool { return a < third && b >= third }
	case MajorityRing:
		if nodes <= 3 {
			return func(a, b int) bool { return a == 0 && b == 1 }
		}
		reach := (nodes/2 + 1) / 2 // to either side, which makes a majority with the node itself
		return func(a, b int) bool { return min(b-a, nodes-(b-a)) > reach }
	}
	return func(int, int) bool { return false }
}
