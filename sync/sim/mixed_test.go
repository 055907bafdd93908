package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReplicasOfTwoReleasesConverge has an old replica pass on what a newer one
// wrote while the third could not hear that.
func TestReplicasOfTwoReleasesConverge(t *testing.T) {
	s := &Script{Seed: 1, Replicas: 3, Net: Net{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond}, Tuning: Tuning{Newer: 1}}
	s.Actions = append(s.Actions, Action{Do: Cut, Node: 0, Peer: 2}, Action{Do: Cut, Node: 2, Peer: 0})
	for i := range 60 {
		s.Actions = append(s.Actions, Action{
			At: time.Duration(1+10*i) * time.Millisecond, Do: Write, Node: i % 2, Doc: "doc",
			Ops: []Op{{Do: Set, Path: fmt.Sprint("k", i%7), Value: fmt.Sprint(i)}},
		})
	}
	s.Actions = append(s.Actions, Action{At: 4 * time.Second, Do: Heal})
	r := requireSound(t, s)
	require.NotZero(t, r.Stats.Refusals, "the old ones should meet what they can't read")
	require.NotZero(t, r.Stats.PartsRelayed, "the second should pass the first one's units on to the third")
}

func TestGeneratedHistoriesMixReleases(t *testing.T) {
	refusals, relayed := 0, 0
	for seed := range uint64(100) {
		r := requireSound(t, Generate(seed, Small()))
		refusals += r.Stats.Refusals
		relayed += r.Stats.PartsRelayed
	}
	require.NotZero(t, refusals)
	require.NotZero(t, relayed)
}
