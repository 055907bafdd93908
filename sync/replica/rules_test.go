package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/message"
)

// The tests here play the counterexamples that forced the protocol's rules.
// Where the mistake can be made by hand, each shows first that it does harm.

// units returns the units that a replica has kept of the document "doc".
func (b *bench) units(r *Replica) (out []delta.Delta) {
	b.take(r)
	for _, rec := range b.kept[r] {
		out = append(out, rec.Delta)
	}
	return out
}

// merged returns the state that merging some deltas gives.
func merged(t *testing.T, deltas ...delta.Delta) *kernel.State {
	t.Helper()
	s := &kernel.State{}
	for _, d := range deltas {
		require.NoError(t, d.Merge(s))
	}
	return s
}

// requireDiverged asserts the harm: equal contexts, unequal live dots.
func requireDiverged(t *testing.T, x, y *kernel.State) {
	t.Helper()
	cx, cy := x.Context(), y.Context()
	require.True(t, cx.Equal(cy), "%v and %v", &cx, &cy)
	require.NotEqual(t, x.Fingerprint(), y.Fingerprint())
}

// onlyEvent is the mistake of rule 1: one event put together from current
// state, as it would look if it had been published now.
func onlyEvent(t *testing.T, s *kernel.State, a causal.Actor, seq uint64) delta.Delta {
	t.Helper()
	var out kernel.State
	i := out.Intern(a)
	from, _ := s.Lookup(a)
	for l := range s.Between(from, causal.Range{Lo: seq, Hi: seq}) {
		p := l.Payload()
		out.Learn(i, seq, &p)
	}
	out.Claim(i, causal.Range{Lo: seq, Hi: seq})
	return delta.AppendState(nil, &out)
}

func TestClosedUnitsAnEventIsNotRepairedFromCurrentState(t *testing.T) {
	b := newBench(t, 2)
	origin, holder := b.all[0], b.all[1]
	b.set(origin, "x", "1")
	b.quiet()
	b.set(origin, "x", "2")
	b.carry(nil)
	first := b.units(origin)[0]
	state := holder.View("doc").State()

	naive := merged(t, onlyEvent(t, state, origin.actor, 1))
	requireDiverged(t, naive, merged(t, first))

	var want causal.Context
	want.Add(causal.Dot{Actor: origin.actor, Seq: 1})
	g, _ := antientropy.Answer(antientropy.Source{Doc: "doc", State: state, Log: &holder.log}, &message.Want{Doc: "doc", Only: want}, 1<<20)
	require.Equal(t, message.Units, g.Answer)
	require.Equal(t, first, g.Deltas[0], "the unit as it was published")
	g, _ = antientropy.Answer(antientropy.Source{Doc: "doc", State: state, Log: &delta.Log{}}, &message.Want{Doc: "doc", Only: want}, 1<<20)
	require.Equal(t, message.No, g.Answer, "without a log there is no answer to a hole")
}

func TestCoalescedRunsMayBeSplitAnywhere(t *testing.T) {
	b := newBench(t, 3, small)
	origin := b.all[0]
	b.set(origin, "x", "0")
	b.carry(nil)
	origin.Connect(b.now, false)
	for i := range 20 { // x is overwritten again and again, across what become several units
		b.set(origin, "x", fmt.Sprint(i))
		b.set(origin, fmt.Sprint(i), long(900))
	}
	origin.Connect(b.now, true)
	deltas := only[*message.Delta](t, b.take(origin))
	require.Greater(t, len(deltas), 4)
	for i := range deltas { // whichever of them are known, contexts determine the rest
		s := merged(t, deltas[i].Unit)
		again := merged(t, deltas[i].Unit, deltas[i].Unit)
		require.Equal(t, s.Digest(), again.Digest())
		require.NoError(t, s.Verify())
	}
	b.pass(time.Second, nil)
	b.requireEqual()
	require.Equal(t, "19", b.get(b.all[2], "x"))
}

func TestSealingBeforeAnyDoor(t *testing.T) {
	asker := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	doors := map[string]func(b *bench, r *Replica){
		"time": func(b *bench, r *Replica) { b.now = b.now.Add(time.Second); r.Tick(b.now) },
		"pull": func(b *bench, r *Replica) {
			m := &message.Pull{Wants: []message.Want{{Doc: "doc"}}}
			require.NoError(b.t, r.Step(b.now, "", say(asker, 1, m)))
		},
		"survey":  func(b *bench, r *Replica) { require.NoError(b.t, r.Step(b.now, "", say(asker, 1, question()))) },
		"connect": func(b *bench, r *Replica) { r.Connect(b.now, true) },
		"seal":    func(_ *bench, r *Replica) { r.Seal("doc") },
		"flush":   func(b *bench, r *Replica) { r.Flush(b.now) },
	}
	inc := func(d *crdt.Document) error { return d.Increment(kernel.Root, "n", 5) }
	for name, pass := range doors {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1)
			r := b.all[0]
			b.set(r, "other", "sent at once, so that the next write waits")
			b.take(r)
			b.write(r, inc)
			require.Equal(t, 1, r.View("doc").Pending().Len())
			pass(b, r)
			out := r.Ready()
			require.Zero(t, r.View("doc").Pending().Len())
			require.NotEmpty(t, out.Records, "durable before it leaves")
			b.write(r, inc)
			n, _ := r.View("doc").Sum(kernel.Root, "n")
			require.EqualValues(t, 10, n)
			require.Equal(t, 3, r.View("doc").State().Dots(), "the sealed dot does not grow any more")
		})
	}
}

// sameAgain makes a replica take the incarnation that another start had.
func sameAgain(incarnation uint64) func(*Config) {
	return func(c *Config) {
		c.Rand = rand.New(&fixed{incarnation, rand.NewPCG(77, 77)})
	}
}

// fixed gives one number before those of another source.
type fixed struct {
	first uint64
	rand.Source
}

func (f *fixed) Uint64() uint64 {
	if x := f.first; x != 0 {
		f.first = 0
		return x
	}
	return f.Source.Uint64()
}

// restored starts a replica anew from the first records that it had kept.
func (b *bench) restored(r *Replica, records int, change ...func(*Config)) *Replica {
	c := Config{ID: r.cfg.ID, Rand: rand.New(rand.NewPCG(99, 99)), Clock: func() time.Time { return b.now }}
	for _, f := range change {
		f(&c)
	}
	again, err := New(c, b.now)
	require.NoError(b.t, err)
	for _, rec := range b.kept[r][:records] {
		require.NoError(b.t, again.Load(rec))
	}
	return again
}

func TestIncarnationsARestoredCopyMintsNoDotAgain(t *testing.T) {
	setup := func(change ...func(*Config)) (b *bench, peer, again *Replica) {
		b = newBench(t, 2)
		b.set(b.all[0], "x", "1")
		b.quiet()
		b.set(b.all[0], "x", "2")
		b.carry(nil)
		again = b.restored(b.all[0], 1, change...)
		require.NoError(t, again.Write(b.now, "doc", func(d *crdt.Document) error {
			return d.Assign(kernel.Root, crdt.TagRegister, "y", "3", false, crdt.Options{})
		}))
		again.Connect(b.now, true)
		return b, b.all[1], again
	}
	deliver := func(b *bench, again, peer *Replica) {
		for _, m := range again.Ready().Messages {
			require.NoError(t, peer.Step(b.now, "", m.Data))
		}
	}

	// The mistake: the old incarnation, as a counter would give it.
	first, _, _ := setup()
	b, peer, again := setup(sameAgain(first.all[0].actor.Incarnation))
	deliver(b, again, peer)
	require.NotZero(t, peer.View("doc").State().Conflicts(), "one dot, two payloads")

	b, peer, again = setup()
	deliver(b, again, peer)
	require.Zero(t, peer.View("doc").State().Conflicts())
	require.Equal(t, "3", b.get(peer, "y"))
	require.NotEqual(t, again.actor, b.all[0].actor)
}

func TestIncarnationsACloneIsSeenByItsNonce(t *testing.T) {
	b := newBench(t, 2)
	r := b.all[0]
	before := r.actor
	b.write(r, func(d *crdt.Document) error { return d.Increment(kernel.Root, "n", 1) })
	b.carry(nil)
	b.write(r, func(d *crdt.Document) error { return d.Increment(kernel.Root, "n", 2) }) // waits
	twin := say(before, r.nonce+1, question())
	require.NoError(t, r.Step(b.now, "", say(before, r.nonce, question())))
	require.Equal(t, before, r.actor, "its own echo")
	require.NoError(t, r.Step(b.now, "", twin))
	require.NotEqual(t, before, r.actor)
	b.pass(time.Second, nil)
	b.requireEqual()
	n, _ := b.all[1].View("doc").Sum(kernel.Root, "n")
	require.EqualValues(t, 3, n, "what waited was minted again, once")
}

// TestSessionsAChunkClaimsNothing plays the counterexample: the kills of an
// event lie outside the range that a chunk covers.
func TestSessionsAChunkClaimsNothing(t *testing.T) {
	b := newBench(t, 2)
	x, y := b.all[0], b.all[1]
	b.set(x, "k", "1")
	b.carry(nil)
	b.quiet()
	b.set(y, "k", "2") // kills x's event
	b.take(y)
	source := y.View("doc").State()

	chunk := onlyEvent(t, source, y.actor, 1) // the mistake: one actor's range of the state, claimed by itself
	naive := merged(t, b.units(x)[0], chunk)
	requireDiverged(t, naive, source)

	whole := merged(t, b.units(x)[0], delta.AppendState(nil, source))
	require.Equal(t, source.Digest(), whole.Digest())
}

func TestSessionsADeltaDuringATransferIsNotLost(t *testing.T) {
	b := newBench(t, 1, small, noLog)
	b.set(b.all[0], "a", long(9000))
	b.quiet()
	r := b.add(small, noLog)
	writes := 0
	b.pass(time.Second, func(_, _ *Replica, m *Outgoing) bool {
		if m.Kind == message.KindChunk && writes < 3 {
			writes++
			b.now = b.now.Add(5 * time.Millisecond)
			b.set(b.all[0], fmt.Sprint("w", writes), "x")
		}
		return false
	})
	b.requireEqual()
	require.Equal(t, "x", b.get(r, "w3"))
}

func TestClientContextsKillWhatIsStillUnknown(t *testing.T) {
	b := newBench(t, 2)
	read, written := b.all[0], b.all[1]
	b.set(read, "x", "1")
	b.carry(losesAll)
	over := func(key string, dots ...causal.Dot) {
		b.write(written, func(d *crdt.Document) error {
			return d.Assign(kernel.Root, crdt.TagRegister, key, "2", false, crdt.Over(dots...))
		})
	}
	siblings := func() int { return len(written.View("doc").Siblings(kernel.Root, crdt.TagRegister, "x")) }

	over("x") // the mistake: only what is known here is killed, and that is nothing
	unit := b.units(read)[0]
	require.NoError(t, written.Step(b.now, "doc", say(read.actor, read.nonce, &message.Delta{Doc: "doc", Unit: unit})))
	require.Equal(t, 2, siblings(), "a sibling that was read is back")

	b = newBench(t, 2)
	read, written = b.all[0], b.all[1]
	b.set(read, "x", "1")
	b.carry(losesAll)
	seen := read.View("doc").Context(kernel.Root, crdt.TagRegister, "x")
	over("x", seen...)
	b.pass(time.Second, nil)
	b.requireEqual()
	require.Equal(t, 1, siblings())
}

func TestSizesAGroupAboveAMessageIsSeenWholeOrNotAtAll(t *testing.T) {
	b := newBench(t, 2, small)
	b.write(b.all[0], func(d *crdt.Document) error {
		return d.Update(func() error {
			for i := range 10 {
				if err := d.Assign(kernel.Root, crdt.TagRegister, fmt.Sprint(i), long(1500), false, crdt.Options{}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	for range 100 {
		b.pass(5*time.Millisecond, nil)
		if d := b.all[1].View("doc"); d != nil {
			require.Contains(t, []int{0, 10}, d.State().Dots())
		}
	}
	b.requireEqual()
	require.Equal(t, 10, b.all[1].View("doc").State().Dots())
}

func TestDigestsSeeTwoPayloadsUnderOneDot(t *testing.T) {
	twin := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	b := newBench(t, 2)
	for i, r := range b.all {
		d := crdt.NewDocument(twin, nil)
		require.NoError(t, d.Assign(0, crdt.TagRegister, "x", fmt.Sprint(i), false, crdt.At(1)))
		require.NoError(t, r.Step(b.now, "doc", say(twin, uint64(i), &message.Delta{Doc: "doc", Unit: d.Flush(nil)})))
	}
	x, y := b.all[0].View("doc").State(), b.all[1].View("doc").State()
	requireDiverged(t, x, y) // a fingerprint of the dots alone would be equal
	b.pass(3*time.Second, nil)
	alarms := append(b.seen[b.all[0]], b.seen[b.all[1]]...)
	require.NotEmpty(t, alarms)
	require.Equal(t, Conflict, alarms[0].Kind)
}

func TestDigestsANoIsAnsweredByAskingTheNext(t *testing.T) {
	b := newBench(t, 3)
	origin, keeper, late := b.all[0], b.all[1], b.all[2]
	for _, key := range []string{"a", "b"} {
		b.set(origin, key, "1")
		b.carry(func(_, to *Replica, _ *Outgoing) bool { return key == "a" && to == late })
		b.now = b.now.Add(5 * time.Millisecond)
	}
	origin.log = delta.Log{} // the origin has forgotten; it says no
	b.pass(300*time.Millisecond, func(_, _ *Replica, m *Outgoing) bool { return m.Kind == message.KindBeacon })
	require.Equal(t, "1", b.get(late, "a"))
	require.NotZero(t, keeper.Stats().PullsServed)
}

func TestRemovingAMapKeepsTheTombstonesBelow(t *testing.T) {
	lww := []kernel.Component{{Tag: crdt.TagMap, Name: "m"}, {Tag: crdt.TagLWWMap, Name: "prices"}}
	put := func(at hlc.Time, deleted bool) func(*crdt.Document) error {
		return func(d *crdt.Document) error {
			ref, err := d.Ensure(lww)
			if err != nil {
				return err
			}
			return d.Assign(ref, crdt.TagLWWField, "tea", "", deleted, crdt.At(at))
		}
	}
	play := func(prune func(*crdt.Document) error) (shown bool) {
		b := newBench(t, 2)
		b.write(b.all[0], put(10, false)) // an older put, not heard of yet
		b.carry(losesAll)
		b.write(b.all[1], put(20, true)) // a newer deletion
		b.write(b.all[1], prune)
		b.pass(time.Second, nil)
		b.requireEqual()
		ref, ok := b.all[1].View("doc").Container(lww)
		if ok {
			_, shown = b.all[1].View("doc").Latest(ref, crdt.TagLWWField, "tea")
		}
		return shown
	}
	require.True(t, play(func(d *crdt.Document) error { // the mistake: the tombstone goes, too
		ref, _ := d.Container(lww)
		return d.Remove(ref, crdt.TagLWWField, "tea", crdt.Options{})
	}))
	require.False(t, play(func(d *crdt.Document) error {
		ref, _ := d.Container(lww[:1])
		return d.RemoveBelow(ref)
	}))
}

func TestOrderTiesAreBrokenByReplicaThenSequence(t *testing.T) {
	b := newBench(t, 2)
	at := func(r *Replica, value string, t hlc.Time) error {
		return r.Write(b.now, "doc", func(d *crdt.Document) error {
			return d.Assign(kernel.Root, crdt.TagRegister, "x", value, false, crdt.At(t))
		})
	}
	require.NoError(t, at(b.all[1], "high id", 50))
	require.NoError(t, at(b.all[0], "low id, first", 50))
	require.NoError(t, at(b.all[0], "low id, second", 50), "equal times of one replica follow each other")
	require.Equal(t, "low id, second", b.get(b.all[0], "x"))
	require.ErrorIs(t, at(b.all[0], "older", 49), crdt.ErrSuperseded, "the caller is told")
	b.pass(time.Second, nil)
	b.requireEqual()
	require.Equal(t, "high id", b.get(b.all[0], "x"))
	b.set(b.all[0], "x", "ordinary writes are never ignored")
	require.Equal(t, "ordinary writes are never ignored", b.get(b.all[0], "x"))
}
