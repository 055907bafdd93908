package main

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/crowd"
)

// brief is a workload of one element a node and round.
func brief(g crowd.Graph, n int) *workload {
	w := set(crowd.Graph{})
	w.graph, w.rounds, w.all = g, n, nil
	return w.make(func(node, round int) []element {
		return []element{{key: node*rounds + round, version: 1, bytes: 14}}
	})
}

// TestTheBaselineOnARowOfThree: by hand, one element at each of three nodes. With
// both optimisations an element crosses each of two links once; without removal
// it also comes back; states are sent whole.
func TestTheBaselineOnARowOfThree(t *testing.T) {
	w := brief(crowd.Graph{Nodes: 3, Edges: [][2]int{{0, 1}, {1, 2}}}, 1)
	count := map[string]int{}
	for _, a := range algorithms {
		count[a.name], _ = baseline(a, w, 1)
	}
	require.Equal(t, 3*2, count["BP+RR"])
	require.Equal(t, 3*2, count["BP"], "nothing meets in a row")
	require.Greater(t, count["RR"], count["BP+RR"])
	require.Greater(t, count["classic"], count["BP+RR"])
}

func TestReplicasTransmitNoMoreThanBPAndRR(t *testing.T) {
	for name, g := range map[string]crowd.Graph{"tree": crowd.Tree(15), "mesh": crowd.Mesh(15)} {
		w := brief(g, 10)
		best, _ := baseline(algorithms[len(algorithms)-1], w, 1)
		ours := engine(w, 1)
		require.LessOrEqual(t, float64(ours.elements), most*float64(best), name)
		require.GreaterOrEqual(t, ours.elements, 15*10*14, "every element reaches every node")
	}
}

func TestZipfDrawsTheFirstMostOften(t *testing.T) {
	draw := zipfian(rand.New(rand.NewPCG(1, 1)), 100, 1)
	seen := make([]int, 100)
	for range 10_000 {
		seen[draw()]++
	}
	require.Greater(t, seen[0], 3*seen[9])
	require.Greater(t, seen[9], seen[99])
}

func TestEveryWorkloadHasPublishedFiguresOrIsOfTheirFamily(t *testing.T) {
	all := workloads()
	require.Len(t, all, 2*6+6)
	named := 0
	for _, w := range all {
		if len(w.published) > 0 {
			named++
		}
	}
	require.Equal(t, len(published), named)
}
