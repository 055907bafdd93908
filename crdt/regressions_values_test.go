package crdt_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/orset"
)

// storedWinner is the naive last-writer-wins map cell over a graph of puts and
// deletes: it stores the best value so far and forgets the others.
type storedWinner struct {
	best string
	rank int
	dead map[string]bool
	all  map[string]bool
}

func (c *storedWinner) put(value string, rank int) {
	if c.dead[value] {
		return
	}
	if c.all[value] = true; rank > c.rank {
		c.best, c.rank = value, rank
	}
}

func (c *storedWinner) read() string {
	for value := range c.all {
		if !c.dead[value] {
			return c.best
		}
	}
	return ""
}

// go-ds-crdt#238: put, put, delete at one replica beside a put at another; both
// had the same graph in the end, and the one read its deleted second put.
func TestGoDSCRDT238EqualGraphsDifferentValues(t *testing.T) {
	gone := map[string]bool{"r0-1": true, "r0-2": true}
	first := &storedWinner{dead: map[string]bool{}, all: map[string]bool{}}
	first.put("r0-1", 1)
	first.put("r0-2", 2)
	first.dead = gone
	first.put("r1-1", 1)
	second := &storedWinner{dead: gone, all: map[string]bool{}}
	second.put("r1-1", 1)
	second.put("r0-2", 2)
	second.put("r0-1", 1)
	require.NotEqual(t, first.read(), second.read())

	ahead := &hlc.Clock{Source: func() time.Time { return time.Now().Add(time.Second) }} // who merely keeps the newest loses r1-1
	a, b := orset.NewMapWith(ann, orset.MapConfig[string, string]{Clock: ahead}), orset.NewMap[string, string](ben)
	history := []delta.Delta{
		made(t)(a.Put("k1", "r0-1")), made(t)(a.Put("k1", "r0-2")), made(t)(a.Remove("k1")), made(t)(b.Put("k1", "r1-1")),
	}
	for order := range permutations(len(history)) {
		v := orset.NewMap[string, string](cid)
		for _, i := range order {
			allOf(t, v, history[i])
		}
		got, _ := v.Get("k1")
		require.Equal(t, "r1-1", got, "order %v", order)
	}
}

// permutations yields all orders of 0 to n-1.
func permutations(n int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		var walk func(rest, done []int) bool
		walk = func(rest, done []int) bool {
			if len(rest) == 0 {
				return yield(done)
			}
			for i, x := range rest {
				without := slices.Delete(slices.Clone(rest), i, i+1)
				if !walk(without, append(slices.Clone(done), x)) {
					return false
				}
			}
			return true
		}
		var all []int
		for i := range n {
			all = append(all, i)
		}
		walk(all, nil)
	}
}

// riak_dt#78: a removal did not advance the clock, and merging two states took
// the one whose clock was at least the other's, with the removed element.
func TestRiakDT78DominatingClockBringsTheRemovedBack(t *testing.T) {
	a, c := newFolded(), newFolded()
	a.add('a', "foo")
	a.add('a', "bar")
	c.merge(a)
	c.add('b', "baz")
	delete(a.live, "bar")
	if c.seen['a'] >= a.seen['a'] && c.seen['b'] >= a.seen['b'] { // the mistake, meant to save work
		a = c
	}
	require.Contains(t, a.live, "bar")

	x, y := orset.New[string](ann), orset.New[string](ben)
	must(t)(x.Add("foo"))
	must(t)(x.Add("bar"))
	must(t)(y.Add("baz"))
	both := allOf(t, orset.New[string](cid), whole(t, x), whole(t, y))
	must(t)(x.Remove("bar"))
	allOf(t, x, whole(t, both))
	require.Equal(t, []string{"baz", "foo"}, slices.Collect(x.Sorted()))
	allOf(t, both, whole(t, x))
	require.True(t, both.Equal(x))
}

// riak_dt#99: a removal by a client's context, of what this replica had not
// seen, was kept with the field; removing the field dropped it, and the element
// came back with the next merge.
func TestRiakDT99DeferredRemovalIsDroppedWithItsField(t *testing.T) {
	deferred := map[string][]string{"set": {"b"}} // the naive place for it
	delete(deferred, "set")
	require.Empty(t, deferred["set"], "nothing will take b out when it arrives")

	home, other := orset.NewTree(ann), orset.NewTree(ben)
	must(t)(home.Field("set").Add("a"))
	must(t)(other.Field("set").Add("b"))
	in, ok := other.Document().Container([]kernel.Component{{Tag: crdt.TagSet, Name: "set"}})
	require.True(t, ok)
	read := other.Document().Context(in, crdt.TagElem, "b")

	in, ok = home.Document().Container([]kernel.Component{{Tag: crdt.TagSet, Name: "set"}})
	require.True(t, ok)
	require.NoError(t, home.Document().Remove(in, crdt.TagElem, "b", crdt.Over(read...)))
	home.Flush(nil)
	must(t)(home.Field("set").Remove())
	relay := allOf(t, orset.NewTree(cid), whole(t, home))
	for _, v := range []*orset.Tree{home, relay} {
		allOf(t, v, whole(t, other))
		require.False(t, v.Field("set").Contains("b"))
	}
	require.True(t, home.Equal(relay))
}

// riak_kv#679, the doomstone: a key was deleted, its tombstone reaped and the
// key written anew from the first number on; then an old tombstone came back
// and covered the new key.
func TestRiakKV679OldTombstoneCoversTheNewKey(t *testing.T) {
	naive, tombstone := newFolded(), newFolded()
	tombstone.seen['a'] = 2 // of put and delete; reaped here meanwhile, and not elsewhere
	naive.add('a', "new")
	naive.merge(tombstone)
	require.Empty(t, naive.live)

	m := orset.NewMap[string, string](ann)
	put := made(t)(m.Put("key", "old"))
	removal := made(t)(m.Remove("key"))
	old := whole(t, m)
	must(t)(m.Put("key", "new"))
	peer := allOf(t, orset.NewMap[string, string](ben), whole(t, m))
	for _, v := range []*orset.Map[string, string]{m, peer} {
		allOf(t, v, old, removal, put, old)
		got, _ := v.Get("key")
		require.Equal(t, "new", got)
	}
}

// cr-sqlite#413: two nodes wrote the same, each took the other's write for one
// that changes nothing and passed it on as empty; a third node that got each
// write from the other node's hands knew both and held neither.
func TestCRSQLite413EqualWriteIsPassedOnAsNothing(t *testing.T) {
	passedOn := func(own, theirs string) (changes []string) {
		if own != theirs {
			changes = append(changes, theirs)
		}
		return changes
	}
	require.Empty(t, append(passedOn("2", "2"), passedOn("2", "2")...))

	a, b := crdt.NewRegister[string](ann), crdt.NewRegister[string](ben)
	fromA, fromB := made(t)(a.Set("2", crdt.At(5))), made(t)(b.Set("2", crdt.At(5)))
	allOf(t, a, fromB)
	allOf(t, b, fromA)
	require.True(t, a.Equal(b))
	onlyOf := func(v *crdt.Register[string], who causal.Actor) delta.Delta {
		others := v.Document().State().Context()
		others.Set(who, nil)
		return delta.AppendFor(nil, v.Document().State(), others)
	}
	third := crdt.NewRegister[string](cid)
	for _, d := range []delta.Delta{onlyOf(a, ben), onlyOf(b, ann)} {
		if third.Merge(d) != nil { // made for a receiver that has the rest: said aloud, and not taken for known
			require.False(t, third.Equal(a))
		}
	}
	allOf(t, third, whole(t, a))
	got, ok := third.Get()
	require.True(t, ok)
	require.Equal(t, "2", got)
	require.True(t, third.Equal(b))
}

// evolu#709, cachapa/crdt#6: a timestamp from a clock that ran ahead was either
// refused, which left a gap for good, or taken over, so that it won against all
// later writes and spread from clock to clock.
func TestEvolu709Cachapa6FutureClockPinsARegister(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	year := 365 * 24 * time.Hour
	require.Less(t, hlc.At(now), hlc.At(now.Add(year)), "by timestamps alone ben's correction loses for a year")

	at := func(d time.Duration) *hlc.Clock {
		return &hlc.Clock{Source: func() time.Time { return now.Add(d) }}
	}
	a := crdt.NewRegisterWith(ann, crdt.Config[string]{Clock: at(year)})
	clock := at(0)
	b := crdt.NewRegisterWith(ben, crdt.Config[string]{Clock: clock})
	poison := made(t)(a.Set("from the future"))
	allOf(t, b, poison)
	correction := made(t)(b.Set("corrected"))
	require.Less(t, clock.Last(), hlc.At(now.Add(hlc.DefaultMaxDrift)), "the clock did not follow")
	for _, v := range []*crdt.Register[string]{a, allOf(t, crdt.NewRegister[string](cid), correction, poison)} {
		allOf(t, v, correction)
		got, _ := v.Get()
		require.Equal(t, "corrected", got)
		require.Len(t, v.Siblings(), 1)
	}
}

// A store that keeps only the winner of concurrent writes: one who had seen
// only the winner removed it, and then the loser shows where it was kept and
// nothing where it was dropped.
func TestDroppedLoserThenRemovedWinner(t *testing.T) {
	type cell map[string]int // value to timestamp
	keepBest := func(c cell, value string, at int) {
		for v, t := range c {
			if t > at {
				return
			}
			delete(c, v)
		}
		c[value] = at
	}
	x, y := cell{}, cell{}
	keepBest(x, "winner", 2)
	keepBest(x, "loser", 1)
	delete(x, "winner")
	keepBest(y, "winner", 2)
	delete(y, "winner")
	keepBest(y, "loser", 1)
	require.NotEqual(t, x, y)

	a, b, d := crdt.NewRegister[string](ann), crdt.NewRegister[string](ben), crdt.NewRegister[string](dan)
	winner, loser := made(t)(a.Set("winner", crdt.At(2))), made(t)(b.Set("loser", crdt.At(1)))
	allOf(t, d, winner)
	removal := made(t)(d.Clear())
	allOf(t, d, loser)
	c := allOf(t, crdt.NewRegister[string](cid), winner, loser)
	got, _ := c.Get()
	require.Equal(t, "winner", got)
	allOf(t, c, removal)
	require.True(t, c.Equal(d))
	got, ok := c.Get()
	require.True(t, ok)
	require.Equal(t, "loser", got)
}

// A merge that put a killed dot into the context although its own event was
// missing: nobody asked for that event any more, and what it had killed lived
// on there.
func TestKilledDotInTheContextWithoutItsEvent(t *testing.T) {
	known, live := map[string]bool{"b1": true}, map[string]bool{"b1": true}
	arrive := func(event string, kills ...string) {
		if known[event] {
			return
		}
		known[event], live[event] = true, true
		for _, k := range kills {
			known[k] = true // the mistake
			delete(live, k)
		}
	}
	arrive("c1", "a1")
	arrive("a1", "b1")
	require.True(t, live["b1"], "a1 was ignored, and with it the death of b1")

	b := crdt.NewRegister[string](ben)
	b1 := made(t)(b.Set("b1"))
	a := allOf(t, crdt.NewRegister[string](ann), b1)
	a1 := made(t)(a.Set("a1"))
	c := allOf(t, crdt.NewRegister[string](cid), b1, a1)
	c1 := made(t)(c.Set("c1"))

	d := allOf(t, crdt.NewRegister[string](dan), b1, c1)
	require.Len(t, d.Siblings(), 2)
	seen := d.Document().State().Context()
	require.Empty(t, seen.Of(ann), "known to be dead, and still asked for")
	allOf(t, d, a1)
	require.Len(t, d.Siblings(), 1)
	require.True(t, d.Equal(c))
}
