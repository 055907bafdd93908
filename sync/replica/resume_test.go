package replica

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// fetching returns two equal replicas with a large document, and a third that has
// just got some chunks of it from the first when its source falls silent.
func fetching(t *testing.T) (b *bench, source, other, late *Replica) {
	b = newBench(t, 2, small, noLog)
	source, other = b.all[0], b.all[1]
	for i := range 30 {
		b.set(source, fmt.Sprint(i), long(2000))
	}
	b.pass(2*time.Second, nil)
	b.requireEqual()
	late = b.add(small, noLog)
	chunks := 0
	b.pass(100*time.Millisecond, func(from, to *Replica, m *Outgoing) bool {
		if from == late && m.Peer == other.cfg.ID || from == other && to == late {
			return true
		}
		if m.Kind == message.KindChunk {
			chunks++
		}
		return m.Kind == message.KindChunk && chunks > 8
	})
	c := late.docs["doc"].chase
	require.NotNil(t, c.transfer)
	require.Equal(t, source.cfg.ID, c.source)
	require.Greater(t, c.transfer.Received(), uint64(20_000))
	return b, source, other, late
}

// between says that nothing passes between two replicas.
func between(x, y *Replica) func(from, to *Replica, m *Outgoing) bool {
	return func(from, to *Replica, _ *Outgoing) bool { return from == x && to == y || from == y && to == x }
}

func TestATransferGoesOnWhereItWasAfterALongCut(t *testing.T) {
	b, source, other, late := fetching(t)
	received := late.docs["doc"].chase.transfer.Received()
	progress := Incoming{"doc", source.cfg.ID, received, late.docs["doc"].chase.transfer.Size, false}
	require.Equal(t, []Incoming{progress}, late.Incoming())
	alone := func(from, to *Replica, _ *Outgoing) bool { return from == late || to == late }
	b.pass(60*time.Second, alone)
	progress.Waiting = true
	require.Equal(t, []Incoming{progress}, late.Incoming())
	offset := ^uint64(0)
	b.set(source, "more", "1") // so that a context is another one
	b.pass(3*time.Second, func(from, to *Replica, m *Outgoing) bool {
		if f := only[*message.Fetch](t, []Outgoing{*m}); from == late && len(f) > 0 {
			offset = min(offset, f[0].Offset)
		}
		return between(late, other)(from, to, m)
	})
	b.requireEqual()
	require.Equal(t, received, offset, "nothing is fetched twice")
	require.Positive(t, late.Stats().Ladder.Resumed)
	require.EqualValues(t, 1, late.Stats().Transfers)
}

func TestAnotherSourceSendsOnlyWhatIsNotStaged(t *testing.T) {
	b, source, other, late := fetching(t)
	received := late.docs["doc"].chase.transfer.Received()
	b.remove(other, "0") // which is staged
	b.set(other, "1", "changed")
	before := other.Stats().BytesOut
	gone := func(from, to *Replica, _ *Outgoing) bool { return from == source || to == source }
	b.pass(5*time.Second, gone)
	require.Equal(t, other.Digest(), late.Digest())
	require.Empty(t, b.get(late, "0"))
	require.Equal(t, "changed", b.get(late, "1"))
	require.Positive(t, late.Stats().Ladder.Staged)
	require.NoError(t, late.View("doc").State().Verify())
	whole := len(other.View("doc").AppendState(nil))
	require.Less(t, other.Stats().BytesOut-before, uint64(whole)-received+8000, "of %d bytes %d were there", whole, received)
	b.pass(3*time.Second, nil)
	b.requireEqual()
}

// TestASourceThatStartedAnewIsAskedAgain: what it had offered is gone, what has
// arrived of it is not.
func TestASourceThatStartedAnewIsAskedAgain(t *testing.T) {
	b, source, other, late := fetching(t)
	received := late.docs["doc"].chase.transfer.Received()
	b.all = []*Replica{other, late}
	again, err := New(Config{
		ID: source.cfg.ID, Rand: rand.New(rand.NewPCG(77, 9)), MaxMessage: 4 << 10, LogBytes: -1, Clock: func() time.Time { return b.now },
	}, b.now)
	require.NoError(t, err)
	for _, rec := range b.kept[source] {
		require.NoError(t, again.Load(rec))
	}
	b.all = append(b.all, again)
	again.Connect(b.now, true)
	b.pass(4*time.Second, func(from, to *Replica, _ *Outgoing) bool { return from == other || to == other })
	require.Equal(t, again.Digest(), late.Digest())
	require.Positive(t, late.Stats().Ladder.Staged)
	whole := len(again.View("doc").AppendState(nil))
	require.Less(t, again.Stats().BytesOut, uint64(whole)-received+8000)
}

// TestWhatTheNextSourceDoesNotKnowIsNotClaimed has the source that is gone hold
// events that nobody else has seen.
func TestWhatTheNextSourceDoesNotKnowIsNotClaimed(t *testing.T) {
	b := newBench(t, 2, small, noLog)
	source, other := b.all[0], b.all[1]
	for i := range 10 {
		b.set(source, fmt.Sprint(i), long(2000))
	}
	b.pass(2*time.Second, nil)
	b.requireEqual()
	for i := range 20 { // the first of which kill what others have
		b.set(source, fmt.Sprint(5+i), long(2000)+"own")
	}
	b.remove(source, "0")
	source.Flush(b.now)
	b.carry(losesAll)
	late := b.add(small, noLog)
	chunks := 0
	b.pass(100*time.Millisecond, func(from, to *Replica, m *Outgoing) bool {
		chunks += map[bool]int{true: 1}[m.Kind == message.KindChunk]
		return from == other || to == other || chunks > 7 && m.Kind == message.KindChunk
	})
	require.Positive(t, late.docs["doc"].chase.transfer.Received())
	gone := func(from, to *Replica, _ *Outgoing) bool { return from == source || to == source }
	b.pass(5*time.Second, gone)
	require.Equal(t, other.Digest(), late.Digest(), "as if the first source had never been")
	siblings := late.View("doc").State().Siblings(kernel.Root, crdt.TagRegister, "5")
	require.Len(t, slices.Collect(siblings), 1)
	require.Positive(t, late.Stats().Ladder.Staged)
	b.pass(5*time.Second, nil)
	b.requireEqual()
	require.Empty(t, b.get(late, "0"))
	require.Empty(t, b.seen[late], "no alarm")
}

func TestParkedTransfersGiveWayAndGo(t *testing.T) {
	b, _, _, late := fetching(t)
	b.pass(20*time.Second, losesAll)
	require.True(t, late.docs["doc"].chase.isParked())
	late.cfg.MaxTransfer = int(late.docs["doc"].chase.transfer.Size)
	require.True(t, late.hasRoom(1))
	require.Empty(t, late.incoming, "gave way")
	require.Empty(t, late.Names(), "nobody gave anything of the document")

	b, _, _, late = fetching(t)
	b.pass(parkAge+20*time.Second, losesAll)
	require.Empty(t, late.incoming)
	require.Empty(t, late.Names())
}
