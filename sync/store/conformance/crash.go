package conformance

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
)

func testFailed(t *testing.T, b *bench) {
	if b.place.FailWrites == nil {
		t.Skip("this engine has no seam to fail its writes")
	}
	require.NoError(t, b.store.Apply(batch("a", "1"), true))
	b.place.FailWrites()
	require.ErrorIs(t, b.store.Apply(batch("b", "2"), true), store.ErrFailed)
	require.ErrorIs(t, b.store.Apply(batch("c", "3"), true), store.ErrFailed)
	require.ErrorIs(t, b.store.Apply(batch("d", "4"), false), store.ErrFailed)
	require.ErrorIs(t, b.store.Sync(), store.ErrFailed)
	b.wants(b.store, "a", "1")
	b.lacks(b.store, "c")
	b.lacks(b.store, "d")
	for e, err := range b.store.Scan(nil, []byte("b")) {
		require.NoError(t, err)
		require.Equal(t, "a", string(e.Key))
	}
}

// testCrashKeepsSynced loses the power after each of some synced batches.
func testCrashKeepsSynced(t *testing.T, b *bench) {
	if b.place.Crash == nil {
		t.Skip("this engine has no seam for a power loss")
	}
	for n := range 10 {
		b.put(fmt.Sprintf("unsynced/%02d", n), "v")
		require.NoError(t, b.store.Apply(batch(fmt.Sprintf("synced/%02d", n), "v"), true))
		b.put("lost/perhaps", "v")
		b.place.Crash(uint64(n))
		b.open()
		require.Len(t, b.list(b.store, "synced/", "synced0"), 2*(n+1))
		require.Len(t, b.list(b.store, "unsynced/", "unsynced0"), 2*(n+1))
	}
}

// testCrashKeepsOrder writes numbered batches and syncs some. After a power loss
// the batches up to one number are there, each whole, and none behind it.
func testCrashKeepsOrder(t *testing.T, b *bench) {
	if b.place.Crash == nil {
		t.Skip("this engine has no seam for a power loss")
	}
	next, rng := 0, rand.New(rand.NewPCG(3, 3))
	for round := range 20 {
		synced := -1
		for range rng.IntN(30) {
			sync := rng.IntN(8) == 0
			k := fmt.Sprintf("%05d", next)
			require.NoError(t, b.store.Apply(batch("a/"+k, k, "b/"+k, k), sync))
			if sync {
				synced = next
			}
			next++
		}
		b.place.Crash(uint64(round))
		b.open()
		next = checkPrefix(b, synced, next)
	}
}

// checkPrefix returns the number of batches that are there.
func checkPrefix(b *bench, synced, applied int) int {
	b.Helper()
	left, right := b.list(b.store, "a/", "a0"), b.list(b.store, "b/", "b0")
	n := len(left) / 2
	require.Len(b, right, 2*n, "halves of batches")
	require.Greater(b, n, synced, "batches that were synced")
	require.LessOrEqual(b, n, applied)
	for i := range n {
		k := fmt.Sprintf("%05d", i)
		require.Equal(b, []string{"a/" + k, k}, left[2*i:2*i+2])
		require.Equal(b, []string{"b/" + k, k}, right[2*i:2*i+2])
	}
	return n
}

var _ store.Store = (*store.Memory)(nil)
