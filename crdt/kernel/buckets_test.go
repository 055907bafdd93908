package kernel

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

func TestBlocksHoldEachLiveDotOnceWithItsFingerprint(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	s := &State{}
	a := s.Intern(causal.Actor{ID: causal.ID{1}})
	for range 2000 {
		seq := s.Next(a) + uint64(rng.Intn(3)*rng.Intn(200))
		s.Assign(a, seq, &Payload{Tag: 2, Key: string(rune('a' + rng.Intn(500)))}, nil)
	}
	var sum uint64
	dots := 0
	last := -1
	for b := range s.Blocks(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
		require.Greater(t, int(b.Number), last)
		last = int(b.Number)
		var print uint64
		for i := range uint64(BlockSize) {
			p, live := s.DotPrint(a, b.Number*BlockSize+i)
			require.Equal(t, s.IsLive(a, b.Number*BlockSize+i), live)
			require.Equal(t, live, b.Mask[i/64]>>(i%64)&1 == 1)
			print ^= p
			if live {
				dots++
			}
		}
		require.Equal(t, print, b.Print)
		require.NotZero(t, b.Mask[0]|b.Mask[1], "blocks without a live dot are left out")
		sum ^= b.Print
	}
	require.Equal(t, s.Fingerprint(), sum)
	require.Equal(t, s.Dots(), dots)
}

func TestBlocksOfARangeAreThoseThatItTouches(t *testing.T) {
	s := &State{}
	a := s.Intern(causal.Actor{ID: causal.ID{1}})
	for seq := uint64(1); seq <= 1000; seq++ {
		s.Add(a, seq, &Payload{Tag: 2, Key: string(rune(seq))})
	}
	var numbers []uint64
	for b := range s.Blocks(a, causal.Range{Lo: 130, Hi: 256}) {
		numbers = append(numbers, b.Number)
	}
	require.Equal(t, []uint64{1, 2}, numbers)
}
