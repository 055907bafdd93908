package crdt_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/lwwmap"
	"github.com/joinery-crdt/joinery/orset"
)

// The tests here are named after bugs of other systems. Each says what went
// wrong there, shows it on a naive model of the mistake, and then plays the
// same history here.

var (
	ann = causal.Actor{ID: causal.ID{11}, Incarnation: 1}
	ben = causal.Actor{ID: causal.ID{12}, Incarnation: 1}
	cid = causal.Actor{ID: causal.ID{13}, Incarnation: 1}
	dan = causal.Actor{ID: causal.ID{14}, Incarnation: 1}
)

// made unwraps the delta of a write.
func made(t *testing.T) func(delta.Delta, error) delta.Delta {
	return func(d delta.Delta, err error) delta.Delta {
		t.Helper()
		require.NoError(t, err)
		return d
	}
}

type encoder interface{ MarshalBinary() ([]byte, error) }

// whole returns a value's state as a delta.
func whole(t *testing.T, v encoder) delta.Delta {
	t.Helper()
	b, err := v.MarshalBinary()
	require.NoError(t, err)
	return b
}

// allOf merges deltas into v in order.
func allOf[V interface{ Merge(delta.Delta) error }](t *testing.T, v V, deltas ...delta.Delta) V {
	t.Helper()
	for _, d := range deltas {
		require.NoError(t, v.Merge(d))
	}
	return v
}

// foldedSet is the naive observed-remove set: the context is one number a
// replica, so a gap below it cannot be told from a removal.
type foldedSet struct {
	seen map[rune]int
	live map[string]foldedDot
}

type foldedDot struct {
	by rune
	n  int
}

func newFolded() *foldedSet { return &foldedSet{map[rune]int{}, map[string]foldedDot{}} }

func (s *foldedSet) add(by rune, e string) {
	s.seen[by]++
	s.live[e] = foldedDot{by, s.seen[by]}
}

// diff returns a part of the elements, with the whole context.
func (s *foldedSet) diff(elements ...string) *foldedSet {
	d := &foldedSet{maps.Clone(s.seen), map[string]foldedDot{}}
	for _, e := range elements {
		d.live[e] = s.live[e]
	}
	return d
}

func (s *foldedSet) merge(o *foldedSet) {
	for e, d := range s.live {
		if _, there := o.live[e]; !there && d.n <= o.seen[d.by] {
			delete(s.live, e)
		}
	}
	for e, d := range o.live {
		if d.n > s.seen[d.by] {
			s.live[e] = d
		}
	}
	for by, n := range o.seen {
		s.seen[by] = max(s.seen[by], n)
	}
}

// delta_crdt_ex#65: a partial diff carried the sender's whole context, and its
// receiver took what was left out for removed; 80% of the keys were lost.
func TestDeltaCRDTEx65PartialDiffWithWholeContext(t *testing.T) {
	naive, naivePeer := newFolded(), newFolded()
	s, peer := orset.New[int](ann), orset.New[int](ben)
	var last delta.Delta
	for i := range 50 {
		naive.add('a', fmt.Sprint(i))
		last = made(t)(s.Add(i))
		allOf(t, peer, last)
	}
	naivePeer.merge(naive)
	naivePeer.merge(naive.diff("49"))
	require.Len(t, naivePeer.live, 1)

	late := allOf(t, orset.New[int](cid), last)
	allOf(t, peer, last, whole(t, late), whole(t, s))
	require.Equal(t, 50, peer.Len())
	allOf(t, late, whole(t, peer))
	require.True(t, late.Equal(s))
}

// delta_crdt_ex#45: while a replica added 100,000 keys, answers of a neighbour
// that had seen some of them took away the others, at their origin.
func TestDeltaCRDTEx45AdditionsLostWhileANeighbourAnswers(t *testing.T) {
	naive, echo := newFolded(), newFolded()
	s, neighbour := orset.New[int](ann), orset.New[int](ben)
	for i := range 300 {
		naive.add('a', fmt.Sprint(i))
		d := made(t)(s.Add(i))
		if i%7 == 0 { // the neighbour gets some, and answers with all that it has
			echo.merge(naive.diff(fmt.Sprint(i)))
			naive.merge(echo)
			allOf(t, neighbour, d)
			allOf(t, s, whole(t, neighbour))
		}
	}
	require.Less(t, len(naive.live), 60)
	require.Equal(t, 300, s.Len())
	allOf(t, neighbour, whole(t, s))
	require.Equal(t, 300, neighbour.Len())
}

// Akka Distributed Data, before deltas were delivered causally (akka#22188): a
// delta was lost, the next one moved the version vector past it, and then the
// receiver's full state removed the element at everybody else.
func TestAkkaLostDeltaThenLostElement(t *testing.T) {
	naive, behind := newFolded(), newFolded()
	naive.add('a', "x")
	naive.add('a', "y")
	behind.merge(naive.diff("y"))
	naive.merge(behind)
	require.NotContains(t, naive.live, "x")

	s, late := orset.New[string](ann), orset.New[string](ben)
	lost := made(t)(s.Add("x"))
	allOf(t, late, made(t)(s.Add("y")))
	allOf(t, s, whole(t, late))
	require.True(t, s.Contains("x"))
	require.False(t, late.Contains("x"), "nobody made it up")
	allOf(t, late, lost)
	require.True(t, late.Equal(s))
}

// phoenix_pubsub#74: two trackers that met when both held much exchanged a
// recent generation of deltas only, but took over each other's clocks; the
// older entries never arrived.
func TestPhoenixPubSub74FirstMeetingOfTwoFullNodes(t *testing.T) {
	naive, other := newFolded(), newFolded()
	a, b := orset.New[int](ann), orset.New[int](ben)
	var generation []delta.Delta
	for i := range 51 {
		naive.add('a', fmt.Sprint("a", i))
		generation = append(generation, made(t)(a.Add(i)))
		must(t)(b.Add(100 + i))
	}
	other.merge(naive.diff("a50"))
	require.Equal(t, 51, other.seen['a'], "it believes to have all")
	require.Len(t, other.live, 1)

	recent, err := delta.Join(generation[40:]...)
	require.NoError(t, err)
	allOf(t, b, recent)
	require.Equal(t, 51+11, b.Len())
	seen := b.Document().State().Context()
	require.EqualValues(t, 11, seen.Of(ann).Count(), "and knows what it lacks")
	allOf(t, b, whole(t, a))
	allOf(t, a, whole(t, b))
	require.Equal(t, 102, a.Len())
	require.True(t, a.Equal(b))
}

// phoenix_pubsub#111: two deltas whose ranges did not touch were merged into
// one from the first's start to the second's end, with what lay between.
func TestPhoenixPubSub111DeltasWithAGapBetweenAreJoined(t *testing.T) {
	s := orset.New[string](ann)
	var d []delta.Delta
	for _, e := range []string{"one", "two", "three"} {
		d = append(d, made(t)(s.Add(e)))
	}
	joined, err := delta.Join(d[0], d[2])
	require.NoError(t, err)
	f, err := joined.Open()
	require.NoError(t, err)
	claims := f.Claims()
	require.Equal(t, "1,3", claims.Of(ann).String(), "a first and a last number would be 1-3")
	v := allOf(t, orset.New[string](ben), joined, d[1])
	require.True(t, v.Contains("two"))
	require.True(t, v.Equal(s))
}

// akka.net#8219: a marker that a departed node's entries had been rewritten
// travelled ahead of them; who got the marker alone then made others drop them
// for a while. Nothing here that a replica knows may outrun the data: a replica
// with gaps takes nothing from one that is complete, not for a moment.
func TestAkkaNet8219MarkerTravelsAheadOfItsData(t *testing.T) {
	naive, behind := newFolded(), newFolded()
	m, partial := lwwmap.New[int, int](ann), lwwmap.New[int, int](ben)
	var last delta.Delta
	for i := range 292 {
		naive.add('a', fmt.Sprint(i))
		last = made(t)(m.Put(i, i))
	}
	behind.seen['a'] = 271 // the marker
	behind.merge(naive.diff("291"))
	naive.merge(behind)
	require.Less(t, len(naive.live), 292)

	allOf(t, partial, last)
	for range 3 {
		allOf(t, m, whole(t, partial))
		require.Equal(t, 292, m.Len())
		must(t)(partial.Put(0, -1)) // and goes on writing
	}
	allOf(t, m, whole(t, partial))
	allOf(t, partial, whole(t, m))
	require.True(t, partial.Equal(m))
}
