package replica

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Churn of many writes shows what is left of what was deleted. The number of
// operations is asked for, as it takes minutes:
//
//	CHURN=50000000 DOCS=1000000 KEPT=100000 go test ./sync/replica -run Churn -v -timeout 0

func asked(name string, small int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return small
}

// size is what a replica takes.
type size struct {
	heap, state, beacon int
}

func (b *bench) size(r *Replica) (s size) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.heap = int(m.HeapAlloc)
	if d := r.View("doc"); d != nil {
		s.state = len(d.AppendState(nil))
	}
	r.beacon(false)
	for _, out := range r.Ready().Messages {
		if out.Kind == message.KindBeacon {
			s.beacon = len(out.Data)
		}
	}
	return s
}

// fresh returns two replicas with what is kept, and their size.
func (c churner) fresh(t *testing.T) (*bench, size) {
	b, _ := newMembers(t, 2, func(c *Config) { c.LogBytes = 1 << 20 }) // the log's bound is not what is measured
	for i := range asked("KEPT", 1000) {
		c.put(b, 0, fmt.Sprint("kept", i))
	}
	b.settleDown()
	return b, b.size(b.all[0])
}

// settleDown lets replicas collect, and forgets what a test keeps of them.
func (b *bench) settleDown() {
	b.pass(4*time.Second, nil)
	clear(b.kept)
	clear(b.seen)
	for _, r := range b.all {
		clear(r.cfg.Stability.(*gossip).known)
	}
}

type churner struct {
	put, del func(b *bench, at int, key string)
}

var lwwChurn = churner{
	put: func(b *bench, at int, key string) { b.put(b.all[at], key, "a value") },
	del: func(b *bench, at int, key string) { b.put(b.all[at], key, "") },
}

var setChurn = churner{
	put: func(b *bench, at int, key string) { b.element(at, key, false) },
	del: func(b *bench, at int, key string) { b.element(at, key, true) },
}

func (b *bench) element(at int, key string, gone bool) {
	b.write(b.all[at], func(d *crdt.Document) error {
		in, err := d.Ensure([]kernel.Component{{Tag: crdt.TagSet, Name: "s"}})
		if err != nil {
			return err
		}
		if gone {
			return d.Remove(in, crdt.TagElem, key, crdt.Options{})
		}
		return d.Assign(in, crdt.TagElem, key, "", false, crdt.Options{})
	})
}

func TestChurnLeavesNothing(t *testing.T) {
	for name, c := range map[string]churner{"LWW map": lwwChurn, "OR-set": setChurn} {
		b, before := c.fresh(t)
		n := asked("CHURN", 20_000)
		for i := 0; i < n/2; i++ {
			at := i % 2
			key := fmt.Sprint("k", i%5000)
			c.put(b, at, key)
			c.del(b, at, key)
			if i%5000 == 4999 {
				b.settleDown()
			}
		}
		b.settleDown()
		after := b.size(b.all[0])
		t.Logf("%s, %d operations: heap %d to %d bytes, state %d to %d, beacon %d to %d", name, n, before.heap, after.heap, before.state, after.state, before.beacon, after.beacon)
		kept := asked("KEPT", 1000)
		require.Equal(t, []int{kept, kept}, b.dots(), name)
		require.Less(t, after.state, before.state*6/5, name)
		require.Zero(t, b.all[0].View("doc").State().Noticed())
		if n > 1_000_000 {
			require.Less(t, after.heap, before.heap*6/5, name)
		}
		b.requireEqual()
	}
}

func TestDocumentsThatCameAndWentLeaveNothing(t *testing.T) {
	b, before := lwwChurn.fresh(t)
	n := asked("DOCS", 2_000)
	for i := range n {
		r := b.all[i%2]
		doc := fmt.Sprint("doc", i)
		require.NoError(t, r.Write(b.now, doc, func(d *crdt.Document) error {
			return d.Assign(kernel.Root, crdt.TagRegister, "field", "value", false, crdt.Options{})
		}))
		require.NoError(t, r.Write(b.now, doc, func(d *crdt.Document) error { return d.RemoveBelow(kernel.Root) }))
		if i%10_000 == 9_999 {
			b.pass(60*time.Second, nil)
			b.settleDown()
		}
	}
	b.pass(60*time.Second, nil)
	b.settleDown()
	after := b.size(b.all[0])
	t.Logf("%d documents: heap %d to %d bytes, beacon %d to %d", n, before.heap, after.heap, before.beacon, after.beacon)
	for _, r := range b.all {
		require.Equal(t, []string{"doc"}, r.Names())
		require.EqualValues(t, n, r.Stats().Upkeep.Forgotten)
	}
	if n >= 100_000 {
		require.Less(t, after.heap, before.heap*6/5)
	}
	b.requireEqual()
}
