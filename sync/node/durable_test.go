package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

func on(s store.Store, d Durability) func(*Config) {
	return func(c *Config) {
		c.Store, c.Durability, c.NewID, c.Replica.ID = s, d, c.Replica.ID, causal.ID{}
		c.SyncEvery = 5 * time.Millisecond
	}
}

// crash takes the power away from a node: what it had not synced is lost. It
// returns what the disk has.
func crash(n *Node, s *store.Memory) *store.Memory {
	after := s.Crash(func(int) int { return 0 })
	_ = n.Close() // its store is gone
	return after
}

// doomed is start for a node that will not end well.
func doomed(t *testing.T, b broker.Broker, change ...func(*Config)) *Node {
	t.Helper()
	cfg := config(b, change...)
	n, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func get(n *Node, doc, name string) (value string) {
	n.Read(doc, func(d *crdt.Document) {
		if d != nil {
			l, _ := d.Latest(kernel.Root, crdt.TagRegister, name)
			value = l.Value
		}
	}, kernel.PlaceHash(nil, crdt.TagRegister, name))
	return value
}

func TestACleanRestartGoesOnAsTheSameActor(t *testing.T) {
	s := store.NewMemory()
	n := start(t, nil, on(s, EveryCommit))
	require.NoError(t, set(n, "d", "k", "v"))
	require.NoError(t, n.settle(t.Context())) // who has not loaded everything does not end cleanly
	actor := n.Status().Actor
	require.NoError(t, n.Close())
	again := doomed(t, nil, on(s, EveryCommit))
	require.Equal(t, "v", get(again, "d", "k"))
	require.Equal(t, actor, again.Status().Actor)
	require.NoError(t, set(again, "d", "k", "w"))
	crashed := start(t, nil, on(crash(again, s), EveryCommit))
	require.Equal(t, "w", get(crashed, "d", "k"))
	require.Equal(t, actor.ID, crashed.Status().Actor.ID)
	require.NotEqual(t, actor, crashed.Status().Actor)
}

func contextOf(n *Node, doc string) (ctx causal.Context) {
	n.Read(doc, func(d *crdt.Document) {
		if d != nil {
			ctx = d.State().Context()
		}
	})
	return ctx
}

// TestWhatWasAcknowledgedOrSentIsOnTheDisk crashes a node, without its unsynced
// writes, after everything that it said.
func TestWhatWasAcknowledgedOrSentIsOnTheDisk(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	peer := start(t, net.Connect("peer"))
	s := store.NewMemory()
	n := doomed(t, net.Connect("a"), on(s, EveryCommit))
	for i := range 30 {
		require.NoError(t, set(n, "d", fmt.Sprint("k", i%7), fmt.Sprint(i)))
		s = crash(n, s)
		n = doomed(t, nil, on(s, EveryCommit))
		require.Equal(t, fmt.Sprint(i), get(n, "d", fmt.Sprint("k", i%7)))
		theirs, ours := contextOf(peer, "d"), contextOf(n, "d")
		require.True(t, ours.Covers(theirs), "the peer has what the disk has not")
		s = crash(n, s)
		n = doomed(t, net.Connect(fmt.Sprint("a", i)), on(s, EveryCommit))
	}
	n.Digest()
	require.Eventually(t, func() bool { return peer.Digest() == n.Digest() }, 10*time.Second, time.Millisecond)
}

func TestWritersShareASync(t *testing.T) {
	s := &counted{Store: store.NewMemory()}
	n := start(t, nil, on(s, EveryCommit))
	var writers sync.WaitGroup
	for i := range 64 {
		writers.Go(func() {
			for j := range 20 {
				require.NoError(t, set(n, "d", fmt.Sprint(i), fmt.Sprint(j)))
			}
		})
	}
	writers.Wait()
	require.Less(t, s.syncs.Load(), int64(64*20/4))
}

// counted counts and slows the syncs of a store.
type counted struct {
	store.Store
	syncs atomic.Int64
}

func (c *counted) Sync() error {
	c.syncs.Add(1)
	time.Sleep(200 * time.Microsecond)
	return c.Store.Sync()
}

func TestAFailingStoreAcknowledgesAndSendsNothing(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	s := store.NewMemory()
	n, peer := doomed(t, net.Connect("a"), on(s, EveryCommit)), start(t, net.Connect("b"))
	require.NoError(t, set(n, "d", "k", "before"))
	require.Eventually(t, func() bool { return get(peer, "d", "k") == "before" }, 5*time.Second, time.Millisecond)
	broken := errors.New("the disk is gone")
	s.FailNext(store.OpSync, broken)
	err := set(n, "d", "k", "never sent")
	require.ErrorIs(t, err, ErrStore)
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, set(n, "d", "k", "refused"), ErrStore)
	require.ErrorIs(t, n.Status().Failed, ErrStore)
	require.False(t, n.Status().Online)
	require.NotEmpty(t, get(n, "d", "k"), "reads go on")
	require.ErrorIs(t, n.Close(), ErrStore)
	require.Equal(t, "before", get(peer, "d", "k"))
}

// stalled is a store whose syncs wait.
type stalled struct {
	store.Store
	gate chan struct{}
}

func (s *stalled) Sync() error {
	<-s.gate
	return s.Store.Sync()
}

func TestAContextThatEndsLeavesTheWrite(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	s := &stalled{store.NewMemory(), make(chan struct{})}
	n, peer := start(t, net.Connect("a"), on(s, EveryCommit)), start(t, net.Connect("b"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := n.Write(ctx, "d", func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, "k", "v", false, crdt.Options{})
	})
	require.ErrorIs(t, err, ErrUncertain)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "v", get(n, "d", "k"))
	require.Empty(t, get(peer, "d", "k"), "nothing leaves before it is on the disk")
	close(s.gate)
	require.Eventually(t, func() bool { return get(peer, "d", "k") == "v" }, 5*time.Second, time.Millisecond)
}

func TestIntervalWritesAreOnTheDiskAMomentLater(t *testing.T) {
	s := store.NewMemory()
	n := doomed(t, nil, on(s, Interval))
	require.NoError(t, set(n, "d", "k", "v"))
	require.Eventually(t, func() bool { return s.Unsynced() == 0 && has(s, 'L') }, 5*time.Second, time.Millisecond)
	crashed := start(t, nil, on(crash(n, s), Interval))
	require.Equal(t, "v", get(crashed, "d", "k"))
}

func TestAFieldIsServedBeforeTheDocumentIsLoaded(t *testing.T) {
	mem := store.NewMemory()
	n := start(t, nil, on(mem, EveryCommit))
	big := string(make([]byte, 1000))
	for i := range 300 {
		require.NoError(t, set(n, "d", fmt.Sprint("k", i), big+fmt.Sprint(i)))
	}
	require.Eventually(t, func() bool { return has(mem, 'R') && has(mem, 'H') }, 10*time.Second, time.Millisecond, "a checkpoint in rows")
	require.NoError(t, n.Close())
	gate := make(chan struct{})
	again := start(t, nil, on(mem, EveryCommit), func(c *Config) { c.pause = func() { <-gate } })
	require.Equal(t, big+"17", get(again, "d", "k17"))
	require.NoError(t, setAt(again, "d", "k18", "new"))
	require.Equal(t, "new", get(again, "d", "k18"))
	left, of := again.Loading()
	require.Equal(t, []int{1, 1}, []int{left, of})
	close(gate)
	require.Len(t, slices.Collect(again.Names(">", "", 0)), 1, "it waits until all is loaded")
	require.Equal(t, big+"19", get(again, "d", "k19"))
	require.Equal(t, "new", get(again, "d", "k18"))
	left, _ = again.Loading()
	require.Zero(t, left)
}

func setAt(n *Node, doc, name, value string) error {
	return n.Write(context.Background(), doc, func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, name, value, false, crdt.Options{})
	}, kernel.PlaceHash(nil, crdt.TagRegister, name))
}

func has(s store.Reader, kind byte) bool {
	for range s.Scan([]byte{kind}, []byte{kind + 1}) {
		return true
	}
	return false
}

// TestADamagedDocumentIsPutAsideAndHealed damages one entry after another of
// one node of two.
func TestADamagedDocumentIsPutAsideAndHealed(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	peer := start(t, net.Connect("peer"))
	s := store.NewMemory()
	n := start(t, net.Connect("first"), on(s, EveryCommit))
	for i := range 40 {
		require.NoError(t, set(n, "small", fmt.Sprint("k", i%5), fmt.Sprint(i)))
		require.NoError(t, set(n, "large", fmt.Sprint("k", i), string(make([]byte, 4000))))
	}
	require.Eventually(t, func() bool { return has(s, 'R') && has(s, 'H') && peer.Digest() == n.Digest() }, 10*time.Second, time.Millisecond)
	require.NoError(t, n.Close())
	want := peer.Digest()
	var keys [][]byte
	for e, err := range s.Scan([]byte{'H'}, []byte{'S'}) {
		require.NoError(t, err)
		if e.Key[0] != 'M' && e.Key[0] != 'N' { // who the replica is, and names
			keys = append(keys, append([]byte(nil), e.Key...))
		}
	}
	for i, key := range keys {
		copied := s.Copy()
		require.True(t, copied.Corrupt(key, func(v []byte) []byte { v[len(v)/2] ^= 1; return v }))
		again := doomed(t, net.Connect(fmt.Sprint("again", i)), on(copied, EveryCommit))
		require.Eventually(t, func() bool { return again.Digest() == want }, 10*time.Second, time.Millisecond, "key %q", key)
		require.Equal(t, 1, again.Status().Damaged, "key %q", key)
		require.NoError(t, again.Close())
		healed := doomed(t, nil, on(copied, EveryCommit))
		require.Equal(t, want, healed.Digest(), "key %q", key)
		require.Zero(t, healed.Status().Damaged)
		require.NoError(t, healed.Close())
	}
	require.Equal(t, want, peer.Digest(), "nothing of it was spread")
}

// TestRecordsOnTheirWayToTheDiskAreNotForgotten: a document was put aside while
// a round with its records was being written; they came into the store and not
// into memory, and the next checkpoint deleted them.
func TestRecordsOnTheirWayToTheDiskAreNotForgotten(t *testing.T) {
	var c committer
	c.init()
	c.put(&replica.Output{Records: []replica.Record{{Doc: "d"}, {Doc: "other"}}}, journal.Life{})
	round := c.take()
	c.put(&replica.Output{Records: []replica.Record{{Doc: "d", Unit: true}}}, journal.Life{})
	require.Len(t, c.recordsOf("d"), 2)
	c.finish(round.number, nil)
	require.Len(t, c.recordsOf("d"), 1)
}

// TestQuarantineOutlivesTheProcess forges an identity: two nodes mint the same
// dot with different payloads.
func TestQuarantineOutlivesTheProcess(t *testing.T) {
	twin := causal.Actor{ID: causal.ID{77}, Incarnation: 1}
	forged := func(value string) replica.Record {
		d := crdt.NewDocument(twin, nil)
		require.NoError(t, d.Assign(kernel.Root, crdt.TagRegister, "k", value, false, crdt.At(5)))
		return replica.Record{Doc: "d", Delta: d.Flush(nil), Unit: true}
	}
	net := memory.NewNetwork(memory.Config{})
	stores := []*store.Memory{store.NewMemory(), store.NewMemory()}
	var nodes []*Node
	for i, value := range []string{"one", "two"} {
		n := doomed(t, net.Connect(value), on(stores[i], EveryCommit))
		n.lock()
		require.NoError(t, n.core.Load(forged(value)))
		n.finish()
		nodes = append(nodes, n)
	}
	require.NoError(t, set(nodes[0], "d", "other", "v")) // they talk about it
	met := func() int { return slices.IndexFunc(nodes, func(n *Node) bool { return len(n.Quarantine()) > 0 }) }
	require.Eventually(t, func() bool { return nodes[0].Digest() == nodes[1].Digest() && met() >= 0 }, 20*time.Second, time.Millisecond)
	require.Equal(t, get(nodes[0], "d", "k"), get(nodes[1], "d", "k"), "the same stands")
	i := met()
	want := nodes[i].Quarantine()
	require.NoError(t, set(nodes[i], "d", "other", "w")) // a round, with what was put aside before
	again := start(t, nil, on(crash(nodes[i], stores[i]), EveryCommit))
	got := again.Quarantine()
	require.Len(t, got, len(want))
	require.Equal(t, want[0].Value, got[0].Value)
}
