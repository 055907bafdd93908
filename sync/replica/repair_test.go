package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

func TestAWriteAfterAPauseIsSentAtOnceAndABurstTogether(t *testing.T) {
	b := newBench(t, 1)
	b.set(b.all[0], "a", "1")
	require.Len(t, only[*message.Delta](t, b.take(b.all[0])), 1)
	for i := range 10 {
		b.set(b.all[0], fmt.Sprint(i), "x")
	}
	require.Empty(t, b.take(b.all[0]))
	require.False(t, b.all[0].Next().After(b.now.Add(2*time.Millisecond)))
	b.now = b.now.Add(2 * time.Millisecond)
	b.all[0].Tick(b.now)
	require.Len(t, only[*message.Delta](t, b.take(b.all[0])), 1)
}

func TestRecordsComeNoLaterThanTheMessagesThatNeedThem(t *testing.T) {
	b := newBench(t, 1)
	b.set(b.all[0], "a", "1")
	out := b.all[0].Ready()
	require.Len(t, out.Records, 1)
	d := only[*message.Delta](t, out.Messages)
	require.Equal(t, d[0].Unit, out.Records[0].Delta)
}

func TestAHoleIsRepairedFromAnybodysLog(t *testing.T) {
	b := newBench(t, 3)
	origin, late := b.all[0], b.all[2]
	b.set(origin, "a", "1")
	silent := func(_, _ *Replica, m *Outgoing) bool { return m.Kind == message.KindBeacon }
	b.carry(func(_, to *Replica, _ *Outgoing) bool { return to == late })
	b.pass(20*time.Millisecond, silent)
	b.set(origin, "b", "2")
	b.carry(silent)
	b.pass(50*time.Millisecond, func(from, to *Replica, m *Outgoing) bool {
		return from == origin || to == origin || m.Kind == message.KindBeacon
	})
	require.Equal(t, "1", b.get(late, "a"), "although the origin is gone")
	require.Zero(t, b.all[1].Stats().FramesSent)
}

func TestALostTailIsNoticedByTheBeaconAfterTheBurst(t *testing.T) {
	b := newBench(t, 2)
	b.set(b.all[0], "a", "1")
	b.carry(losesAll)
	b.pass(300*time.Millisecond, nil)
	b.requireEqual()
	require.Zero(t, b.all[0].Stats().FramesSent)
}

func TestARepeatedPullGetsTheSameTransfer(t *testing.T) {
	b := newBench(t, 1, small, noLog)
	b.set(b.all[0], "a", long(9000))
	b.take(b.all[0])
	pull := func(have causal.Context) *message.Push {
		m := &message.Pull{Wants: []message.Want{{Doc: "doc", Have: have}}}
		require.NoError(t, b.all[0].Step(b.now, "", say(causal.Actor{ID: causal.ID{9}, Incarnation: 1}, 5, m)))
		return only[*message.Push](t, b.take(b.all[0]))[0]
	}
	first := pull(causal.Context{}).Gifts[0]
	require.Equal(t, message.Transfer, first.Answer)
	b.set(b.all[0], "b", long(3000))
	require.Equal(t, first.ID, pull(causal.Context{}).Gifts[0].ID)
	require.EqualValues(t, 1, b.all[0].Stats().FramesSent)
	have := b.all[0].View("doc").State().Context()
	b.set(b.all[0], "c", long(9000))
	require.NotEqual(t, first.ID, pull(have).Gifts[0].ID, "made for another context")
}

func TestAnswersForAnotherProcessAreIgnored(t *testing.T) {
	b := newBench(t, 1)
	r, peer := b.all[0], causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	hint := message.State{Doc: "doc", Digest: 77, Count: 3}
	require.NoError(t, r.Step(b.now, "", say(peer, 5, &message.Beacon{Scope: everything, Digest: 1, Docs: 1, Hints: []message.State{hint}})))
	b.now = b.now.Add(30 * time.Millisecond)
	r.Tick(b.now)
	require.Len(t, only[*message.Pull](t, b.take(r)), 1)
	same := message.Gift{Doc: "doc", Answer: message.Same, Digest: 77}
	require.NoError(t, r.Step(b.now, "", say(peer, 5, &message.Push{To: r.nonce + 1, Gifts: []message.Gift{same}})))
	require.GreaterOrEqual(t, r.docs["doc"].chase.index, 0, "the chase goes on")
	require.NoError(t, r.Step(b.now, "", say(peer, 5, &message.Push{To: r.nonce, Gifts: []message.Gift{same}})))
	require.Nil(t, r.docs["doc"], "the chase is over, and the document that nobody gave is gone")
	require.Empty(t, r.Names())
}

func TestAnotherProcessCannotEndATransfer(t *testing.T) {
	b := newBench(t, 2, small, noLog)
	source, r := b.all[0], b.all[1]
	b.set(source, "a", long(9000))
	isChunk := func(_, _ *Replica, m *Outgoing) bool { return m.Kind == message.KindChunk }
	b.pass(100*time.Millisecond, isChunk)
	c := r.docs["doc"].chase
	require.NotNil(t, c.transfer)
	empty := &message.Chunk{ID: c.transfer.ID}
	require.NoError(t, r.Step(b.now, "", say(source.actor, source.nonce+1, empty)))
	require.NotNil(t, c.transfer, "the source's twin does not know the transfer; the source does")
	same := &message.Push{To: r.nonce, Gifts: []message.Gift{{Doc: "doc", Answer: message.Same}}}
	require.NoError(t, r.Step(b.now, "", say(causal.Actor{ID: causal.ID{9}, Incarnation: 1}, 5, same)))
	require.NotNil(t, c.transfer, "what others say meanwhile does not end it")
	b.pass(time.Second, nil)
	b.requireEqual()
}

func TestATransferWhoseSourceIsGoneIsTakenOver(t *testing.T) {
	b := newBench(t, 2, small, noLog)
	b.set(b.all[0], "a", long(9000))
	b.pass(time.Second, nil)
	late := b.add(small, noLog)
	first := causal.ID{}
	b.pass(200*time.Millisecond, func(_, to *Replica, m *Outgoing) bool { return m.Kind == message.KindChunk })
	require.NotNil(t, late.docs["doc"].chase.transfer)
	first = late.docs["doc"].chase.source
	b.pass(2*time.Second, func(from, to *Replica, _ *Outgoing) bool { return from.cfg.ID == first || to.cfg.ID == first })
	require.Equal(t, b.all[0].Digest(), late.Digest())
}

func TestATransferIsAllOrNothing(t *testing.T) {
	b := newBench(t, 1, small, noLog)
	for i := range 5 {
		b.set(b.all[0], fmt.Sprint(i), long(3000))
	}
	b.quiet()
	r := b.add(small, noLog)
	chunks := 0
	lossy := func(_, _ *Replica, m *Outgoing) bool {
		if m.Kind == message.KindChunk {
			chunks++
		}
		return m.Kind == message.KindChunk && chunks > 3
	}
	b.pass(200*time.Millisecond, lossy)
	require.Positive(t, r.docs["doc"].chase.transfer.Received())
	require.True(t, r.View("doc").State().IsEmpty(), "nothing counts before all is there")
	require.Zero(t, r.Digest())
	b.pass(2*time.Second, nil)
	b.requireEqual()
}

func TestARequestThatTheQueueGroupGaveBackGoesElsewhereAtOnce(t *testing.T) {
	b := newBench(t, 2)
	origin, r := b.all[0], b.all[1]
	b.set(origin, "a", "1")
	b.pass(20*time.Millisecond, losesAll)
	b.set(origin, "b", "2")
	b.carry(func(_, _ *Replica, m *Outgoing) bool { return m.Kind != message.KindDelta })
	b.now = b.now.Add(30 * time.Millisecond)
	r.Tick(b.now)
	out := b.take(r)
	require.Len(t, only[*message.Pull](t, out), 1)
	require.Equal(t, ToAny, out[len(out)-1].To)
	require.NoError(t, r.Step(b.now, "", out[len(out)-1].Data))
	require.False(t, r.Next().After(b.now))
	r.Tick(b.now)
	out = b.take(r)
	require.Equal(t, ToPeer, out[0].To)
	require.Equal(t, origin.cfg.ID, out[0].Peer)
}

func TestAPeerThatShowsItselfEndsABackOff(t *testing.T) {
	b := newBench(t, 2)
	origin, r := b.all[0], b.all[1]
	b.set(origin, "a", "1")
	b.carry(losesAll)
	fromR := func(from, _ *Replica, _ *Outgoing) bool { return from == r }
	b.pass(5*time.Second, fromR)
	require.Empty(t, b.get(r, "a"), "its requests are lost")
	b.pass(1500*time.Millisecond, nil)
	require.Equal(t, "1", b.get(r, "a"))
}

func TestWhoeverIsAheadDoesNotAsk(t *testing.T) {
	b := newBench(t, 2)
	b.set(b.all[0], "a", "1")
	b.set(b.all[1], "b", "2")
	b.carry(nil)
	b.pass(3*time.Second, nil)
	asked := b.all[0].Stats().PullsSent
	for i := range 20 {
		b.set(b.all[0], fmt.Sprint(i), "x")
		b.carry(func(_, _ *Replica, m *Outgoing) bool { return m.Kind != message.KindBeacon })
	}
	b.pass(2*time.Second, nil)
	b.requireEqual()
	require.Equal(t, asked, b.all[0].Stats().PullsSent, "only the other one lacked anything")
}

// TestADifferenceUnderEqualContextsIsEndedOnce has two replicas hold different
// payloads under one dot.
func TestADifferenceUnderEqualContextsIsEndedOnce(t *testing.T) {
	b := newBench(t, 2)
	for i, r := range b.all {
		b.hear(r, minted(t, fmt.Sprint(i), "x"))
	}
	b.pass(10*time.Second, nil)
	b.requireEqual()
	frames := func() uint64 { return b.all[0].Stats().FramesSent + b.all[1].Stats().FramesSent }
	require.LessOrEqual(t, frames(), uint64(2), "each gives its state once at most")
	before, listed := frames(), b.all[0].Stats().BytesOut
	b.pass(30*time.Second, nil)
	require.Equal(t, before, frames())
	require.Less(t, b.all[0].Stats().BytesOut-listed, uint64(40*100), "beacons alone")
}

// TestAStateThatTeachesNothingIsNotAskedForAgain has one replica answer nobody
// who wants to learn what stands.
func TestAStateThatTeachesNothingIsNotAskedForAgain(t *testing.T) {
	b := newBench(t, 2)
	for i, r := range b.all {
		b.hear(r, minted(t, fmt.Sprint(i), "x"))
	}
	knows := b.all[0]
	if x, y := b.all[0].View("doc").State(), b.all[1].View("doc").State(); x.Fingerprint() < y.Fingerprint() {
		knows = b.all[1]
	}
	b.pass(10*time.Second, func(from, _ *Replica, m *Outgoing) bool { return from == knows && m.Kind == message.KindPush })
	require.NotEqual(t, b.all[0].Digest(), b.all[1].Digest())
	require.EqualValues(t, 1, knows.Stats().PullsSent)
	b.pass(5*time.Second, nil)
	b.requireEqual()
}

func TestAClockGoesOnFromItsMark(t *testing.T) {
	b := newBench(t, 1)
	b.set(b.all[0], "a", "1")
	stamp, _ := b.all[0].View("doc").Latest(0, crdt.TagRegister, "a")
	b.now = time.Unix(0, 0)
	b.all = nil
	r := b.add(func(c *Config) { c.Mark = stamp.Time })
	b.set(r, "a", "2")
	later, _ := r.View("doc").Latest(0, crdt.TagRegister, "a")
	require.Greater(t, later.Time, stamp.Time)
}

func TestAMalformedDeltaLeavesNoDocumentBehind(t *testing.T) {
	b := newBench(t, 1)
	bad := &message.Delta{Doc: "ghost", Unit: []byte("not a frame")}
	require.Error(t, b.all[0].Step(b.now, "ghost", say(causal.Actor{ID: causal.ID{9}}, 1, bad)))
	require.Empty(t, b.all[0].Names())
	require.EqualValues(t, 1, b.all[0].Stats().Refused)
}

func TestADeltaOnAnotherDocumentsSubjectIsRefused(t *testing.T) {
	b := newBench(t, 1)
	m := &message.Delta{Doc: "doc", Unit: []byte("x")}
	require.ErrorIs(t, b.all[0].Step(b.now, "other", say(causal.Actor{ID: causal.ID{9}}, 1, m)), ErrForeign)
}

// TestEqualUpdatesOfTwoDocumentsDoNotHideEachOther has two documents take the
// same step: same actor, number and payload, and no timestamp.
func TestEqualUpdatesOfTwoDocumentsDoNotHideEachOther(t *testing.T) {
	b := newBench(t, 2)
	for range 2 {
		for _, doc := range []string{"one", "two"} {
			require.NoError(t, b.all[0].Write(b.now, doc, func(d *crdt.Document) error { return d.Increment(0, "n", 1) }))
			b.all[0].Flush(b.now)
		}
		if b.all[1].View("one") == nil {
			b.carry(nil)
		}
	}
	require.NotEqual(t, b.all[0].Digest(), b.all[1].Digest())
	b.carry(losesAll)
	b.pass(2*time.Second, nil)
	b.requireEqual()
	n, _ := b.all[1].View("two").Sum(0, "n")
	require.EqualValues(t, 2, n)
}
