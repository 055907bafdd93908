package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var lastID atomic.Uint64

func start(t *testing.T, b broker.Broker, change ...func(*Config)) *Node {
	t.Helper()
	n, err := Open(context.Background(), config(b, change...))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

func config(b broker.Broker, change ...func(*Config)) Config {
	id := lastID.Add(1)
	cfg := Config{Space: "s", Broker: b, Replica: replica.Config{
		ID: causal.ID{byte(id), byte(id >> 8)}, Rand: rand.New(rand.NewPCG(id, id)),
	}}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

func set(n *Node, doc, name, value string) error {
	return n.Write(context.Background(), doc, func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, name, value, false, crdt.Options{})
	})
}

// jammed is a transport whose Publish blocks until it is released.
type jammed struct {
	broker.Broker
	gate chan struct{}
	sent atomic.Int64
}

func jam(b broker.Broker) *jammed { return &jammed{Broker: b, gate: make(chan struct{})} }

func (j *jammed) Publish(subject string, data []byte) error {
	<-j.gate
	j.sent.Add(int64(len(data)))
	return j.Broker.Publish(subject, data)
}

// TestAStuckLinkDelaysOneWriteAMomentAndNoOther: writers once waited for as
// long as TCP did.
func TestAStuckLinkDelaysOneWriteAMomentAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		link := jam(net.Connect("a"))
		n := start(t, link, func(c *Config) { c.Outbox = 64 << 10; c.Replica.FlushAge = time.Nanosecond })
		other := start(t, net.Connect("b"))
		begin := time.Now()
		for i := range 200 {
			require.NoError(t, set(n, "d", string(rune('a'+i%26)), string(make([]byte, 4<<10))))
			time.Sleep(time.Millisecond)
		}
		require.Less(t, time.Since(begin), 200*time.Millisecond+2*maxStall)
		n.ports[0].outbox.mu.Lock()
		require.Less(t, n.ports[0].outbox.bytes, 2*64<<10+n.most, "the queue is bounded")
		n.ports[0].outbox.mu.Unlock()
		require.NotZero(t, n.Status().Unsent)
		close(link.gate)
		for n.Digest() != other.Digest() {
			time.Sleep(10 * time.Millisecond)
		}
		require.Less(t, time.Since(begin), 5*time.Second, "what was dropped is repaired")
	})
}

func TestAWriterThatWaitsForRoomEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := jam(memory.NewNetwork(memory.Config{}).Connect("a"))
		n := start(t, link, func(c *Config) { c.Outbox = 1 })
		defer close(link.gate)
		synctest.Wait() // the first beacon fills it
		ctx, cancel := context.WithTimeout(context.Background(), maxStall/2)
		defer cancel()
		err := n.Write(ctx, "d", func(*crdt.Document) error { panic("not reached") })
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestCloseDoesNotWaitForAStuckLinkForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := jam(memory.NewNetwork(memory.Config{}).Connect("a"))
		n := start(t, link)
		require.NoError(t, set(n, "d", "x", "1"))
		begin := time.Now()
		time.AfterFunc(2*closeGrace, func() { close(link.gate) }) // the goroutine in Publish must come back
		require.NoError(t, n.Close())
		require.LessOrEqual(t, time.Since(begin), 2*closeGrace)
	})
}

func TestDrainTellsWhenTheLinkBreaksMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		link := jam(net.Connect("a"))
		n := start(t, link)
		synctest.Wait()
		require.NoError(t, set(n, "d", "x", "1"))
		time.AfterFunc(time.Second, func() {
			net.Disconnect("a")
			close(link.gate)
		})
		require.ErrorIs(t, n.Drain(context.Background()), broker.ErrDisconnected)
		net.Reconnect("a")
		synctest.Wait()
		require.NoError(t, n.Drain(context.Background()))
	})
}

// TestTheInboxIsBoundedInBytes fills it while the lock is held.
func TestTheInboxIsBoundedInBytes(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	n := start(t, net.Connect("a"), func(c *Config) { c.InboxBytes = 100_000 })
	enemy := net.Connect("enemy")
	from := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	large := append(message.Append(nil, message.Header{From: from}, &message.Beacon{Scope: ">"}), make([]byte, 10_000)...)
	n.mu.Lock()
	for range 100 {
		require.NoError(t, enemy.Publish(message.NewSubjects("s", from.ID).Beacon(), large))
	}
	require.NoError(t, net.WaitIdle(context.Background()))
	waiting := func() int {
		n.inbox.mu.Lock()
		defer n.inbox.mu.Unlock()
		return n.inbox.bytes
	}
	require.LessOrEqual(t, waiting(), 100_000)
	require.GreaterOrEqual(t, n.counters.dropped.Load(), uint64(90))
	n.mu.Unlock()
	require.Eventually(t, func() bool { return waiting() == 0 }, 5*time.Second, time.Millisecond)
}

func TestTheLockIsReleasedWhenAWritePanics(t *testing.T) {
	n := start(t, nil)
	require.Panics(t, func() { _ = n.Write(context.Background(), "d", func(*crdt.Document) error { panic("boom") }) })
	require.NoError(t, set(n, "d", "x", "1"))
	w := n.Watch("d")
	defer w.Stop()
	require.NoError(t, set(n, "d", "x", "2"))
	changes, _, err := w.Next(context.Background())
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.True(t, changes[0].Local)
}

func TestAConfigurationIsChecked(t *testing.T) {
	good := replica.Config{ID: causal.ID{1}, Rand: rand.New(rand.NewPCG(1, 1))}
	for what, cfg := range map[string]Config{
		"space":   {Replica: good},
		"inbox":   {Space: "s", Replica: good, Inbox: -1},
		"bytes":   {Space: "s", Replica: good, InboxBytes: -1},
		"outbox":  {Space: "s", Replica: good, Outbox: -1},
		"payload": {Space: "s", Replica: good, Broker: memory.NewNetwork(memory.Config{MaxPayload: 5000}).Connect("x")},
	} {
		_, err := Open(context.Background(), cfg)
		require.ErrorIs(t, err, ErrConfig, what)
	}
	_, err := Open(context.Background(), Config{Space: "s"})
	require.ErrorIs(t, err, replica.ErrConfig)
}

func TestMessagesFollowTheTransportsLimit(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	a, b := start(t, net.Connect("a")), start(t, net.Connect("b"))
	net.Disconnect("a")
	net.SetMaxPayload("a", 16<<10)
	require.Eventually(t, func() bool { return !a.Status().Online }, 5*time.Second, time.Millisecond)
	require.NoError(t, a.ports[0].outbox.empty(context.Background()))
	unsent := a.Status().Unsent
	require.NoError(t, a.Write(context.Background(), "d", func(d *crdt.Document) error {
		for i := range 26 {
			if err := d.Assign(kernel.Root, crdt.TagRegister, string(rune('a'+i)), string(make([]byte, 5000)), false, crdt.Options{}); err != nil {
				return err
			}
		}
		return nil
	}))
	net.Reconnect("a")
	require.Eventually(t, func() bool { return a.Digest() == b.Digest() }, 10*time.Second, time.Millisecond)
	require.Equal(t, unsent, a.Status().Unsent)
}

// refusing is a transport whose server allows nothing of the node's own.
type refusing struct{ broker.Broker }

func (refusing) SelfTest(context.Context, string) error { return broker.ErrDenied }

func TestAFailedSelfTestShowsInTheStatus(t *testing.T) {
	n := start(t, refusing{memory.NewNetwork(memory.Config{}).Connect("a")})
	require.Eventually(t, func() bool { return len(n.Status().Denied) == 1 }, 5*time.Second, time.Millisecond)
	require.Contains(t, n.Status().Denied[0], "joinery.s.p.")
	require.NoError(t, set(n, "d", "x", "1"))
}

func TestDeniedSubjectsAreRememberedOnceAndNotForEver(t *testing.T) {
	var c counters
	require.True(t, c.setDenied("a"))
	require.False(t, c.setDenied("a"))
	for i := range 100 {
		c.setDenied(string(rune('b' + i)))
	}
	require.Len(t, c.denied, maxDenied)
}

func TestGuardKnowsTheGoroutineItRunsIn(t *testing.T) {
	n := start(t, nil)
	n.Guard(func() {
		require.Panics(t, n.reentry.check)
		var other sync.WaitGroup
		other.Go(func() { n.reentry.check() })
		other.Wait()
	})
	n.reentry.check()
	require.Panics(t, func() { n.Guard(func() { panic("boom") }) })
	n.reentry.check()
	require.NotEqual(t, uint64(0), goroutine())
}

func TestWatchersOfAClosedNodeEnd(t *testing.T) {
	n := start(t, nil)
	w := n.Watch(">")
	require.NoError(t, n.Close())
	_, _, err := w.Next(context.Background())
	require.ErrorIs(t, err, ErrClosed)
	_, _, err = n.Watch(">").Next(context.Background())
	require.ErrorIs(t, err, ErrClosed)
	w.Stop()
}

// TestPlacesNeverShareAName: a document and a path, cut elsewhere, are another place.
func TestPlacesNeverShareAName(t *testing.T) {
	names := map[string]replica.Change{}
	for _, c := range []replica.Change{
		{Doc: "d", Key: "x"}, {Doc: "d\x00", Key: "x"}, {Doc: "d", Key: "\x00x"},
		{Doc: "d", Key: "x", Path: []kernel.Component{{Name: "m"}}}, {Doc: "d", Key: "xm"}, {Doc: "dm", Key: "x"},
		{Doc: "d", Key: "x", Tag: 1}, {Doc: "d", Key: "x", Path: []kernel.Component{{Tag: 1, Name: "m"}}},
		{Doc: "d", Key: "", Path: []kernel.Component{{Name: "mx"}}},
	} {
		name := string(AppendPlace(nil, &c))
		require.NotContains(t, names, name)
		names[name] = c
	}
}

func TestBindingIsItsOwnInverse(t *testing.T) {
	for _, data := range [][]byte{nil, {1}, {1, 2, 3, 4}, []byte("a longer message")} {
		copied := append([]byte(nil), data...)
		bindTo("one").apply(copied)
		if len(data) >= 4 {
			require.NotEqual(t, data, copied)
		}
		bindTo("one").apply(copied)
		require.Equal(t, data, copied)
	}
	require.NotEqual(t, bindTo("one"), bindTo("two"))
}

func TestErrorsOfTheWriteComeBack(t *testing.T) {
	boom := errors.New("boom")
	require.ErrorIs(t, start(t, nil).Write(context.Background(), "d", func(*crdt.Document) error { return boom }), boom)
}
