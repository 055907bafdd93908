package crdt

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

var folders = [3]causal.Actor{{ID: causal.ID{1}}, {ID: causal.ID{2}}, {ID: causal.ID{3}}}

type foldTest struct {
	*testing.T
	docs [3]*Document
}

func newFoldTest(t *testing.T) *foldTest {
	x := &foldTest{T: t}
	for i := range x.docs {
		x.docs[i] = NewDocument(folders[i], nil)
	}
	return x
}

func (x *foldTest) inc(at int, ns ...int64) {
	for _, n := range ns {
		require.NoError(x, x.docs[at].Increment(kernel.Root, "n", n))
		x.docs[at].Flush(nil)
	}
}

func (x *foldTest) announce(at int) kernel.Dot {
	dot, err := x.docs[at].Announce(kernel.Root, "n", x.docs[at].pending.Self, 2)
	require.NoError(x, err)
	x.docs[at].Flush(nil)
	return dot
}

func (x *foldTest) settle(at int, dot kernel.Dot) bool {
	ok, err := x.docs[at].Settle(dot)
	require.NoError(x, err)
	x.docs[at].Flush(nil)
	return ok
}

func (x *foldTest) remove(at int) {
	require.NoError(x, x.docs[at].Remove(kernel.Root, TagCounter, "n", Options{}))
	x.docs[at].Flush(nil)
}

// give lets one document know all that another one does.
func (x *foldTest) give(from, to int) {
	require.NoError(x, x.docs[to].Merge(x.docs[from].AppendState(nil)))
}

func (x *foldTest) sync() {
	for range 2 {
		for from := range x.docs {
			for to := range x.docs {
				x.give(from, to)
			}
		}
	}
	for _, d := range x.docs {
		require.NoError(x, d.state.Verify())
	}
}

func (x *foldTest) holds(at int, want int64, dots int) {
	x.Helper()
	n, ok := x.docs[at].Sum(kernel.Root, "n")
	require.Equal(x, want, n)
	require.Equal(x, dots > 0, ok)
	require.Equal(x, dots, x.docs[at].state.Dots())
}

func TestAFoldedCounterTakesTwoDots(t *testing.T) {
	x := newFoldTest(t)
	x.inc(0, 1, 2, 3, 4)
	x.sync()
	dot := x.announce(0)
	require.Zero(t, x.announce(0), "one after the other")
	x.sync()
	x.holds(1, 10, 5)
	require.True(t, x.settle(0, dot))
	require.False(t, x.settle(0, dot), "it is confirmed already")
	x.sync()
	x.holds(2, 10, 2)
	x.inc(0, 5, 6)
	again := x.announce(0)
	x.sync()
	require.True(t, x.settle(0, again))
	x.sync()
	x.holds(1, 21, 2)
	require.Equal(t, x.docs[0].state.Digest(), x.docs[2].state.Digest())
}

func TestARemovalAtTheTimeOfAConfirmationTakesTheSumToo(t *testing.T) {
	x := newFoldTest(t)
	x.inc(0, 1, 2, 3)
	x.inc(1, 10)
	dot := x.announce(0)
	x.sync()
	x.remove(1)
	x.inc(2, 100)
	require.True(t, x.settle(0, dot))
	x.sync()
	n, ok := x.docs[0].Sum(kernel.Root, "n")
	require.True(t, ok)
	require.EqualValues(t, 100, n)
	x.remove(0)
	x.sync()
	x.holds(1, 0, 0)
}

func TestAConfirmationWithoutItsAnnouncementCountsNothingAndIsNoField(t *testing.T) {
	x := newFoldTest(t)
	x.inc(0, 1, 2)
	dot := x.announce(0)
	x.sync()
	x.remove(1)
	require.True(t, x.settle(0, dot))
	x.sync()
	_, ok := x.docs[1].Sum(kernel.Root, "n")
	require.False(t, ok)
	x.inc(0, 7)
	next := x.announce(0) // takes what is left of it along
	x.sync()
	require.True(t, x.settle(0, next))
	x.sync()
	x.holds(2, 7, 2)
}

func TestAnAnnouncementWithADeadPartIsTakenBack(t *testing.T) {
	x := newFoldTest(t)
	x.inc(0, 1, 2, 3)
	x.sync()
	dot := x.announce(0)
	x.remove(1) // has not seen it
	x.sync()
	require.False(t, x.settle(0, dot))
	x.sync()
	x.holds(0, 0, 0)
	x.holds(1, 0, 0)
}

func TestOfTwoFoldersOfTheSameDotsOneGoesOn(t *testing.T) {
	x := newFoldTest(t)
	x.inc(2, 1, 2, 3)
	x.sync()
	var dots [2]kernel.Dot
	for i := range dots {
		owner, _ := x.docs[i].state.Lookup(folders[2])
		dot, err := x.docs[i].Announce(kernel.Root, "n", owner, 2)
		require.NoError(t, err)
		x.docs[i].Flush(nil)
		dots[i] = dot
	}
	x.sync()
	require.False(t, x.settle(1, dots[1]))
	require.True(t, x.settle(0, dots[0]))
	x.sync()
	x.holds(2, 6, 2)
}

func TestASumBeyond64BitsIsNotFolded(t *testing.T) {
	x := newFoldTest(t)
	x.inc(0, math.MaxInt64, math.MaxInt64)
	require.Zero(t, x.announce(0))
	x.holds(0, math.MaxInt64, 2)
}

func TestAStandAloneCounterMergesFolds(t *testing.T) {
	d := NewDocument(folders[0], nil)
	for range 3 {
		require.NoError(t, d.Increment(kernel.Root, "", 5))
		d.Flush(nil)
	}
	dot, err := d.Announce(kernel.Root, "", d.pending.Self, 2)
	require.NoError(t, err)
	_, err = d.Settle(dot)
	require.NoError(t, err)
	c := NewCounter(folders[1])
	require.NoError(t, c.Merge(d.Flush(nil)))
	require.NoError(t, c.Merge(d.AppendState(nil)))
	require.EqualValues(t, 15, c.Value())
	for _, bad := range []string{"\x91", "\x91\x00", "\x93\x01", "\x94\x01\x01\x01", "\x91\x01\x01"} {
		p := kernel.Payload{Tag: TagCounter, Key: "", Value: bad}
		e := NewDocument(folders[2], nil)
		e.state.Add(e.pending.Self, 1, &p)
		e.pending.Record(1, nil)
		require.ErrorIs(t, NewCounter(folders[1]).Merge(e.Flush(nil)), ErrForeign, "%q", bad)
	}
}

// What is kept of sums is what a look at each dot finds, whatever comes and goes.
func TestSumsAreKept(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		x := newFoldTest(t)
		var open [3]kernel.Dot
		for range 250 {
			at := rng.IntN(3)
			switch rng.IntN(40) {
			case 0:
				x.remove(at)
			case 1, 2, 3:
				x.give(rng.IntN(3), at)
			case 4:
				x.sync()
			case 5:
				if open[at] == (kernel.Dot{}) {
					open[at] = x.announce(at)
				}
			case 6:
				if x.settle(at, open[at]) {
					open[at] = kernel.Dot{}
				}
			case 7:
				x.docs[at] = x.docs[at].Clone(folders[at], nil)
			default:
				x.inc(at, rng.Int64N(1000)-400)
			}
			d := x.docs[at]
			require.NoError(t, d.state.Verify())
			var fresh kernel.State
			require.NoError(t, d.AppendState(nil).Merge(&fresh))
			plain := Document{state: fresh}
			want, _ := plain.Sum(kernel.Root, "n")
			got, _ := d.Sum(kernel.Root, "n")
			require.Equal(t, want, got)
		}
	}
}
