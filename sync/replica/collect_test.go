package replica

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// gossip is what a replica of a bench has heard of the others. Each hears all
// of them whenever it asks, except those that are silent.
type gossip struct {
	b      *bench
	self   causal.ID
	silent map[causal.ID]bool
	known  map[string]map[causal.ID]causal.Context
}

func (g *gossip) Covers(doc string, c causal.Context) bool {
	mine, digest := causal.Context{}, uint64(0)
	for _, r := range g.b.all {
		if d := r.docs[doc]; d != nil && r.cfg.ID == g.self {
			mine, digest = d.copy.State().Context(), d.copy.State().Digest()
		}
	}
	if g.known[doc] == nil {
		g.known[doc] = map[causal.ID]causal.Context{}
	}
	for _, r := range g.b.all {
		if d := r.docs[doc]; d != nil && r.cfg.ID != g.self && !g.silent[r.cfg.ID] {
			if now := d.copy.State().Context(); mine.Covers(now) {
				g.known[doc][r.cfg.ID] = now
			}
		}
		if !g.silent[r.cfg.ID] && r.heldLast(doc, digest) {
			g.known[doc][r.cfg.ID] = mine
		}
		if known := g.known[doc][r.cfg.ID]; r.cfg.ID != g.self && !known.Covers(c) {
			return false
		}
	}
	return true
}

func (g *gossip) Members(string) (ids []causal.ID) {
	for _, r := range g.b.all {
		ids = append(ids, r.cfg.ID)
	}
	sortIDs(ids)
	return ids
}

// newMembers returns a bench of replicas that know what is stable, and what they know.
func newMembers(t *testing.T, n int, change ...func(*Config)) (*bench, []*gossip) {
	b := &bench{t: t, now: time.Unix(1e9, 0), kept: map[*Replica][]Record{}, seen: map[*Replica][]Alarm{}}
	var all []*gossip
	for range n {
		b.add(func(c *Config) {
			g := &gossip{b: b, self: c.ID, silent: map[causal.ID]bool{}, known: map[string]map[causal.ID]causal.Context{}}
			all = append(all, g)
			c.Stability = g
			for _, f := range change {
				f(c)
			}
		})
	}
	b.quiet()
	return b, all
}

var inMap = []kernel.Component{{Tag: crdt.TagLWWMap, Name: "m"}}

// put writes or deletes a key of an LWW map.
func (b *bench) put(r *Replica, key, value string, o ...crdt.Options) {
	b.t.Helper()
	b.write(r, func(d *crdt.Document) error {
		in, err := d.Ensure(inMap)
		if err != nil {
			return err
		}
		return d.Assign(in, crdt.TagLWWField, key, value, value == "", crdt.Combine(o...))
	})
}

func (b *bench) dots() (dots []int) {
	for _, r := range b.all {
		n := 0
		if d := r.View("doc"); d != nil {
			require.NoError(b.t, d.State().Verify())
			n = d.State().Dots()
		}
		dots = append(dots, n)
	}
	return dots
}

func TestADeletionThatEverybodyCoversIsCollected(t *testing.T) {
	b, _ := newMembers(t, 3)
	b.put(b.all[0], "kept", "1")
	for i := range 100 {
		b.put(b.all[0], fmt.Sprint(i), "1")
	}
	b.pass(time.Second, nil)
	for i := range 100 {
		b.put(b.all[i%2], fmt.Sprint(i), "")
	}
	b.pass(50*time.Millisecond, nil)
	require.Equal(t, []int{101, 101, 101}, b.dots())
	b.pass(3*time.Second, nil)
	require.Equal(t, []int{1, 1, 1}, b.dots())
	b.requireEqual()
	require.EqualValues(t, 1, b.all[0].Stats().Upkeep.Events, "one event for all")
	require.EqualValues(t, 50, b.all[0].Stats().Upkeep.Collected)
	require.EqualValues(t, 50, b.all[1].Stats().Upkeep.Collected)
	require.Zero(t, b.all[2].Stats().Upkeep.Events)
}

func TestRemovalsAndDisabledFlagsAreCollected(t *testing.T) {
	b, _ := newMembers(t, 2)
	b.write(b.all[0], func(d *crdt.Document) error {
		in, err := d.Ensure([]kernel.Component{{Tag: crdt.TagRWSet, Name: "s"}})
		require.NoError(t, err)
		require.NoError(t, d.Assign(in, crdt.TagRWElem, "x", "", true, crdt.Options{}))
		return d.Assign(kernel.Root, crdt.TagDWFlag, "f", "", true, crdt.Options{})
	})
	b.write(b.all[1], func(d *crdt.Document) error { // concurrent, and loses
		in, err := d.Ensure([]kernel.Component{{Tag: crdt.TagRWSet, Name: "s"}})
		require.NoError(t, err)
		return d.Assign(in, crdt.TagRWElem, "x", "", false, crdt.Over())
	})
	b.set(b.all[0], "kept", "1")
	b.pass(4*time.Second, nil)
	require.Equal(t, []int{1, 1}, b.dots())
	b.requireEqual()
}

func TestASilentMemberOnlyDelaysCollection(t *testing.T) {
	b, known := newMembers(t, 3)
	b.put(b.all[0], "a", "1")
	b.put(b.all[0], "kept", "1")
	known[0].silent[b.all[2].cfg.ID] = true
	b.pass(time.Second, nil)
	b.put(b.all[0], "a", "")
	b.pass(20*time.Second, nil)
	require.Equal(t, []int{2, 2, 2}, b.dots())
	clear(known[0].silent)
	b.pass(3*time.Second, nil)
	require.Equal(t, []int{1, 1, 1}, b.dots())
}

// All cover what lives there, and one is silent from then on: it may just be
// writing over the deletion.
func TestASecondRoundWaitsForAllToo(t *testing.T) {
	b, all := newMembers(t, 3)
	b.put(b.all[0], "kept", "1")
	b.pass(time.Second, nil)
	b.put(b.all[0], "a", "")
	d := b.all[0].docs["doc"]
	for d.collection.stage != stable {
		b.pass(5*time.Millisecond, nil)
	}
	for d.collection.stage == stable {
		b.pass(5*time.Millisecond, nil)
	}
	all[0].silent[b.all[2].cfg.ID] = true
	b.set(b.all[1], "more", "1")
	b.pass(20*time.Millisecond, nil)
	require.Equal(t, known, d.collection.stage)
	d.collection.context = d.copy.State().Context() // as if it had been known before
	b.pass(10*time.Second, nil)
	require.Equal(t, []int{3, 3, 3}, b.dots())
	clear(all[0].silent)
	b.pass(3*time.Second, nil)
	require.Equal(t, []int{2, 2, 2}, b.dots())
}

// A put that loses against a deletion arrives between the two rounds.
func TestAPlaceThatChangedIsNotCollected(t *testing.T) {
	b, _ := newMembers(t, 2)
	b.put(b.all[0], "kept", "1")
	b.pass(time.Second, nil)
	b.put(b.all[0], "a", "")
	d := b.all[0].docs["doc"]
	for d.collection.stage != known {
		b.pass(5*time.Millisecond, nil)
	}
	b.put(b.all[1], "a", "late", crdt.Over(), crdt.At(hlc.At(b.now.Add(time.Hour))))
	b.pass(10*time.Second, nil)
	require.Equal(t, []int{3, 3}, b.dots())
	b.put(b.all[1], "a", "")
	b.pass(4*time.Second, nil)
	require.Equal(t, []int{1, 1}, b.dots())
	b.requireEqual()
}

func TestWhatADepartedReplicaLeftIsCollectedByTheLowestMember(t *testing.T) {
	b, _ := newMembers(t, 3)
	b.put(b.all[2], "a", "")
	b.put(b.all[2], "kept", "1")
	for range 12 {
		b.inc(b.all[2], "n", 1)
		b.pass(5*time.Millisecond, nil)
	}
	b.all = b.all[:2]
	b.pass(60*time.Second, nil)
	require.Equal(t, []int{3, 3}, b.dots(), "a value and a folded counter")
	n, _ := b.all[1].View("doc").Sum(kernel.Root, "n")
	require.EqualValues(t, 12, n)
}

func (b *bench) inc(r *Replica, key string, n int64) {
	b.t.Helper()
	b.write(r, func(d *crdt.Document) error { return d.Increment(kernel.Root, key, n) })
}

func TestCountersAreFolded(t *testing.T) {
	b, _ := newMembers(t, 3)
	for i := range 300 {
		b.inc(b.all[i%3], "n", int64(i))
		b.pass(5*time.Millisecond, nil)
	}
	b.pass(3*time.Second, nil)
	for _, n := range b.dots() {
		require.Less(t, n, 3*(2+leastFold+1), "two dots and what is not worth folding of each replica")
	}
	for _, r := range b.all {
		n, _ := r.View("doc").Sum(kernel.Root, "n")
		require.EqualValues(t, 300*299/2, n)
		require.Positive(t, r.Stats().Upkeep.Folded)
	}
	b.requireEqual()
}

// The counter is removed by somebody who has seen the announcement and not yet the
// confirmation. What is left of the fold goes, and with it the document.
func TestWhatIsLeftOfAFoldIsCollected(t *testing.T) {
	b, _ := newMembers(t, 2)
	for range leastFold + 1 {
		b.inc(b.all[0], "n", 1)
		b.pass(5*time.Millisecond, nil)
	}
	for b.all[0].Stats().Upkeep.Folded == 0 {
		b.pass(5*time.Millisecond, losesDeltas)
	}
	b.empty(b.all[1])
	b.pass(time.Second, nil)
	_, ok := b.all[0].View("doc").Sum(kernel.Root, "n")
	require.False(t, ok)
	b.pass(20*time.Second, nil)
	require.Empty(t, b.all[0].Names())
	require.Empty(t, b.all[1].Names())
}

func losesDeltas(_, _ *Replica, m *Outgoing) bool { return m.Kind == message.KindDelta }

func TestNothingIsCollectedWhereNobodyKnowsTheMembers(t *testing.T) {
	b := newBench(t, 2)
	b.put(b.all[0], "a", "1")
	b.put(b.all[0], "a", "")
	b.pass(5*time.Second, nil)
	require.Equal(t, []int{1, 1}, b.dots())
	require.Zero(t, b.all[0].View("doc").State().Noticed())
}

// empty deletes the document.
func (b *bench) empty(r *Replica) {
	b.write(r, func(d *crdt.Document) error { return d.RemoveBelow(kernel.Root) })
}

func TestADeletedDocumentLeavesNothing(t *testing.T) {
	b, _ := newMembers(t, 3)
	fresh := b.all[0].Digest()
	b.set(b.all[0], "a", "1")
	b.put(b.all[1], "k", "")
	b.pass(time.Second, nil)
	b.empty(b.all[1])
	b.pass(20*time.Second, nil)
	for _, r := range b.all {
		require.Empty(t, r.Names())
		require.Equal(t, fresh, r.Digest())
		require.Zero(t, r.Stats().LogUnits)
		require.Zero(t, r.Stats().LogBytes)
		require.EqualValues(t, 1, r.Stats().Upkeep.Forgotten)
		require.Empty(t, r.collecting)
	}
	b.pass(passBeacons*2*time.Second, nil)
	require.EqualValues(t, 1, b.all[0].Stats().Upkeep.Forgotten, "nobody brought it back")
}

func TestADocumentMadeAnewGivesNoNumberTwice(t *testing.T) {
	b, _ := newMembers(t, 2)
	r := b.all[0]
	for i := range 5 {
		b.set(r, fmt.Sprint(i), "old")
	}
	b.pass(time.Second, nil)
	stale := r.View("doc").AppendState(nil)
	b.empty(r)
	b.pass(20*time.Second, nil)
	require.Empty(t, r.Names())
	floor := r.Floor()
	require.GreaterOrEqual(t, floor, uint64(6))
	b.set(r, "new", "1")
	b.set(b.all[1], "other", "2")
	b.pass(time.Second, nil)
	require.False(t, r.docs["doc"].gapped())
	require.False(t, b.all[1].docs["doc"].gapped())
	for _, r := range b.all {
		require.Equal(t, 2, r.View("doc").State().Dots())
	}
	d := r.docs["doc"]
	require.Greater(t, d.head(), floor)
	_, err := r.accept(d, stale, false)
	require.NoError(t, err)
	require.Equal(t, 2, d.copy.State().Dots(), "the old copy neither empties the document nor fills it")
	require.False(t, slices.ContainsFunc(b.seen[r], func(a Alarm) bool { return a.Kind == Clone }))
}

// A member that has not forgotten the document goes on offering it when the
// others have stopped passing over it: then all take it again and forget it anew.
func TestADocumentThatOneMemberStillHoldsIsForgottenInTheEnd(t *testing.T) {
	b, known := newMembers(t, 3)
	b.set(b.all[0], "a", "1")
	b.pass(time.Second, nil)
	b.empty(b.all[1])
	known[2].silent[b.all[0].cfg.ID] = true
	b.pass(20*time.Second, nil)
	require.Empty(t, b.all[0].Names())
	require.Equal(t, []string{"doc"}, b.all[2].Names())
	b.pass(100*time.Second, nil)
	clear(known[2].silent)
	b.pass(60*time.Second, nil)
	for _, r := range b.all {
		require.Empty(t, r.Names())
	}
}

func TestADocumentThatIsWrittenToIsNotForgotten(t *testing.T) {
	b, _ := newMembers(t, 2)
	b.set(b.all[0], "a", "1")
	b.pass(time.Second, nil)
	b.empty(b.all[0])
	b.pass(5*time.Second, nil)
	b.set(b.all[1], "a", "2")
	b.pass(30*time.Second, nil)
	require.Equal(t, "2", b.get(b.all[0], "a"))
	require.Zero(t, b.all[0].Stats().Upkeep.Forgotten)
}
