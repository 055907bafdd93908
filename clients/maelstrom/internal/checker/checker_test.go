package checker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/checker"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
)

const ms = time.Millisecond

// story is a history made by hand: each operation takes a millisecond and
// begins one after the one before.
type story struct {
	ops     []history.Op
	changes []history.Change
	now     time.Duration
}

func begin(nodes int) *story {
	s := &story{now: 100 * ms}
	for n := range nodes {
		s.changes = append(s.changes, history.Change{Kind: history.Started, Node: n})
	}
	return s
}

func (s *story) op(op history.Op) *story {
	s.now += 2 * ms
	op.Invoked, op.Completed = s.now-ms, s.now
	if op.Outcome == "" {
		op.Outcome = history.OK
	}
	s.ops = append(s.ops, op)
	return s
}

func (s *story) add(node int, v int64, outcome ...history.Outcome) *story {
	return s.op(history.Op{Node: node, Func: history.Add, Value: v, Outcome: append(outcome, history.OK)[0]})
}

func (s *story) read(node int, seen ...int64) *story {
	return s.op(history.Op{Node: node, Func: history.Read, Seen: history.ElementsOf(seen...)})
}

func (s *story) sum(node int, sum int64) *story {
	return s.op(history.Op{Node: node, Func: history.Read, Sum: sum})
}

// final makes the last operation a final read.
func (s *story) final() *story {
	s.ops[len(s.ops)-1].Final = true
	return s
}

// reborn makes the last operation one of the node's second process.
func (s *story) reborn() *story {
	s.ops[len(s.ops)-1].Incarnation = 1
	return s
}

func (s *story) change(kind history.ChangeKind, node, peer int) *story {
	s.now += ms
	s.changes = append(s.changes, history.Change{At: s.now, Kind: kind, Node: node, Peer: peer})
	return s
}

func (s *story) wait(d time.Duration) *story {
	s.now += d
	return s
}

func (s *story) timeline() *history.Timeline {
	return history.NewTimeline(3, s.changes, history.Limits{Recovery: 30 * ms, Spread: 10 * ms})
}

func (s *story) set() checker.SetResult         { return checker.SetFull(s.ops, s.timeline()) }
func (s *story) counter() checker.CounterResult { return checker.Counter(s.ops, s.timeline()) }

func TestElementsThatAllReadsSeeAreStableAtOnce(t *testing.T) {
	r := begin(3).add(0, 1).add(1, 2).read(2, 1, 2).read(0, 1, 2).final().set()
	require.True(t, r.Valid)
	require.Equal(t, 2, r.Stable)
	require.Equal(t, 2, r.Acknowledged)
	require.Zero(t, r.Stale)
	require.Zero(t, r.Stability.Max)
}

func TestElementsThatComeLateAreStaleAndTheirLatencyIsMeasured(t *testing.T) {
	r := begin(3).add(0, 1).wait(50*ms).read(1).wait(20*ms).read(1, 1).final().set()
	require.True(t, r.Valid)
	require.Equal(t, 1, r.Stale)
	require.Equal(t, 51*ms, r.Stability.Max, "from the acknowledgement to the begin of the last read without it")
}

func TestLatencyIsAlsoGivenWithoutReadsOfNewProcesses(t *testing.T) {
	s := begin(3).add(0, 1).read(1, 1).wait(50*ms).change(history.Killed, 1, 0).change(history.Started, 1, 0)
	r := s.read(1).reborn().wait(50*ms).read(1, 1).reborn().final().set()
	require.True(t, r.Valid)
	require.Greater(t, r.Stability.Max, 50*ms)
	require.Zero(t, r.Steady.Max)
	r = s.wait(50*ms).read(1).reborn().read(1, 1).reborn().final().set()
	require.Greater(t, r.Steady.Max, 100*ms, "too long after its start")
}

func TestElementsMissingAtTheEndAreLost(t *testing.T) {
	r := begin(3).add(0, 1).add(0, 2).read(1, 1, 2).read(1, 2).final().set()
	require.False(t, r.Valid)
	require.Equal(t, []int64{1}, r.Lost)
}

func TestElementsNeverReadAfterTheirAcknowledgementAreLost(t *testing.T) {
	r := begin(3).add(0, 1).add(0, 2).read(1, 2).final().set()
	require.False(t, r.Valid)
	require.Equal(t, []int64{1}, r.Lost)
}

func TestOneNodeThatMissesAnElementAtTheEndHasLostIt(t *testing.T) {
	r := begin(3).add(0, 1).add(0, 2).read(0, 2).final().read(1, 1, 2).final().read(2, 1, 2).final().set()
	require.False(t, r.Valid)
	require.Equal(t, []int64{1}, r.Lost)
}

func TestIndeterminateAddsMayBeThereOrNot(t *testing.T) {
	s := begin(3).add(0, 1).add(0, 2, history.Info).add(0, 3, history.Info)
	r := s.read(1, 1, 3).final().set()
	require.True(t, r.Valid)
	require.Equal(t, 1, r.NeverRead)
	require.Equal(t, 2, r.Indeterminate)
	require.Zero(t, r.Gone)
}

func TestIndeterminateAddsThatWereSeenMustStay(t *testing.T) {
	r := begin(3).add(0, 1).add(0, 2, history.Info).read(1, 1, 2).read(1, 1).final().set()
	require.False(t, r.Valid)
	require.Equal(t, []int64{2}, r.Lost)
}

func TestElementsThatNobodyAddedAreUnexpected(t *testing.T) {
	for name, s := range map[string]*story{
		"never":      begin(3).add(0, 1).read(0, 1, 7).final(),
		"refused":    begin(3).add(0, 1).add(0, 7, history.Fail).read(0, 1, 7).final(),
		"later":      begin(3).add(0, 1).read(0, 1, 7).add(0, 7).read(0, 1, 7).final(),
		"impossible": begin(3).add(0, 1).read(0, 1, -7).final(),
	} {
		r := s.set()
		require.False(t, r.Valid, name)
		require.Len(t, r.Unexpected, 1, name)
	}
}

func TestElementsTwiceInOneReadAreDuplicated(t *testing.T) {
	r := begin(3).add(0, 1).read(0, 1, 1).final().set()
	require.False(t, r.Valid)
	require.Equal(t, []int64{1}, r.Duplicated)
}

func TestAHistoryWithoutStableElementsProvesNothing(t *testing.T) {
	require.False(t, begin(3).set().Valid)
	require.False(t, begin(3).add(0, 1).set().Valid)
	require.False(t, begin(3).add(0, 1, history.Fail).read(0).final().set().Valid)
}

func TestWhatAKilledProcessHadNoTimeToSpreadMayBeGone(t *testing.T) {
	s := begin(3).add(1, 1).add(0, 2).read(0, 1, 2).change(history.Killed, 0, 0)
	r := s.read(1, 1).final().set()
	require.True(t, r.Valid, "nobody but the killed process has seen it")
	require.Equal(t, 1, r.Gone)
}

func TestWhatAKilledProcessHadTimeToSpreadMustNotBeGone(t *testing.T) {
	s := begin(3).add(1, 1).add(0, 2).wait(20*ms).change(history.Killed, 0, 0)
	r := s.read(1, 1).final().set()
	require.False(t, r.Valid)
	require.Equal(t, []int64{2}, r.Lost)
}

func TestWhatAnotherProcessSawOfAKilledOneMustNotBeGone(t *testing.T) {
	s := begin(3).add(1, 1).add(0, 2).read(1, 1, 2).change(history.Killed, 0, 0)
	r := s.read(1, 1).final().set()
	require.False(t, r.Valid)
	require.Equal(t, []int64{2}, r.Lost)
}

func TestFinalReadsOfCountersMustBeTheSum(t *testing.T) {
	require.True(t, begin(3).add(0, 3).add(1, 4).sum(0, 3).sum(2, 7).final().counter().Valid)
	for _, wrong := range []int64{0, 3, 6, 8, 14} {
		require.False(t, begin(3).add(0, 3).add(1, 4).sum(2, wrong).final().counter().Valid, wrong)
	}
}

func TestIndeterminateAddsMayCountOrNotButNotInPart(t *testing.T) {
	for sum, valid := range map[int64]bool{9: false, 10: true, 11: false, 14: true, 15: false, 110: true, 111: false, 114: true, 115: false} {
		s := begin(3).add(0, 10).add(0, 4, history.Info).add(1, 100, history.Info).add(1, 1, history.Fail)
		require.Equal(t, valid, s.sum(2, sum).final().counter().Valid, sum)
	}
}

func TestAcceptableRangesJoinWhereTheyTouch(t *testing.T) {
	s := begin(3).add(0, 5).add(0, 1, history.Info).add(0, -2, history.Info).add(0, 10, history.Info)
	require.Equal(t, []checker.Range{{3, 6}, {13, 16}}, s.sum(0, 5).final().counter().Acceptable)
}

func TestFinalReadsOfCountersMustAgree(t *testing.T) {
	s := begin(3).add(0, 10).add(0, 4, history.Info)
	require.False(t, s.sum(0, 10).final().sum(1, 14).final().counter().Valid)
}

func TestCountersWithoutAFinalReadProveNothing(t *testing.T) {
	require.False(t, begin(3).add(0, 1).sum(0, 1).counter().Valid)
}

func TestEarlyReadsOfCountersMustBePossible(t *testing.T) {
	require.True(t, begin(3).add(0, 5).add(0, -3).sum(1, -3).sum(1, 2).final().counter().Valid)
	require.False(t, begin(3).add(0, 5).add(0, -3).sum(1, 6).sum(1, 2).final().counter().Valid)
	require.False(t, begin(3).add(0, 5).add(0, -3).sum(1, -4).sum(1, 2).final().counter().Valid)
	require.False(t, begin(3).sum(1, 5).add(0, 5).sum(1, 5).final().counter().Valid, "before the add")
}

func TestAddsOfACounterThatDiedWithTheirProcessMayCount(t *testing.T) {
	for sum, valid := range map[int64]bool{1: true, 3: true, 2: false} {
		s := begin(3).add(1, 1).add(0, 2).change(history.Killed, 0, 0)
		r := s.sum(1, sum).final().counter()
		require.Equal(t, valid, r.Valid, sum)
		require.Equal(t, 1, r.Gone)
	}
}

func TestLedgersMustAddUpInEveryRead(t *testing.T) {
	for sum, valid := range map[int64]bool{7: true, 6: false, 3: false, 4: false, 0: false} {
		s := begin(3).add(0, 3).add(0, 4).op(history.Op{Func: history.Read, Seen: history.ElementsOf(3, 4), Sum: sum})
		problems := checker.Ledger(s.ops, func(v int64) int64 { return v })
		require.Equal(t, valid, len(problems) == 0, sum)
	}
}

func TestProcessesSeeTheirOwnWritesAndNeverGoBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		story *story
		valid bool
	}{
		{"own write", begin(3).add(0, 1).read(0, 1), true},
		{"own write missed", begin(3).add(0, 1).read(0), false},
		{"another's write missed", begin(3).add(0, 1).read(1), true},
		{"forward", begin(3).read(0).read(0, 1).read(0, 1, 2), true},
		{"back", begin(3).read(0, 1, 2).read(0, 2), false},
		{"behind another", begin(3).read(0, 1, 2).read(1, 2), true},
		{"a new process knows nothing", begin(3).add(0, 1).read(0, 1).read(0).reborn(), true},
		{"indeterminate", begin(3).add(0, 1, history.Info).read(0), true},
	} {
		require.Equal(t, c.valid, len(checker.SetSessions(c.story.ops)) == 0, c.name)
	}
}

func TestCountersOfOneProcessNeverGoBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		story *story
		valid bool
	}{
		{"own write", begin(3).add(0, 2).sum(0, 2), true},
		{"own write missed", begin(3).add(0, 2).sum(0, 1), false},
		{"forward", begin(3).sum(0, 2).sum(0, 3), true},
		{"back", begin(3).sum(0, 3).sum(0, 2), false},
		{"behind another", begin(3).sum(0, 3).sum(1, 2), true},
		{"a new process knows nothing", begin(3).sum(0, 3).sum(0, 0).reborn(), true},
		{"decremented", begin(3).sum(0, 3).add(1, -1).sum(0, 2), true},
	} {
		require.Equal(t, c.valid, len(checker.CounterSessions(c.story.ops)) == 0, c.name)
	}
}

func TestOneFailureOnARunningNodeIsOneTooMany(t *testing.T) {
	s := begin(3).add(0, 1).add(0, 2, history.Info).add(1, 3)
	r := checker.Availability(s.ops, s.timeline())
	require.False(t, r.Valid)
	require.InDelta(t, 2.0/3, r.Fraction, 1e-9)
	require.False(t, checker.Availability(nil, s.timeline()).Valid, "nothing was tried")
}

func TestFailuresOnNodesThatAreAwayAreNone(t *testing.T) {
	s := begin(3).add(0, 1).change(history.Paused, 0, 0).add(0, 2, history.Info).change(history.Resumed, 0, 0).add(0, 3).
		change(history.Killed, 1, 0).add(1, 4, history.Fail).change(history.Started, 1, 0).add(1, 5)
	r := checker.Availability(s.ops, s.timeline())
	require.True(t, r.Valid)
	require.Equal(t, 3, r.Tried)
}

func TestPartedNodesMustBeAvailable(t *testing.T) {
	s := begin(3).add(0, 1).change(history.LinkDown, 0, 1).add(0, 2).add(2, 3).add(1, 4, history.Info).change(history.LinkUp, 0, 1)
	r := checker.Availability(s.ops, s.timeline())
	require.False(t, r.Valid)
	require.Equal(t, 2, r.PartedTried)
	require.Equal(t, 1, r.PartedOK)
}

func TestQuantilesAreByNearestRank(t *testing.T) {
	s := begin(3)
	for i := range int64(100) {
		s.add(0, i)
	}
	known := s.now
	s.read(1).wait(time.Second)
	all := make([]int64, 100)
	for i := range all {
		all[i] = int64(i)
	}
	r := s.read(1, all...).final().set()
	absent := known + ms
	require.Equal(t, absent-s.ops[50].Completed, r.Stability.P50)
	require.Equal(t, absent-s.ops[1].Completed, r.Stability.P99)
	require.Equal(t, absent-s.ops[0].Completed, r.Stability.Max)
}
