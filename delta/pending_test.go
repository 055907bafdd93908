package delta

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// sealAll cuts everything into units of about limit bytes.
func (x *author) sealAll(limit int) (units []Delta, runs []causal.Range) {
	for x.Pending.Len() > 0 {
		d, own := x.Seal(nil, x.State, limit)
		units, runs = append(units, d), append(runs, own)
	}
	return units, runs
}

func TestPendingCountsWhatIsNotSealed(t *testing.T) {
	a := newAuthor(alice)
	require.Zero(t, a.Pending.Len())
	require.Zero(t, a.First())
	require.False(t, a.Pending.Has(0))
	a.put("x", "1")
	a.put("y", "1")
	require.Equal(t, 2, a.Pending.Len())
	require.EqualValues(t, 1, a.First())
	a.seal()
	require.Zero(t, a.Pending.Len())
	require.Zero(t, a.First())
	require.False(t, a.Pending.Has(2))
	a.put("x", "2")
	require.EqualValues(t, 3, a.First())
	require.True(t, a.Pending.Has(3))
	require.False(t, a.Pending.Has(4))
}

// A year of overwrites of one field waits as one payload, and what the first
// write killed is killed by the last.
func TestOverwritesCoalesce(t *testing.T) {
	a, b := newAuthor(alice), newAuthor(bob)
	a.put("k", "known to bob")
	require.NoError(t, a.seal().Merge(b.State))
	for i := range 10_000 {
		a.put("k", fmt.Sprint("offline ", i))
	}
	require.LessOrEqual(t, len(a.kills), 70, "kills that moved on are dropped")
	units, _ := a.sealAll(200)
	require.Len(t, units, 1)
	require.Less(t, len(units[0]), 100)
	require.NoError(t, units[0].Merge(b.State))
	require.Equal(t, map[string]bool{"k=offline 9999": true}, values(b.State))
	require.Equal(t, a.Digest(), b.Digest())
}

func values(s *kernel.State) map[string]bool {
	out := map[string]bool{}
	for _, v := range liveOf(s) {
		out[v] = true
	}
	return out
}

// Each overwrite is on the disk before the next, and still one value goes out.
func TestOverwritesThatAreKeptCoalesce(t *testing.T) {
	a, b, restored := newAuthor(alice), newAuthor(bob), newAuthor(bob)
	a.put("k", "known to bob")
	require.NoError(t, a.seal().Merge(b.State))
	for i := range 1_000 {
		a.put("k", fmt.Sprint("offline ", i))
		d, own := a.Keep(nil, a.State, 100)
		require.EqualValues(t, i+2, own.Lo)
		require.Zero(t, a.Loose())
		require.NoError(t, d.Merge(restored.State))
	}
	require.LessOrEqual(t, len(a.kills), 1, "what waits takes no more than what lives")
	units, _ := a.sealAll(200)
	require.Len(t, units, 1)
	require.Less(t, len(units[0]), 100)
	require.NoError(t, units[0].Merge(b.State))
	require.Equal(t, map[string]bool{"k=offline 999": true}, values(b.State))
	require.Equal(t, a.Digest(), b.Digest())
	require.Equal(t, values(a.State), values(restored.State))
}

func TestWhatIsKeptKeepsItsName(t *testing.T) {
	a := newAuthor(alice)
	a.put("kept", "1")
	a.Keep(nil, a.State, 0)
	a.put("kept", "2") // goes along with what it supersedes
	a.put("loose", "1")
	require.Panics(t, func() { a.Take(a.State) })
	_, own := a.SealKept(nil, a.State)
	require.Equal(t, causal.Range{Lo: 1, Hi: 2}, own)
	require.Len(t, a.Take(a.State), 1)
}

// The first unit claims the superseded event; the victim must die with the
// second, which carries its killer, and not be forgotten between them.
func TestKillsMoveToTheKillerWhenARunIsSplit(t *testing.T) {
	a, b := newAuthor(alice), newAuthor(bob)
	a.put("k", "old")
	require.NoError(t, a.seal().Merge(b.State))
	a.put("k", "never seen")
	a.put("filler", strings.Repeat("x", 300))
	a.put("k", "new")
	units, runs := a.sealAll(200)
	require.Equal(t, []causal.Range{{Lo: 2, Hi: 2}, {Lo: 3, Hi: 3}, {Lo: 4, Hi: 4}}, runs)
	require.NoError(t, units[0].Merge(b.State))
	require.True(t, values(b.State)["k=old"], "nothing has replaced it yet")
	require.NoError(t, units[2].Merge(b.State))
	require.Equal(t, map[string]bool{"k=new": true}, values(b.State))
	require.NoError(t, units[1].Merge(b.State))
	require.Equal(t, a.Digest(), b.Digest())
}

func TestGroupsAreNeverCut(t *testing.T) {
	a := newAuthor(alice)
	big := strings.Repeat("x", 300)
	a.put("before", big)
	first := a.put("in one", big)
	last := a.put("in two", big)
	a.Group(causal.Range{Lo: first, Hi: last})
	a.put("after", big)
	_, runs := a.sealAll(100)
	require.Equal(t, []causal.Range{{Lo: 1, Hi: 1}, {Lo: 2, Hi: 3}, {Lo: 4, Hi: 4}}, runs)
}

func TestGroupStaysWholeWhenAMemberIsSuperseded(t *testing.T) {
	a := newAuthor(alice)
	big := strings.Repeat("x", 300)
	a.put("from", big)
	a.put("to", big)
	a.Group(causal.Range{Lo: 1, Hi: 2})
	a.put("between", big)
	a.put("from", "newer")
	a.put("after", big)
	_, runs := a.sealAll(100)
	require.Equal(t, []causal.Range{{Lo: 1, Hi: 4}, {Lo: 5, Hi: 5}}, runs,
		"to without from would be half of the group, so all up to the newer from goes along")
}

// Groups that follow each other used to become one that was never cut.
func TestGroupsThatFollowEachOtherStayApart(t *testing.T) {
	a := newAuthor(alice)
	for i := range uint64(500) {
		a.put(fmt.Sprint("x", i), strings.Repeat("v", 40))
		a.put(fmt.Sprint("y", i), strings.Repeat("v", 40))
		a.Group(causal.Range{Lo: 2*i + 1, Hi: 2*i + 2})
	}
	units, runs := a.sealAll(1000)
	require.Greater(t, len(units), 50)
	for i, d := range units {
		require.LessOrEqual(t, len(d), 1000)
		require.Zero(t, runs[i].Hi%2, "a unit ends with a group")
	}
	require.Empty(t, a.groups)
}

// Removals have no payload, and used not to count towards the size of a unit.
func TestRemovalsCountTowardsTheSizeOfAUnit(t *testing.T) {
	a := newAuthor(alice)
	for i := range 2_000 {
		a.put(fmt.Sprint("k", i), "v")
	}
	a.seal()
	for i := 0; i < 2_000; i += 2 {
		a.remove(fmt.Sprint("k", i))
	}
	units, _ := a.sealAll(500)
	require.Greater(t, len(units), 4)
	for _, d := range units {
		require.LessOrEqual(t, len(d), 500)
	}
}

// Paths can be longer than everything else and used not to count.
func TestPathsCountTowardsTheSizeOfAUnit(t *testing.T) {
	a := newAuthor(alice)
	for i := range 200 {
		in := kernel.Root
		for range 5 {
			in = a.Ensure(in, 8, fmt.Sprint(strings.Repeat("p", 50), i))
		}
		a.clock++
		a.assign(&kernel.Payload{Parent: in, Tag: 2, Key: "k", Time: a.clock, Expiry: 1})
	}
	units, _ := a.sealAll(4000)
	for _, d := range units {
		require.LessOrEqual(t, len(d), 4000)
	}
}

func TestKillsOfManyActorsCountTowardsTheSizeOfAUnit(t *testing.T) {
	a := newAuthor(alice)
	for i := range 300 {
		other := a.Intern(causal.Actor{ID: causal.ID{7, byte(i >> 8), byte(i)}, Incarnation: 1})
		a.Add(other, 1, &kernel.Payload{Tag: 2, Key: fmt.Sprint("k", i)})
		a.remove(fmt.Sprint("k", i))
	}
	units, _ := a.sealAll(1000)
	for _, d := range units {
		require.LessOrEqual(t, len(d), 1000)
	}
}

func TestOneEventIsNeverCut(t *testing.T) {
	a := newAuthor(alice)
	a.put("k", strings.Repeat("x", 1000))
	a.put("l", strings.Repeat("x", 1000))
	units, runs := a.sealAll(1)
	require.Len(t, units, 2)
	require.Equal(t, causal.Range{Lo: 1, Hi: 1}, runs[0])
}

func TestTakeGivesTheUnsealedEventsBackForAnotherActor(t *testing.T) {
	a, b := newAuthor(alice), newAuthor(bob)
	a.put("k", "sealed")
	a.put("gone", "sealed")
	require.NoError(t, a.seal().Merge(b.State))
	a.put("k", "first")
	a.put("k", "second")
	a.put("other", "value")
	a.remove("gone")

	events := a.Take(a.State)
	require.Zero(t, a.Pending.Len())
	require.Nil(t, a.Take(a.State))
	require.EqualValues(t, 3, a.Next(a.Self))

	a.Self = a.Intern(causal.Actor{ID: alice.ID, Incarnation: 77})
	for _, e := range events {
		seq := a.Next(a.Self)
		if e.Adds {
			a.Add(a.Self, seq, &e.Payload)
		} else {
			a.Event(a.Self, seq)
		}
		a.Record(seq, e.Killed)
	}
	require.NoError(t, a.Verify())
	require.NoError(t, a.seal().Merge(b.State))
	require.Equal(t, map[string]bool{"k=second": true, "other=value": true}, values(b.State))
	require.Equal(t, a.Digest(), b.Digest())
}
