package nemesis_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/cluster"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/nemesis"
)

// sights returns whom each node still sees, itself included, as sets of bits.
func sights(t nemesis.Topology, nodes int, seed uint64) []uint64 {
	parted := t.Parted(rand.New(rand.NewPCG(seed, 0)), nodes)
	sees := make([]uint64, nodes)
	for a := range nodes {
		for b := range nodes {
			if a == b || !slices.Contains(parted, cluster.PairOf(a, b)) {
				sees[a] |= 1 << b
			}
		}
	}
	return sees
}

func size(set uint64) (n int) {
	for ; set != 0; set &= set - 1 {
		n++
	}
	return n
}

func TestPartitionsHaveTheirShape(t *testing.T) {
	for nodes := cluster.MinNodes; nodes <= cluster.MaxNodes; nodes++ {
		for seed := range uint64(5) {
			var alone, minority int
			for _, s := range sights(nemesis.One, nodes, seed) {
				if size(s) == 1 {
					alone++
				} else {
					require.Equal(t, nodes-1, size(s))
				}
			}
			require.Equal(t, 1, alone)
			third := nodes / 3
			for _, s := range sights(nemesis.MinorityThird, nodes, seed) {
				if size(s) == third {
					minority++
				} else {
					require.Equal(t, nodes-third, size(s))
				}
			}
			require.Equal(t, third, minority)
		}
	}
}

func TestInAMajorityRingAllSeeAMajorityAndNoTwoTheSame(t *testing.T) {
	for nodes := 4; nodes <= cluster.MaxNodes; nodes++ {
		seen := sights(nemesis.MajorityRing, nodes, uint64(nodes))
		for _, s := range seen {
			require.Greater(t, 2*size(s), nodes)
			require.Less(t, size(s), nodes)
		}
		slices.Sort(seen)
		require.Len(t, slices.Compact(seen), nodes)
	}
	require.Len(t, nemesis.MajorityRing.Parted(rand.New(rand.NewPCG(1, 1)), 3), 1)
}
