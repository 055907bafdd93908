package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// twin is an identity that two processes use.
var twin = causal.Actor{ID: causal.ID{9}, Incarnation: 1}

// minted returns a unit of the twin's that writes registers.
func minted(t *testing.T, value string, keys ...string) delta.Delta {
	d := crdt.NewDocument(twin, nil)
	for _, key := range keys {
		require.NoError(t, d.Assign(0, crdt.TagRegister, key, value, false, crdt.At(1)))
	}
	return d.Flush(nil)
}

func (b *bench) hear(r *Replica, unit delta.Delta) {
	b.t.Helper()
	require.NoError(b.t, r.Step(b.now, "doc", say(twin, 1, &message.Delta{Doc: "doc", Unit: unit, Relayed: true})))
}

// conflictsOf counts the alarms of a replica about an event.
func (b *bench) conflictsOf(r *Replica) (n int) {
	b.take(r)
	for _, a := range b.seen[r] {
		if a.Kind == Conflict && strings.HasPrefix(a.Detail, "event ") {
			n++
		}
	}
	return n
}

// requireSettled asserts that all replicas show the same of two values, and that
// some of them have the other one in quarantine.
func (b *bench) requireSettled(one, other string) {
	b.t.Helper()
	b.requireEqual()
	stands := b.get(b.all[0], "x")
	lost := map[string]string{one: other, other: one}[stands]
	require.NotEmpty(b.t, lost, "%q stands", stands)
	held := 0
	for _, r := range b.all {
		require.Equal(b.t, stands, b.get(r, "x"))
		require.NoError(b.t, r.View("doc").State().Verify())
		require.Equal(b.t, int(r.Stats().Conflicts), b.conflictsOf(r), "once for each dot")
		for _, q := range r.Quarantine() {
			held++
			require.Equal(b.t, Quarantined{Doc: "doc", Dot: causal.Dot{Actor: twin, Seq: 1}, Tag: crdt.TagRegister, Key: "x",
				Value: lost, Time: 1, When: q.When}, q)
		}
	}
	require.Positive(b.t, held)
}

func TestTwoPayloadsUnderOneDotEndAsOne(t *testing.T) {
	one, other := minted(t, "one", "x"), minted(t, "other", "x")
	t.Run("by broadcast, in both orders", func(t *testing.T) {
		b := newBench(t, 2)
		for i, order := range [][]delta.Delta{{one, other}, {other, one}} {
			for range 3 {
				b.hear(b.all[i], order[0])
				b.hear(b.all[i], order[1])
			}
		}
		b.requireSettled("one", "other")
		for _, r := range b.all {
			require.Len(t, r.Quarantine(), 1)
		}
	})
	t.Run("by repair", func(t *testing.T) {
		for _, change := range []func(*Config){func(*Config) {}, noLog} {
			b := newBench(t, 3, change)
			b.hear(b.all[0], one)
			b.hear(b.all[1], other)
			b.pass(5*time.Second, nil)
			b.requireSettled("one", "other")
		}
	})
	t.Run("beside what only one has", func(t *testing.T) {
		for _, change := range []func(*Config){noLog, comparing} {
			for i := range 2 {
				b := newBench(t, 2, change)
				b.hear(b.all[0], one)
				b.hear(b.all[1], other)
				b.set(b.all[i], "more", "1")
				b.carry(losesAll)
				b.pass(5*time.Second, nil)
				b.requireSettled("one", "other")
			}
		}
	})
	t.Run("by transfer and by comparison", func(t *testing.T) {
		for _, trip := range []int{1 << 20, 0} {
			for i := range 2 {
				b := newBench(t, 2, small, noLog, func(c *Config) { c.TripBytes = trip })
				b.set(b.all[i], "large", long(20_000))
				b.pass(5*time.Second, nil)
				b.requireEqual()
				sent := func(s *Stats) uint64 { return s.Transfers }
				if trip == 0 {
					sent = func(s *Stats) uint64 { return s.Ladder.Compared }
				}
				before := total(b, sent)
				b.hear(b.all[0], one)
				b.hear(b.all[1], other)
				b.pass(5*time.Second, nil)
				b.requireSettled("one", "other")
				require.Greater(t, total(b, sent), before)
			}
		}
	})
}

func TestAPayloadAgainstAnEmptyEventDiesAndIsPutAside(t *testing.T) {
	b := newBench(t, 2)
	empty := crdt.NewDocument(twin, nil)
	require.NoError(t, empty.Assign(0, crdt.TagRegister, "x", "", false, crdt.Options{}))
	require.NoError(t, empty.Remove(0, crdt.TagRegister, "x", crdt.Options{}))
	b.hear(b.all[0], minted(t, "one", "x", "y"))
	b.hear(b.all[1], empty.Flush(nil))
	b.pass(5*time.Second, nil)
	b.requireEqual()
	require.Empty(t, b.get(b.all[0], "x"))
	require.NotEmpty(t, b.seen[b.all[1]], "both are told")
	aside := b.all[0].Quarantine()
	require.NotEmpty(t, aside)
	require.True(t, aside[0].Dead)
	require.Equal(t, "one", aside[0].Value)
	require.Empty(t, b.all[1].Quarantine())
}

func TestRemovalsPutNothingAside(t *testing.T) {
	b := newBench(t, 2, noLog)
	for i := range 50 {
		b.set(b.all[i%2], fmt.Sprint(i%5), fmt.Sprint(i))
		b.carry(func(_, _ *Replica, m *Outgoing) bool { return m.Kind == message.KindDelta && i%3 == 0 })
	}
	b.pass(3*time.Second, nil)
	b.requireEqual()
	for _, r := range b.all {
		require.Empty(t, r.Quarantine())
		require.Zero(t, r.Stats().Conflicts)
	}
}

func TestWhoMeetsItsOwnEventWithAnotherPayloadTakesANewIncarnation(t *testing.T) {
	b := newBench(t, 1)
	r, before := b.all[0], b.all[0].Actor()
	b.set(r, "x", "mine")
	b.take(r)
	clone := crdt.NewDocument(before, nil)
	require.NoError(t, clone.Assign(0, crdt.TagRegister, "x", "the clone's", false, crdt.Options{}))
	b.hear(r, clone.Flush(nil))
	require.NotEqual(t, before, r.Actor())
	b.take(r)
	require.True(t, slices.ContainsFunc(b.seen[r], func(a Alarm) bool { return a.Kind == Clone }))
	require.Len(t, r.Quarantine(), 1)
}

func TestAReplacedPayloadIsRecordedAndItsOtherPutAsideOnce(t *testing.T) {
	b := newBench(t, 2)
	units := []delta.Delta{minted(t, "one", "x", "y"), minted(t, "other", "x", "y")}
	for i, r := range b.all {
		b.hear(r, units[i])
		b.hear(r, units[1-i])
		out := r.Ready()
		require.Len(t, out.Aside, 2)
		require.Equal(t, r.Quarantine(), out.Aside)
		b.kept[r] = append(b.kept[r], out.Records...)

		cfg := r.cfg
		again, err := New(cfg, b.now)
		require.NoError(t, err)
		for _, q := range out.Aside {
			again.Recall(q)
			again.Recall(q)
		}
		for _, rec := range b.kept[r] {
			require.NoError(t, again.Load(rec))
		}
		require.Equal(t, r.Digest(), again.Digest(), "what stands came back")
		left := again.Ready()
		require.Empty(t, left.Aside)
		require.Empty(t, left.Alarms)
		require.Equal(t, out.Aside, again.Quarantine())
		require.EqualValues(t, 2, again.Stats().Quarantined)
	}
	b.requireEqual()
}

func TestAnAlarmNamesTheEventAndBothPayloads(t *testing.T) {
	b := newBench(t, 1)
	b.hear(b.all[0], minted(t, "one", "x"))
	b.hear(b.all[0], minted(t, "other", "x"))
	b.take(b.all[0])
	alarm := b.seen[b.all[0]][0]
	require.Equal(t, Conflict, alarm.Kind)
	require.Equal(t, "doc", alarm.Doc)
	require.Contains(t, alarm.Detail, fmt.Sprintf("event 1 of %v came with two payloads", twin))
	require.Contains(t, alarm.Detail, `"x" (tag 2, 3 bytes, hash `)
	require.Contains(t, alarm.Detail, `"x" (tag 2, 5 bytes, hash `)
	require.NotContains(t, alarm.Detail, "other")
}

func TestTheQuarantineIsBounded(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	keys := make([]string, 700)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	for i := range 4 {
		b.hear(r, minted(t, fmt.Sprint("v", i), keys...))
		b.take(r)
	}
	require.Len(t, r.Quarantine(), maxQuarantine)
	require.EqualValues(t, 700, r.Stats().Conflicts)
	require.EqualValues(t, 2100, r.Stats().Quarantined)
	full := 0
	for _, a := range b.seen[r] {
		if a.Kind == Full {
			full++
		}
	}
	require.Equal(t, 1, full)
	var s shelf
	for s.put(&Quarantined{Value: long(100 << 10)}) {
	}
	require.Less(t, s.bytes, maxQuarantineBytes)
	require.Len(t, s.list, 40)
}
