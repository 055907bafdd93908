package kernel

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

func printOf(id leafID) uint64 { return uint64(id) * prime }

// gaits are the ways in which sequence numbers come.
var gaits = map[string]func(*rand.Rand, uint64) uint64{
	"dense":    func(_ *rand.Rand, last uint64) uint64 { return last + 1 },
	"sparse":   func(_ *rand.Rand, last uint64) uint64 { return last + 1_000 },
	"shuffled": func(r *rand.Rand, _ uint64) uint64 { return 1 + uint64(r.Intn(3_000)) },
	"anywhere": func(r *rand.Rand, _ uint64) uint64 { return 1 + r.Uint64()%causal.MaxSeq },
}

func TestColumnAgreesWithAMap(t *testing.T) {
	for name, next := range gaits {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewSource(1))
			var c column
			want := map[uint64]leafID{}
			last := uint64(0)
			for step := range 5_000 {
				if rng.Intn(9) < 5 {
					if last = next(rng, last); want[last] == none {
						want[last] = leafID(step + 1)
						c.put(last, want[last], printOf(want[last]))
					}
				} else {
					for seq, id := range want {
						c.remove(seq, printOf(id))
						delete(want, seq)
						break
					}
				}
				if step%500 == 0 {
					requireDots(t, rng, &c, want)
				}
			}
			copied := c.clone()
			for seq, id := range want {
				c.remove(seq, printOf(id))
			}
			requireDots(t, rng, &c, nil)
			require.LessOrEqual(t, len(c.blocks), 8, "an empty index keeps no blocks")
			requireDots(t, rng, &copied, want)
		})
	}
}

func requireDots(t *testing.T, rng *rand.Rand, c *column, want map[uint64]leafID) {
	t.Helper()
	requireColumn(t, c, printOf)
	var seqs []uint64
	for seq, id := range want {
		require.Equal(t, id, c.get(seq))
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	require.Equal(t, none, c.get(causal.MaxSeq))
	for range 20 {
		i, j := rng.Intn(len(seqs)+1), rng.Intn(len(seqs)+1)
		lo, hi := uint64(1), uint64(causal.MaxSeq)
		if i < len(seqs) {
			lo = seqs[i]
		}
		if j < len(seqs) {
			hi = seqs[j]
		}
		within := slices.DeleteFunc(slices.Clone(seqs), func(s uint64) bool { return s < lo || s > hi })
		var got []uint64
		c.each(lo, hi, func(seq uint64, id leafID) bool {
			require.Equal(t, want[seq], id)
			got = append(got, seq)
			return true
		})
		require.Equal(t, within, append(within[:0:0], got...))
		require.Equal(t, len(within), c.count(lo, hi))
	}
}

func TestColumnEachStopsWhenAsked(t *testing.T) {
	var c column
	for seq := uint64(1); seq <= 300; seq++ {
		c.put(seq, leafID(seq), 0)
	}
	n := 0
	require.False(t, c.each(100, 300, func(uint64, leafID) bool { n++; return n < 50 }))
	require.Equal(t, 50, n)
}

func TestColumnRefusesToRemoveWhatIsNotThere(t *testing.T) {
	var c column
	c.put(1, 1, 0)
	require.PanicsWithValue(t, "kernel: dot is not in the dot index", func() { c.remove(2, 0) })
}

// One block for each live dot in 128 is the worst case; blocks without any are
// swept, so the index follows the live dots and not the sequence numbers.
func TestColumnDoesNotGrowUnderEndlessPutAndDelete(t *testing.T) {
	var c column
	for seq := uint64(1); seq <= 500_000; seq++ {
		c.put(seq, leafID(seq), 0)
		if seq > 100 {
			c.remove(seq-100, 0)
		}
		if seq%1000 == 0 {
			require.LessOrEqual(t, len(c.blocks), 20)
			require.LessOrEqual(t, cap(c.blocks), 80)
		}
	}
}
