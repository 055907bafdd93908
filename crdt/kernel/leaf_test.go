package kernel

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlabGivesFreedLeavesOutAgain(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var s slab
	held := map[leafID]uint64{}
	for step := range 50_000 {
		if len(held) < 3_000 && rng.Intn(2) == 0 {
			id, l := s.alloc()
			require.NotEqual(t, none, id)
			require.Zero(t, held[id], "a leaf is given out once")
			require.Equal(t, leaf{}, *l, "a leaf comes empty")
			l.seq = uint64(step) + 1
			held[id] = l.seq
		} else {
			for id, seq := range held {
				require.Equal(t, seq, s.at(id).seq)
				s.release(id)
				delete(held, id)
				break
			}
		}
	}
	requireSlab(t, &s)
	require.Equal(t, len(held), s.live)
	require.LessOrEqual(t, int(s.used), 3_001)
}

func TestSlabCloneSharesNothing(t *testing.T) {
	var s slab
	for range 3_000 {
		_, l := s.alloc()
		l.kv = "x"
	}
	c := s.clone()
	s.at(7).kv = "y"
	c.release(8)
	require.Equal(t, "x", c.at(7).kv)
	require.Equal(t, "x", s.at(8).kv)
	requireSlab(t, &s)
	requireSlab(t, &c)
}
