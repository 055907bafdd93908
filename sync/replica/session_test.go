package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// comparing has replicas compare wherever a log does not help.
func comparing(c *Config) { c.LogBytes, c.TripBytes = -1, -1<<30 }

func (b *bench) remove(r *Replica, key string) {
	b.t.Helper()
	b.write(r, func(d *crdt.Document) error {
		return d.Remove(kernel.Root, crdt.TagRegister, key, crdt.Options{})
	})
}

// estranged returns two replicas with equal documents of n keys that then went
// their own ways: puts, overwrites and removals on both sides.
func estranged(t *testing.T, n, differences int, change ...func(*Config)) *bench {
	b := newBench(t, 2, change...)
	for i := range n {
		b.set(b.all[0], fmt.Sprint(i), "value")
	}
	b.pass(2*time.Second, nil)
	b.requireEqual()
	for i := range differences {
		r, key := b.all[i%2], fmt.Sprint(i*7%n)
		switch i / 2 % 3 {
		case 0:
			b.set(r, key, fmt.Sprint("by ", i%2))
		case 1:
			b.remove(r, key)
		default:
			b.set(r, fmt.Sprint("new", i), "value")
		}
	}
	for _, r := range b.all {
		r.Flush(b.now)
	}
	b.carry(losesAll)
	return b
}

func total(b *bench, of func(*Stats) uint64) (n uint64) {
	for _, r := range b.all {
		s := r.Stats()
		n += of(&s)
	}
	return n
}

func TestWhatNoLogHoldsAnyMoreIsFoundByComparison(t *testing.T) {
	b := estranged(t, 600, 60, comparing)
	before := total(b, func(s *Stats) uint64 { return s.FramesSent })
	b.pass(2*time.Second, nil)
	b.requireEqual()
	require.Equal(t, before, total(b, func(s *Stats) uint64 { return s.FramesSent }))
	require.Positive(t, total(b, func(s *Stats) uint64 { return s.Ladder.Compared }))
	for _, r := range b.all {
		require.NoError(t, r.View("doc").State().Verify())
		require.Empty(t, b.seen[r], "no alarm")
	}
}

func TestOneComparisonMakesBothSidesEqualInTwoRoundTrips(t *testing.T) {
	b := estranged(t, 600, 60, comparing)
	asker := b.all[1]
	var kinds []message.Kind
	b.pass(2*time.Second, func(from, _ *Replica, m *Outgoing) bool {
		if m.Kind == message.KindPull && from != asker || m.Kind == message.KindBeacon && from == asker {
			return true // only one of them asks
		}
		if m.Kind != message.KindBeacon {
			kinds = append(kinds, m.Kind)
		}
		return false
	})
	b.requireEqual()
	require.Equal(t, []message.Kind{message.KindPull, message.KindPush, message.KindTable, message.KindPush}, kinds)
}

func TestNewsAreNoUnits(t *testing.T) {
	b := estranged(t, 50, 10, comparing)
	for _, r := range b.all {
		r.log.MaxBytes = 1 << 20
		b.kept[r] = nil
	}
	b.pass(2*time.Second, nil)
	b.requireEqual()
	require.Positive(t, total(b, func(s *Stats) uint64 { return s.Ladder.Compared }))
	for _, r := range b.all {
		units, _ := r.log.Len()
		require.Zero(t, units, "what a comparison brings must not go to others")
		require.NotEmpty(t, b.kept[r])
		for _, rec := range b.kept[r] {
			require.False(t, rec.Unit)
		}
	}
}

// talk carries messages between two replicas until there is one of a kind, which it
// returns undelivered.
func (b *bench) until(kind message.Kind, from *Replica) (held Outgoing) {
	b.t.Helper()
	for range 400 {
		found := false
		b.pass(5*time.Millisecond, func(x, _ *Replica, m *Outgoing) bool {
			if m.Kind == message.KindBeacon || found {
				return found || x != b.all[0] // only the second asks
			}
			if m.Kind == kind && x == from {
				held, found = *m, true
			}
			return found
		})
		if found {
			return held
		}
	}
	require.Fail(b.t, "no such message", "%v", kind)
	return held
}

// isNews reports whether a push ends a session.
func isNews(t *testing.T, m Outgoing) bool {
	p := only[*message.Push](t, []Outgoing{m})
	return len(p) == 1 && p[0].Gifts[0].Answer == message.News
}

// untilNews is until for the last message of a session.
func (b *bench) untilNews() (news Outgoing) {
	b.t.Helper()
	for range 20 {
		if news = b.until(message.KindPush, b.all[0]); isNews(b.t, news) {
			return news
		}
		require.NoError(b.t, b.all[1].Step(b.now, "", news.Data))
	}
	require.Fail(b.t, "no news")
	return news
}

func TestNothingCountsBeforeTheEndOfASession(t *testing.T) {
	b := estranged(t, 100, 20, comparing)
	source, asker := b.all[0], b.all[1]
	digest := func(r *Replica) uint64 { return r.View("doc").State().Digest() }
	atSource, atAsker := digest(source), digest(asker)
	table := b.until(message.KindTable, asker)
	require.Equal(t, atSource, digest(source))
	require.Equal(t, atAsker, digest(asker))
	require.NoError(t, source.Step(b.now, "", table.Data))
	require.NotEqual(t, atSource, digest(source), "the source has what the table told it, all of it")
	require.NoError(t, source.View("doc").State().Verify())
	require.Equal(t, atAsker, digest(asker))
	news := b.take(source)
	require.True(t, isNews(t, news[len(news)-1]))
	require.NoError(t, asker.Step(b.now, "", news[len(news)-1].Data))
	b.requireEqual()
}

func TestNewsOfASessionThatIsOverCountNothing(t *testing.T) {
	b := estranged(t, 100, 20, comparing)
	source, asker := b.all[0], b.all[1]
	late := b.untilNews()
	b.remove(source, "50") // the next session has other news
	b.set(source, "51", "x")
	source.Flush(b.now)
	b.take(source)
	next := b.untilNews()
	before := asker.Digest()
	require.NoError(t, asker.Step(b.now, "", late.Data))
	require.Equal(t, before, asker.Digest())
	require.EqualValues(t, 1, asker.Stats().Ladder.LateNews)
	require.NoError(t, asker.Step(b.now, "", next.Data))
	b.requireEqual()
	require.NoError(t, asker.Step(b.now, "", next.Data), "twice, by the network")
	b.requireEqual()
}

func TestATableForASessionThatIsOverIsAnsweredNo(t *testing.T) {
	for name, wait := range map[string]time.Duration{"used": 0, "too late": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			b := estranged(t, 100, 20, comparing)
			source, asker := b.all[0], b.all[1]
			table := b.until(message.KindTable, asker)
			b.now = b.now.Add(wait)
			if wait == 0 {
				require.NoError(t, source.Step(b.now, "", table.Data))
				b.take(source)
			}
			before := source.Digest()
			require.NoError(t, source.Step(b.now, "", table.Data))
			require.Equal(t, before, source.Digest())
			push := only[*message.Push](t, b.take(source))
			require.Equal(t, message.No, push[0].Gifts[0].Answer)
			require.EqualValues(t, 1, source.Stats().Ladder.Late)
			b.pass(2*time.Second, nil)
			b.requireEqual()
		})
	}
}

// TestSessionsEndWithTheirDocument has a source lose a document and begin it anew.
func TestSessionsEndWithTheirDocument(t *testing.T) {
	b := estranged(t, 100, 20, comparing)
	source, asker := b.all[0], b.all[1]
	table := b.until(message.KindTable, asker)
	source.Discard("doc", Alarm{Kind: Damage})
	b.set(source, "new", "x")
	require.NoError(t, source.Step(b.now, "", table.Data))
	require.EqualValues(t, 1, source.Stats().Ladder.Late)
	b.pass(3*time.Second, nil)
	b.requireEqual()
	require.Equal(t, "value", b.get(source, "99"), "the other one still has it")
}

// TestDeathsDoNotCountWithoutTheEventsThatExplainThem has an asker whose news have no
// room in a message.
func TestDeathsDoNotCountWithoutTheEventsThatExplainThem(t *testing.T) {
	b := estranged(t, 100, 20, comparing)
	source, asker := b.all[0], b.all[1]
	b.set(asker, "large", long(5000))
	asker.Flush(b.now)
	b.take(asker)
	asker.cfg.MaxMessage = 4 << 10
	before := source.Digest()
	table := b.until(message.KindTable, asker)
	require.Empty(t, only[*message.Table](t, []Outgoing{table})[0].News)
	require.NoError(t, source.Step(b.now, "", table.Data))
	require.Equal(t, before, source.Digest())
	require.EqualValues(t, 1, source.Stats().Ladder.Bare)
	b.pass(3*time.Second, nil)
	b.requireEqual()
	require.Empty(t, b.seen[source])
}

func TestATableWithoutRoomOrOfAPartialDocumentLeadsToTheState(t *testing.T) {
	for name, hinder := range map[string]func(*Replica){
		"no room": func(r *Replica) { r.cfg.MaxMessage = overhead + 64 },
		"partial": func(r *Replica) { r.docs["doc"].copy.State().StartRestore() },
	} {
		t.Run(name, func(t *testing.T) {
			b := estranged(t, 100, 20, comparing)
			source, asker := b.all[0], b.all[1]
			push := b.until(message.KindPush, source)
			room := asker.cfg.MaxMessage
			hinder(asker)
			require.NoError(t, asker.Step(b.now, "", push.Data))
			out := b.take(asker)
			require.Empty(t, only[*message.Table](t, out)[0].Table)
			require.NoError(t, source.Step(b.now, "", out[0].Data))
			asker.cfg.MaxMessage = room
			asker.docs["doc"].copy.State().EndRestore()
			frame := b.take(source)
			require.Equal(t, message.Frame, only[*message.Push](t, frame)[0].Gifts[0].Answer)
			require.NoError(t, asker.Step(b.now, "", frame[len(frame)-1].Data))
			require.EqualValues(t, 1, source.Stats().Ladder.FellBack)
			b.pass(2*time.Second, nil)
			b.requireEqual()
		})
	}
}

func TestAnOpenSessionOfAnotherProcessIsNotUsed(t *testing.T) {
	b := estranged(t, 100, 20, comparing)
	source, asker := b.all[0], b.all[1]
	table := b.until(message.KindTable, asker)
	m := only[*message.Table](t, []Outgoing{table})[0]
	before := source.Digest()
	require.NoError(t, source.Step(b.now, "", say(asker.actor, asker.nonce+1, m)), "another process of the asker's identity")
	require.Equal(t, before, source.Digest())
	m.To++
	require.NoError(t, source.Step(b.now, "", say(asker.actor, asker.nonce, m)), "for an earlier start of the source")
	require.Equal(t, before, source.Digest())
}
