package crdt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

func TestIncrementsThatNobodyHasSeenAreOneEventThatGrows(t *testing.T) {
	d := crdt.NewDocument(causal.Actor{ID: causal.ID{1}, Incarnation: 1}, nil)
	inc := func(key string, n int64) { require.NoError(t, d.Increment(kernel.Root, key, n)) }
	sum := func(key string) int64 {
		require.NoError(t, d.State().Verify())
		n, _ := d.Sum(kernel.Root, key)
		return n
	}
	inc("n", 1)
	inc("n", 300)
	require.Equal(t, 1, d.Pending().Len())
	require.EqualValues(t, 301, sum("n"))

	inc("m", 1) // from here on another event is the last
	inc("n", 1)
	require.Equal(t, 3, d.Pending().Len(), "what was written before the last event was shown with it")
	require.EqualValues(t, 302, sum("n"))

	d.Pending().Keep(nil, d.State(), 0)
	inc("n", 1)
	require.Equal(t, 4, d.Pending().Len(), "what is on a disk was changed")
	d.Flush(nil)
	inc("n", 1)
	require.Equal(t, 1, d.Pending().Len(), "what was sealed was changed")
	require.EqualValues(t, 304, sum("n"))
}

func TestAGroupThatFailsTakesItsIncrementsBack(t *testing.T) {
	d := crdt.NewDocument(causal.Actor{ID: causal.ID{1}, Incarnation: 1}, nil)
	require.NoError(t, d.Increment(kernel.Root, "n", 5))
	before := d.State().Digest()
	require.ErrorIs(t, d.Update(func() error {
		require.NoError(t, d.Increment(kernel.Root, "n", 1))
		return crdt.ErrTooLarge
	}), crdt.ErrTooLarge)
	require.Equal(t, before, d.State().Digest())
}

// BenchmarkIncrement answers: what does an increment cost when nobody asks for
// its delta at once?
func BenchmarkIncrement(b *testing.B) {
	w := crdt.NewCounter(causal.Actor{ID: causal.ID{1}, Incarnation: 1}).Writer()
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Add(1); err != nil {
			b.Fatal(err)
		}
	}
}
