package history_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
)

const second = time.Second

var limits = history.Limits{Recovery: 3 * second, Spread: second}

// world starts nodes at time 0 and lets things happen.
func world(nodes int, changes ...history.Change) *history.Timeline {
	var all []history.Change
	for n := range nodes {
		all = append(all, history.Change{Kind: history.Started, Node: n})
	}
	return history.NewTimeline(nodes, append(all, changes...), limits)
}

func at(t time.Duration, kind history.ChangeKind, node int, peer ...int) history.Change {
	c := history.Change{At: t, Kind: kind, Node: node}
	if len(peer) > 0 {
		c.Peer = peer[0]
	}
	return c
}

func TestWhatAnUndisturbedNodeHeldHasSpreadAfterAMoment(t *testing.T) {
	w := world(3, at(20*second, history.Killed, 0))
	require.True(t, w.Spread(0, 0, 19*second))
	require.False(t, w.Spread(0, 0, 19*second+1))
	require.True(t, w.Spread(1, 0, 20*second), "it lives")
	require.True(t, w.Died(0, 0))
	require.False(t, w.Died(1, 0))
}

func TestNothingSpreadsBeforeTheServersHadTimeToConnect(t *testing.T) {
	require.False(t, world(3, at(3*second, history.Killed, 0)).Spread(0, 0, 0))
	require.True(t, world(3, at(4*second, history.Killed, 0)).Spread(0, 0, 0))
}

func TestWhatANodeHeldWhilePartedHasNotSpread(t *testing.T) {
	parted := []history.Change{
		at(10*second, history.LinkDown, 0, 1), at(10*second, history.LinkDown, 2, 0),
		at(20*second, history.LinkUp, 0, 1), at(20*second, history.LinkUp, 0, 2),
	}
	w := world(3, append(parted, at(23*second, history.Killed, 0))...)
	require.True(t, w.Spread(0, 0, 9*second))
	require.False(t, w.Spread(0, 0, 9*second+1))
	w = world(3, append(parted, at(24*second, history.Killed, 0))...)
	require.True(t, w.Spread(0, 0, 15*second), "it had time to recover and to send it")
	require.False(t, w.Spread(0, 0, 23*second+1))
}

func TestOneOfThreeIsEnoughToSpreadToAndAMinorityIsNot(t *testing.T) {
	w := world(3, at(10*second, history.LinkDown, 0, 1), at(20*second, history.Killed, 0))
	require.True(t, w.Spread(0, 0, 15*second))
	w = world(5, at(10*second, history.LinkDown, 0, 1), at(10*second, history.LinkDown, 0, 2),
		at(10*second, history.LinkDown, 0, 3), at(20*second, history.Killed, 0))
	require.False(t, w.Spread(0, 0, 15*second))
}

func TestPausedNodesAreNobodyToSpreadTo(t *testing.T) {
	w := world(3, at(10*second, history.Paused, 1), at(10*second, history.Paused, 2), at(20*second, history.Killed, 0))
	require.False(t, w.Spread(0, 0, 15*second))
}

func TestIncarnationsHaveTheirOwnDeaths(t *testing.T) {
	w := world(3, at(10*second, history.Killed, 0), at(11*second, history.Started, 0), at(30*second, history.Killed, 0))
	require.False(t, w.Spread(0, 0, 9500*time.Millisecond))
	require.True(t, w.Spread(0, 1, 12*second))
	require.False(t, w.Spread(0, 1, 29500*time.Millisecond))
}

func TestRestartedProcessesAreNewForAWhile(t *testing.T) {
	w := world(3, at(10*second, history.Killed, 0), at(11*second, history.Started, 0))
	require.False(t, w.Restarted(0, 0, second), "the first is not")
	require.True(t, w.Restarted(0, 1, 13*second))
	require.False(t, w.Restarted(0, 1, 14*second))
}

func TestAwayIsDownOrPausedAtAnyMoment(t *testing.T) {
	w := world(3, at(10*second, history.Paused, 0), at(11*second, history.Resumed, 0),
		at(20*second, history.Killed, 0), at(21*second, history.Started, 0))
	for _, c := range []struct {
		from, to time.Duration
		away     bool
	}{{1, 9, false}, {9, 10, true}, {9, 12, true}, {11, 19, false}, {19, 30, true}, {20, 20, true}, {21, 99, false}} {
		require.Equal(t, c.away, w.Away(0, c.from*second, c.to*second), c)
		require.False(t, w.Away(1, c.from*second, c.to*second))
	}
}

func TestPartedIsAllTheWhile(t *testing.T) {
	w := world(3, at(10*second, history.LinkDown, 0, 1), at(20*second, history.LinkUp, 0, 1))
	require.True(t, w.Parted(0, 12*second, 13*second))
	require.True(t, w.Parted(1, 12*second, 13*second))
	require.False(t, w.Parted(2, 12*second, 13*second))
	require.False(t, w.Parted(0, 9*second, 13*second))
	require.False(t, w.Parted(0, 19*second, 20*second))
}

func TestElementsRememberRepeatedAndStrangeOnes(t *testing.T) {
	e := history.ElementsOf(3, 200, 3, -1, history.MaxElement)
	require.True(t, e.Has(3) && e.Has(200))
	require.False(t, e.Has(4) || e.Has(-1) || e.Has(history.MaxElement))
	require.Equal(t, []int64{3}, e.Repeated)
	require.Equal(t, []int64{-1, history.MaxElement}, e.Strange)
	less := history.ElementsOf(3)
	require.Equal(t, []int64{200}, e.Missing(&less))
	require.Empty(t, less.Missing(&e))
	less.Join(&e)
	require.Empty(t, e.Missing(&less))
}

func TestRecorderKeepsWhatDidNotEndAsIndeterminate(t *testing.T) {
	r := history.NewRecorder()
	first := r.Invoke(history.Op{Func: history.Add, Value: 1})
	r.Invoke(history.Op{Func: history.Add, Value: 2})
	r.Complete(first, func(op *history.Op) { op.Outcome = history.OK })
	ops := r.Ops()
	require.Equal(t, history.OK, ops[0].Outcome)
	require.GreaterOrEqual(t, ops[0].Completed, ops[0].Invoked)
	require.Equal(t, history.Info, ops[1].Outcome)
}
