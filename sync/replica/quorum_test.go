package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/consistency"
	"github.com/joinery-crdt/joinery/sync/message"
)

// first returns a view by which the first n replicas own all documents.
func first(n int) (v consistency.View) {
	for i := range n {
		v = append(v, consistency.Voter{ID: causal.ID{byte(i + 1)}})
	}
	return v
}

// quorumBench returns n replicas; the first owners of them own all documents.
func quorumBench(t *testing.T, n, owners int, change ...func(*Config)) *bench {
	b := newBench(t, n, change...)
	for _, r := range b.all {
		r.quorums.electorate = func(string) consistency.View { return first(owners) }
	}
	return b
}

// outcomes returns what became of a replica's requests since it was last called.
func (b *bench) outcomes(r *Replica) []Outcome {
	all := append(b.ends[r], r.out.Outcomes...)
	b.ends[r], r.out.Outcomes = nil, nil
	return all
}

// await lets time pass until a request of a replica has ended.
func (b *bench) await(r *Replica, d time.Duration, lose func(from, to *Replica, m *Outgoing) bool) (all []Outcome) {
	for end := b.now.Add(d); b.now.Before(end) && len(all) == 0; all = b.outcomes(r) {
		b.pass(5*time.Millisecond, lose)
	}
	return all
}

func TestAWriteAtALevelEndsWhenSoManyHoldIt(t *testing.T) {
	b := quorumBench(t, 3, 3)
	a := b.all[0]
	b.set(a, "k", "v")
	ticket, err := a.Confirm(b.now, "doc", consistency.All)
	require.NoError(t, err)
	require.Equal(t, []Outcome{{Ticket: ticket, Answered: 3}}, b.await(a, time.Second, nil))
	for _, r := range b.all {
		require.Equal(t, "v", b.get(r, "k"))
	}
	require.NoError(t, a.Abandon(ticket))
	require.Empty(t, a.quorums.tickets)
	require.Empty(t, a.quorums.inquiries)
}

func TestLevelsThatNeedNobodyElseCostNothing(t *testing.T) {
	b := quorumBench(t, 3, 3)
	a := b.all[0]
	b.set(a, "k", "v")
	for _, l := range []consistency.Level{consistency.Local, consistency.One} {
		ticket, err := a.Confirm(b.now, "doc", l)
		require.NoError(t, err)
		require.Zero(t, ticket)
	}
	require.Empty(t, only[*message.Ask](t, a.Ready().Messages))
}

// TestAWriteWhoseLevelIsNotReachedSaysWhoIsMissing while one owner is cut off.
func TestAWriteWhoseLevelIsNotReachedSaysWhoIsMissing(t *testing.T) {
	b := quorumBench(t, 3, 3)
	a, c := b.all[0], b.all[2]
	cut := func(from, to *Replica, _ *Outgoing) bool { return from == c || to == c }
	b.set(a, "k", "v")
	quorum, err := a.Confirm(b.now, "doc", consistency.Quorum)
	require.NoError(t, err)
	all, err := a.Confirm(b.now, "doc", consistency.All)
	require.NoError(t, err)
	require.Equal(t, []Outcome{{Ticket: quorum, Answered: 2}}, b.await(a, time.Second, cut))
	b.pass(time.Second, cut)
	var short *consistency.Error
	require.ErrorAs(t, a.Abandon(all), &short)
	require.Equal(t, 3, short.Wanted)
	require.Equal(t, 2, short.Got)
	require.Equal(t, []causal.ID{c.cfg.ID}, short.Missing)
	b.pass(3*time.Second, nil)
	require.Equal(t, "v", b.get(c, "k"), "the write stands and spreads")
}

// TestALostDeltaOrAnswerOnlyDelaysAWrite drops the first message of each kind.
func TestALostDeltaOrAnswerOnlyDelaysAWrite(t *testing.T) {
	for _, kind := range []message.Kind{message.KindDelta, message.KindAsk, message.KindReply} {
		b := quorumBench(t, 2, 2)
		a := b.all[0]
		b.set(a, "k", "v")
		_, err := a.Confirm(b.now, "doc", consistency.All)
		require.NoError(t, err)
		lost := false
		got := b.await(a, 3*time.Second, func(_, _ *Replica, m *Outgoing) bool {
			first := m.Kind == kind && !lost
			lost = lost || first
			return first
		})
		require.True(t, lost)
		require.Len(t, got, 1, "%v lost", kind)
	}
}

// TestForeignLateAndForgedAnswersDoNotCount sends a replica answers to an
// inquiry that owners did not give.
func TestForeignLateAndForgedAnswersDoNotCount(t *testing.T) {
	b := quorumBench(t, 4, 3)
	a, c, foreign := b.all[0], b.all[2], b.all[3]
	b.set(a, "k", "v")
	_, err := a.Confirm(b.now, "doc", consistency.All)
	require.NoError(t, err)
	asks := only[*message.Ask](t, a.Ready().Messages)
	require.Len(t, asks, 2)
	id, version := asks[0].ID, asks[0].Version
	for _, m := range []struct {
		from  causal.Actor
		reply message.Reply
	}{
		{foreign.actor, message.Reply{To: a.nonce, ID: id, Version: version}},
		{c.actor, message.Reply{To: a.nonce, ID: id + 1, Version: version}},
		{c.actor, message.Reply{To: a.nonce + 1, ID: id, Version: version}},
		{c.actor, message.Reply{To: a.nonce, ID: id, Version: version + 1}},
		{b.all[1].actor, message.Reply{To: a.nonce, ID: id, Version: version}},
		{b.all[1].actor, message.Reply{To: a.nonce, ID: id, Version: version}},
	} {
		require.NoError(t, a.Step(b.now, "", say(m.from, 7, &m.reply)))
	}
	require.Empty(t, b.outcomes(a), "one of the two others has answered")
	require.NoError(t, a.Step(b.now, "", say(c.actor, 7, &message.Reply{To: a.nonce, ID: id, Version: version})))
	require.Len(t, b.outcomes(a), 1)
}

// TestAReadReturnsWhatAQuorumHolds although the reader has missed it, and
// anti-entropy is silent.
func TestAReadReturnsWhatAQuorumHolds(t *testing.T) {
	for name, config := range map[string]func(*Config){"from the log": func(*Config) {}, "without a log": noLog} {
		t.Run(name, func(t *testing.T) {
			b := quorumBench(t, 3, 3, config)
			a, reader := b.all[0], b.all[2]
			silent := func(_, _ *Replica, m *Outgoing) bool { return m.Kind == message.KindBeacon }
			deaf := func(_, to *Replica, m *Outgoing) bool {
				return m.Kind == message.KindBeacon || to == reader && m.Kind == message.KindDelta
			}
			b.set(a, "k", "old")
			b.carry(nil)
			b.set(a, "k", "new")
			b.carry(deaf)
			require.Equal(t, "old", b.get(reader, "k"))
			ticket, err := reader.Consult(b.now, "doc", consistency.Quorum, false)
			require.NoError(t, err)
			got := b.await(reader, time.Second, silent)
			require.Len(t, got, 1)
			require.Equal(t, ticket, got[0].Ticket)
			require.Equal(t, "new", b.get(reader, "k"))
		})
	}
}

// TestAReadRepairsThoseBehind while no beacon and no delta arrives anywhere.
func TestAReadRepairsThoseBehind(t *testing.T) {
	for _, repair := range []bool{true, false} {
		b := quorumBench(t, 3, 3, noLog)
		a := b.all[0]
		isolated := func(_, _ *Replica, m *Outgoing) bool {
			return m.Kind == message.KindBeacon || m.Kind == message.KindDelta
		}
		b.set(a, "k", "v")
		b.carry(isolated)
		_, err := a.Consult(b.now, "doc", consistency.All, repair)
		require.NoError(t, err)
		got := b.await(a, time.Second, isolated)
		require.Len(t, got, 1)
		require.Equal(t, 3, got[0].Answered)
		require.Equal(t, 1, got[0].Agreed)
		if !repair {
			b.pass(time.Second, isolated)
		}
		for _, r := range b.all {
			require.Equal(t, "v", b.get(r, "k"), "repair at once: %v", repair)
		}
	}
}

// TestAReadMergesWhatDifferentOwnersHold none of whom has all.
func TestAReadMergesWhatDifferentOwnersHold(t *testing.T) {
	b := quorumBench(t, 3, 3)
	isolated := func(_, _ *Replica, m *Outgoing) bool {
		return m.Kind == message.KindBeacon || m.Kind == message.KindDelta
	}
	for i, r := range b.all {
		b.set(r, "key"+string(rune('0'+i)), "v")
		b.carry(isolated)
	}
	reader := b.all[2]
	_, err := reader.Consult(b.now, "doc", consistency.All, true)
	require.NoError(t, err)
	require.Len(t, b.await(reader, time.Second, isolated), 1)
	for _, r := range b.all {
		require.Equal(t, "v", b.get(r, "key0")+b.get(r, "key1")[1:]+b.get(r, "key2")[1:])
	}
	b.requireEqual()
}

// TestAReadAsksAnotherOwnerWhenTheQuickestIsSlow and ends without it.
func TestAReadAsksAnotherOwnerWhenTheQuickestIsSlow(t *testing.T) {
	b := quorumBench(t, 3, 3)
	reader := b.all[0]
	_, err := reader.Consult(b.now, "doc", consistency.Two, false)
	require.NoError(t, err)
	first := only[*message.Ask](t, reader.out.Messages)
	require.Len(t, first, 1, "no more are asked than needed")
	slow := reader.out.Messages[len(reader.out.Messages)-1].Peer
	got := b.await(reader, 2*time.Second, func(from, _ *Replica, m *Outgoing) bool {
		return from.cfg.ID == slow && m.Kind == message.KindReply
	})
	require.Len(t, got, 1)
	require.Equal(t, 2, got[0].Answered)
}

// TestAnUnknownDocumentIsReadAsEmpty and leaves nothing behind.
func TestAnUnknownDocumentIsReadAsEmpty(t *testing.T) {
	b := quorumBench(t, 3, 3)
	_, err := b.all[0].Consult(b.now, "nowhere", consistency.All, true)
	require.NoError(t, err)
	require.Len(t, b.await(b.all[0], time.Second, nil), 1)
	for _, r := range b.all {
		require.NotContains(t, r.Names(), "nowhere")
	}
}

// TestAChangedMembershipStartsAWriteAgain under the new one.
func TestAChangedMembershipStartsAWriteAgain(t *testing.T) {
	b := quorumBench(t, 3, 2)
	a := b.all[0]
	gone := func(from, to *Replica, _ *Outgoing) bool { return from == b.all[1] || to == b.all[1] }
	b.set(a, "k", "v")
	_, err := a.Confirm(b.now, "doc", consistency.Quorum)
	require.NoError(t, err)
	require.Empty(t, b.await(a, time.Second, gone))
	for _, r := range b.all {
		r.quorums.electorate = func(string) consistency.View { v := first(3); return consistency.View{v[0], v[2]} }
	}
	require.Len(t, b.await(a, time.Second, gone), 1)
}

// TestAnAnswerUnderAnotherMembershipDoesNotCount until both know the same.
func TestAnAnswerUnderAnotherMembershipDoesNotCount(t *testing.T) {
	b := quorumBench(t, 2, 2)
	a, other := b.all[0], b.all[1]
	other.quorums.electorate = func(string) consistency.View { return first(3) }
	b.set(a, "k", "v")
	_, err := a.Confirm(b.now, "doc", consistency.Quorum)
	require.NoError(t, err)
	require.Empty(t, b.await(a, time.Second, nil))
	other.quorums.electorate = a.quorums.electorate
	require.Len(t, b.await(a, time.Second, nil), 1)
}

func TestRequestsThatWaitAreBounded(t *testing.T) {
	b := quorumBench(t, 1, 3)
	a := b.all[0]
	for range maxInquiries {
		_, err := a.Consult(b.now, "doc", consistency.Two, false)
		require.NoError(t, err)
	}
	_, err := a.Consult(b.now, "doc", consistency.Two, false)
	require.ErrorIs(t, err, ErrBusy)
}
