package kernel

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// shapes are hash functions that make life hard for the table.
var shapes = map[string]func(*rand.Rand) uint32{
	"random":             func(r *rand.Rand) uint32 { return r.Uint32() },
	"equal low bits":     func(r *rand.Rand) uint32 { return r.Uint32() << 16 },
	"equal high bits":    func(r *rand.Rand) uint32 { return r.Uint32() >> 14 },
	"few values":         func(r *rand.Rand) uint32 { return uint32(r.Intn(5)) * 0x33333333 },
	"homes at the end":   func(r *rand.Rand) uint32 { return r.Uint32() | 0x3fe },
	"all the same":       func(*rand.Rand) uint32 { return 0xffffffff },
	"same but first bit": func(r *rand.Rand) uint32 { return r.Uint32() & (1 << 31) },
}

func TestTableKeepsEveryLeafUnderHardHashes(t *testing.T) {
	for name, next := range shapes {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewSource(1))
			var tab table
			want := map[leafID]uint32{}
			id := leafID(0)
			for step := range 4_000 {
				if rng.Intn(5) < 3 {
					id++
					want[id] = next(rng)
					tab.insert(want[id], id)
				} else if victim, ok := anyLeaf(want); ok {
					tab.remove(want[victim], victim)
					delete(want, victim)
				}
				if step%200 == 0 {
					requireEntries(t, &tab, want)
				}
			}
			copied := tab.clone()
			for victim, h := range want {
				tab.remove(h, victim)
			}
			requireEntries(t, &tab, nil)
			requireEntries(t, &copied, want)
		})
	}
}

func anyLeaf(m map[leafID]uint32) (leafID, bool) {
	for id := range m {
		return id, true
	}
	return none, false
}

func requireEntries(t *testing.T, tab *table, want map[leafID]uint32) {
	t.Helper()
	got := map[leafID]uint32{}
	requireTable(t, tab, func(h uint32, id leafID) { got[id] = h })
	require.Equal(t, len(want), len(got))
	for id, h := range want {
		require.Equal(t, h, got[id])
	}
}

func TestTableSplitsInsteadOfRehashing(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var tab table
	want := map[leafID]uint32{}
	for id := leafID(1); id <= 50_000; id++ {
		want[id] = rng.Uint32() >> rng.Intn(4) // not evenly, so that depths differ
		tab.insert(want[id], id)
		if victim := leafID(rng.Intn(int(id))) + 1; id%3 == 0 && want[victim] != 0 {
			tab.remove(want[victim], victim)
			delete(want, victim)
		}
	}
	require.GreaterOrEqual(t, len(tab.dir), 64)
	depths := map[uint8]bool{}
	for _, g := range tab.dir {
		require.LessOrEqual(t, len(g.slots), maxSlots)
		depths[g.depth] = true
	}
	require.Greater(t, len(depths), 1)
	copied := tab.clone()
	requireEntries(t, &tab, want)
	requireEntries(t, &copied, want)
}

func TestTableReplacePointsASlotElsewhere(t *testing.T) {
	var tab table
	for id := leafID(1); id <= 6; id++ {
		tab.insert(8, id)
	}
	tab.replace(8, 3, 33)
	tab.remove(8, 1)
	requireEntries(t, &tab, map[leafID]uint32{2: 8, 33: 8, 4: 8, 5: 8, 6: 8})
	require.PanicsWithValue(t, "kernel: leaf is not in the path index", func() { tab.remove(8, 3) })
}
