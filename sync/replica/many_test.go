package replica

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/message"
)

// TestManyDocuments prints what many documents cost. JOINERY_DOCUMENTS says how
// many; without it there is nothing to see that other tests do not show.
func TestManyDocuments(t *testing.T) {
	docs, err := strconv.Atoi(os.Getenv("JOINERY_DOCUMENTS"))
	if err != nil {
		t.Skip("JOINERY_DOCUMENTS is not set")
	}
	b := newBench(t, 2, noLog)
	before := inUse()
	b.fill(docs, 20, b.all[1])
	b.forgetNews()
	t.Logf("%d documents of 20 fields: %d bytes of heap each", docs, (inUse()-before)/uint64(2*docs))
	size := 0
	b.pass(3*time.Second, func(_, _ *Replica, m *Outgoing) bool {
		require.Equal(t, message.KindBeacon, m.Kind)
		size = max(size, len(m.Data))
		return false
	})
	t.Logf("equal: beacons of %d bytes at most, nothing else", size)
	require.LessOrEqual(t, size, 100)
	rng := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		for i := range n {
			b.overwrite(b.all[i%2], nameOf(rng.IntN(docs)))
		}
		b.forgetNews()
		start := time.Now()
		got := b.settleAll()
		t.Logf("%d differ: %d bytes in %d surveys and %d listings; then %d bytes in %d pulls and %d pushes; %v", n,
			got.bytes[message.KindSurvey]+got.bytes[message.KindListing], got.messages[message.KindSurvey], got.messages[message.KindListing],
			got.bytes[message.KindPull]+got.bytes[message.KindPush], got.messages[message.KindPull], got.messages[message.KindPush], time.Since(start).Round(time.Millisecond))
	}
	runtime.KeepAlive(b)
}

// inUse returns the bytes in use.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
