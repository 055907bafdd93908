package joinery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/message"
)

const deltaSubjects = "joinery.test.d.>"

// scribble writes to several documents, a few fields each, as one replica of many.
func scribble(t testing.TB, r *joinery.Replica, who, n int) {
	t.Helper()
	for i := range n {
		d := r.Doc(fmt.Sprintf("doc.%d", i%7))
		require.NoError(t, d.Register(fmt.Sprint(i%13)).Set(background, fmt.Sprintf("%d/%d", who, i)))
		require.NoError(t, d.Counter("n").Inc(background, 1))
		if i%5 == 0 {
			require.NoError(t, d.Set("s").Add(background, i))
			require.NoError(t, d.Set("s").Remove(background, i-5))
		}
		if i%20 == 0 {
			time.Sleep(time.Millisecond) // let units be sealed: many small ones
		}
	}
}

// scribbleAll lets all replicas write at once.
func scribbleAll(t testing.TB, n int, rs ...*joinery.Replica) {
	t.Helper()
	var all sync.WaitGroup
	for i, r := range rs {
		all.Go(func() { scribble(t, r, i, n) })
	}
	all.Wait()
}

// TestLostDeltasAreRepairedWithoutSendingWholeStates: the log of units serves.
func TestLostDeltasAreRepairedWithoutSendingWholeStates(t *testing.T) {
	for _, every := range []int{10, 2} {
		t.Run(fmt.Sprintf("every %dth", every), func(t *testing.T) {
			net, rs := onMemory(t, 3, memory.Config{})
			net.SetFaults(memory.Faults{Publish: memory.OnSubject(deltaSubjects, memory.DropEvery(every))})
			scribbleAll(t, 400, rs...)
			took := settle(t, rs...)
			var repaired uint64
			for _, r := range rs {
				s := r.Status().Stats
				require.Zero(t, s.FramesSent, "a whole state was sent")
				repaired += s.Served
			}
			require.NotZero(t, repaired)
			t.Logf("converged after %v, %d requests served", took, repaired)
		})
	}
}

// TestASlowConsumerIsRepaired: the transport's queues hold two messages.
func TestASlowConsumerIsRepaired(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{QueueMessages: 2}, func(c *joinery.Config) { c.FlushAge = time.Microsecond })
	scribbleAll(t, 1500, rs...)
	settle(t, rs...)
	var dropped uint64
	for _, r := range rs {
		dropped += r.Status().Stats.Dropped
	}
	require.NotZero(t, dropped, "the test is no test")
}

func TestEverythingAtOnceStillConverges(t *testing.T) {
	net, rs := onMemory(t, 3, memory.Config{QueueMessages: 64})
	net.SetFaults(memory.Faults{Link: memory.Random(1, memory.Odds{Drop: 0.3, Duplicate: 0.3, Reorder: 0.3})})
	scribbleAll(t, 300, rs...)
	net.SetFaults(memory.Faults{})
	net.Release()
	settle(t, rs...)
	for _, r := range rs {
		s := r.Status()
		require.Zero(t, s.Stats.Refused)
		require.Zero(t, s.Stats.Conflicts)
	}
}

// eavesdrop collects what is published on a network, of all kinds.
type eavesdrop struct {
	mu   sync.Mutex
	seen []memory.Packet
}

func (e *eavesdrop) fault(p memory.Packet) memory.Verdict {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.Data = slices.Clone(p.Data)
	e.seen = append(e.seen, p)
	return memory.Verdict{}
}

func (e *eavesdrop) kinds() map[message.Kind]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[message.Kind]int)
	for _, p := range e.seen {
		out[message.KindOf(p.Data)]++
	}
	return out
}

// record lets replicas write and lose, and returns what they said meanwhile.
func record(t *testing.T, space string) []memory.Packet {
	t.Helper()
	e := &eavesdrop{}
	net := memory.NewNetwork(memory.Config{})
	net.SetFaults(memory.Faults{Publish: memory.All(e.fault, memory.OnSubject("joinery.*.d.>", memory.DropEvery(3)))})
	var rs []*joinery.Replica
	for i := range 3 {
		rs = append(rs, open(t, joinery.Config{Space: space, Broker: net.Connect(fmt.Sprint(i))}))
	}
	scribbleAll(t, 60, rs...)
	settle(t, rs...)
	for _, r := range rs {
		require.NoError(t, r.Close())
	}
	require.Greater(t, len(e.kinds()), 3)
	return e.seen
}

// spoil returns damaged forms of a message.
func spoil(p memory.Packet) (out [][]byte) {
	b := p.Data
	flip := func(i int) []byte {
		c := slices.Clone(b)
		c[i] ^= 1 << (i % 8)
		return c
	}
	for i := 0; i < len(b); i += 1 + len(b)/7 {
		out = append(out, b[:i], flip(i))
	}
	version := slices.Clone(b)
	version[0] = 9
	return append(out, version, append(slices.Clone(b), 0), make([]byte, len(b)), slices.Concat(b, b), slices.Repeat([]byte{0xff}, 4096))
}

func TestDamagedMessagesAreCountedAndChangeNothing(t *testing.T) {
	seen := record(t, "test")
	net, rs := onMemory(t, 2, memory.Config{})
	require.NoError(t, rs[0].Doc("doc.1").Register("mine").Set(background, 1))
	settle(t, rs...)
	before := rs[0].Status()
	enemy := net.Connect("enemy")
	sent := uint64(0)
	for _, p := range seen[:min(len(seen), 150)] {
		for _, b := range spoil(p) {
			require.NoError(t, enemy.Publish(p.Subject, b))
			if broker.Match("joinery.test.d.>", p.Subject) || broker.Match("joinery.test.b.*", p.Subject) {
				sent++
			}
		}
		require.NoError(t, net.WaitIdle(background))
	}
	eventually(t, func() bool { s := rs[0].Status().Stats; return s.Refused+s.Dropped >= sent })
	require.Equal(t, before.Digest, rs[0].Status().Digest)
	require.Equal(t, before.Docs, rs[0].Status().Docs)
	scribbleAll(t, 50, rs...)
	settle(t, rs...)
}

// senderOf returns the id of who published on a subject of documents or beacons.
func senderOf(p memory.Packet) string { return strings.Split(p.Subject, ".")[3] }

// TestForeignMessagesAreRefused: deltas that are whole, on a subject that is
// not theirs.
func TestForeignMessagesAreRefused(t *testing.T) {
	seen := record(t, "test")
	i := slices.IndexFunc(seen, func(p memory.Packet) bool { return broker.Match(deltaSubjects, p.Subject) })
	delta := seen[i]
	j := slices.IndexFunc(seen, func(p memory.Packet) bool { return broker.Match("joinery.test.b.*", p.Subject) })
	beacon := seen[j]
	other := record(t, "other")
	k := slices.IndexFunc(other, func(p memory.Packet) bool { return broker.Match("joinery.other.d.*.doc.1", p.Subject) })
	net, rs := onMemory(t, 2, memory.Config{})
	require.NoError(t, rs[0].Doc("x").Register("v").Set(background, 1))
	settle(t, rs...)
	before := rs[0].Status()
	enemy := net.Connect("enemy")
	from := func(p memory.Packet, room, rest string) string {
		return "joinery.test." + room + "." + senderOf(p) + rest
	}
	for _, wrong := range []struct {
		subject string
		data    []byte
	}{
		{from(delta, "d", ".x"), delta.Data}, {from(delta, "d", ".another"), delta.Data}, {from(delta, "f", ".x"), delta.Data},
		{from(delta, "b", ""), delta.Data}, {from(delta, "r."+rs[0].ID().String()+".all", ""), delta.Data},
		{from(beacon, "d", ".x"), beacon.Data}, {from(delta, "d", ".%2a"), delta.Data},
		{from(other[k], "d", ".doc.1"), other[k].Data}, {from(delta, "d", ".x"), nil}, {from(beacon, "b", ""), []byte{1}},
		{strings.Replace(delta.Subject, senderOf(delta), rs[1].ID().String(), 1), delta.Data}, // another's id
		{"joinery.test.b." + rs[1].ID().String(), beacon.Data},
	} {
		was := rs[0].Status().Stats.Refused
		require.NoError(t, enemy.Publish(wrong.subject, wrong.data))
		eventually(t, func() bool { return rs[0].Status().Stats.Refused > was }, wrong.subject)
	}
	require.Equal(t, before.Digest, rs[0].Status().Digest)
	require.Equal(t, []string{"x"}, slices.Collect(rs[0].Docs(">")))
}

// TestAUnitAboveAMessageTravelsInParts: an update of 400 KB, messages of 16 KB.
func TestAUnitAboveAMessageTravelsInParts(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{MaxPayload: 20 << 10})
	settle(t, rs...)
	require.NoError(t, rs[0].Doc("d").Update(background, func(tx *joinery.Tx) error {
		for i := range 5 {
			if err := tx.Register(fmt.Sprint(i)).Set(background, long(80_000)); err != nil {
				return err
			}
		}
		return nil
	}))
	settle(t, rs...)
	require.Equal(t, long(80_000), get[string](t, rs[1].Doc("d").Register("4")))
	require.NotZero(t, rs[1].Status().Stats.Transfers)
}

func TestAnEmptyReplicaFetchesAll(t *testing.T) {
	for _, c := range []struct {
		name             string
		documents, elems int
	}{{"20k documents", 20_000, 1}, {"one document of 200k fields", 1, 200_000}} {
		t.Run(c.name, func(t *testing.T) {
			net, rs := onMemory(t, 1, memory.Config{})
			elems := make([]any, c.elems)
			for i := range elems {
				elems[i] = i
			}
			for i := range c.documents {
				require.NoError(t, rs[0].Doc(fmt.Sprintf("doc.%d", i)).Set("s").Add(background, elems...))
			}
			require.NoError(t, rs[0].Drain(background))
			start := time.Now()
			b := open(t, joinery.Config{Broker: net.Connect("new")})
			settle(t, rs[0], b)
			s := b.Status().Stats
			t.Logf("caught up after %v: %d bytes in %d requests and %d transfers", time.Since(start).Round(time.Millisecond), s.BytesIn, s.Pulls, s.Transfers)
			require.Equal(t, c.documents, b.Status().Docs)
		})
	}
}

func TestDrainWithoutALinkSaysSo(t *testing.T) {
	net, rs := onMemory(t, 2, memory.Config{})
	net.Disconnect("0")
	eventually(t, func() bool { return !rs[0].Status().Online })
	require.NoError(t, rs[0].Doc("d").Register("v").Set(background, 1))
	require.ErrorIs(t, rs[0].Drain(background), joinery.ErrDisconnected)
	require.Equal(t, 1, rs[0].Status().Pending)
	net.Reconnect("0")
	settle(t, rs...)
	require.NoError(t, rs[0].Drain(background))
	ctx, cancel := context.WithCancel(background)
	cancel()
	require.ErrorIs(t, rs[0].Drain(ctx), context.Canceled)
}
