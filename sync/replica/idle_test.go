package replica

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// TestIdleDocuments prints what documents cost that nobody touches: memory, and
// the time of their replica. JOINERY_DOCUMENTS says how many.
func TestIdleDocuments(t *testing.T) {
	docs, err := strconv.Atoi(os.Getenv("JOINERY_DOCUMENTS"))
	if err != nil {
		t.Skip("JOINERY_DOCUMENTS is not set")
	}
	_, field := idlers(t, 1, 10*docs)
	field /= 10 * docs
	for _, fields := range []int{1, 20} {
		b, size := idlers(t, docs, fields)
		t.Logf("documents of %d fields: %d bytes of heap each; a field of a large document: %d, so besides fields %d",
			fields, size/docs, field, size/docs-fields*field)
		const span = 10 * time.Minute
		spent := b.idle(span)
		t.Logf("%v of two replicas that are idle: %v, %.3f%% of a core each", span, spent, 50*spent.Seconds()/span.Seconds())
		runtime.KeepAlive(b)
	}
}

// idlers returns two replicas that hold the same documents, and the heap of one of them.
func idlers(t *testing.T, docs, fields int) (*bench, int) {
	b := newBench(t, 2, noLog)
	before := inUse()
	b.fill(docs, fields, b.all[1])
	b.forgetNews()
	return b, int(inUse()-before) / 2
}

// idle lets time pass, from one moment at which a replica has something to do
// to the next, and returns how long that took: an upper bound of the processor time.
func (b *bench) idle(span time.Duration) time.Duration {
	start := time.Now()
	for end := b.now.Add(span); b.now.Before(end); {
		next := end
		for _, r := range b.all {
			if at := r.Next(); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		b.now = next
		for _, r := range b.all {
			r.Tick(b.now)
		}
		b.carry(nil)
	}
	return time.Since(start)
}
