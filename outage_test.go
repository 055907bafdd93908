package joinery_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
)

// outage is how long a link is away and how many writes each side makes meanwhile.
// JOINERY_OUTAGE=60s has the length, and 10,000 writes, of the figures in docs/edge.md.
func outage(t *testing.T) (length time.Duration, writes int, within time.Duration) {
	text := os.Getenv("JOINERY_OUTAGE")
	if text == "" {
		return 200 * time.Millisecond, 1000, time.Minute
	}
	length, err := time.ParseDuration(text)
	require.NoError(t, err)
	return length, 10_000, 1500 * time.Millisecond
}

// TestALeafThatWasAwayIsEqualSoonAfterItsReturn, whether everything was written in
// one document or in a hundred: the TCP link between two servers is cut.
func TestALeafThatWasAwayIsEqualSoonAfterItsReturn(t *testing.T) {
	for _, docs := range []int{1, 100} {
		t.Run(fmt.Sprintf("%d documents", docs), func(t *testing.T) {
			length, writes, within := outage(t)
			link, atHub, atLeaf := leafSite(t)
			settle(t, atHub, atLeaf)
			link.Cut()
			start := time.Now()
			var both sync.WaitGroup
			for side, r := range []*joinery.Replica{atHub, atLeaf} {
				both.Go(func() { writeMany(t, r, side, docs, writes) })
			}
			both.Wait()
			time.Sleep(time.Until(start.Add(length)))
			require.NotEqual(t, atHub.Status().Digest, atLeaf.Status().Digest)
			before := atHub.Status().Stats.BytesIn + atLeaf.Status().Stats.BytesIn
			link.Restore()
			took := settle(t, atHub, atLeaf)
			after := atHub.Status().Stats.BytesIn + atLeaf.Status().Stats.BytesIn
			t.Logf("%d writes on each side in %v, equal %v after the link's return, %d bytes", writes, length, took, after-before)
			require.Less(t, took, within)
			require.Equal(t, fmt.Sprintf("%0100d", writes-1), get[string](t, atHub.Doc(fmt.Sprint("doc.", (writes-1)%docs)).Register(fmt.Sprintf("1.%d", writes-1))))
		})
	}
}

// writeMany writes fields of 100 bytes.
func writeMany(t testing.TB, r *joinery.Replica, side, docs, n int) {
	for i := range n {
		if err := r.Doc(fmt.Sprint("doc.", i%docs)).Register(fmt.Sprintf("%d.%d", side, i)).Set(background, fmt.Sprintf("%0100d", i)); err != nil {
			t.Error(err)
			return
		}
	}
}
