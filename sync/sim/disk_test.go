package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGeneratedHistoriesMeetEveryFaultOfDisks(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		s := requireSound(t, Generate(seed, Small())).Stats
		for what, n := range map[string]int{
			"syncs that took time": s.Syncs, "outputs that shared one": s.Grouped, "units lost": s.Lost,
			"records that survived unsynced": s.Survivors, "torn records": s.Torn, "failed writes and syncs": s.DiskErrors,
		} {
			seen[what] += n
		}
	}
	for what, n := range seen {
		require.NotZero(t, n, what)
	}
}

// hastily plays a script with replicas that do not wait for their disks.
func hastily(s *Script) *Result {
	w := newWorld(s, nil)
	w.hasty = true
	return w.result()
}

// TestMessagesThatLeaveBeforeTheSyncAreCaught shows that peers know what a
// crash takes back, or has taken back, if messages do not wait for the disk.
func TestMessagesThatLeaveBeforeTheSyncAreCaught(t *testing.T) {
	leaks, details := 0, ""
	for seed := range uint64(100) {
		if r := hastily(Generate(seed, Small())); r.Failure != nil {
			require.Equal(t, "leaked", r.Failure.Kind, "seed %d: %v", seed, r.Failure)
			leaks++
			details += r.Failure.Detail
		}
	}
	require.Greater(t, leaks, 10)
	require.Contains(t, details, "that its replica has not synced")
	require.Contains(t, details, "that was lost with its process")
}

func TestALeakIsShrunkToTheWriteThatLeaked(t *testing.T) {
	for seed := range uint64(100) {
		s := Generate(seed, Small())
		if hastily(s).Failure == nil {
			continue
		}
		small := shrink(s, hastily)
		require.LessOrEqual(t, len(small.Actions), 6, "%s", small)
		require.Equal(t, "leaked", hastily(small).Failure.Kind)
		return
	}
	t.Fatal("no seed leaks")
}

// stalled returns a world of one replica whose disk has the first of four
// writes, while the others wait for a sync.
func stalled(t *testing.T) (w *world, do func(Verb, int)) {
	w = newWorld(&Script{Seed: 1, Replicas: 1}, nil)
	w.start(w.add(nodeID(0)))
	do = func(verb Verb, n int) {
		w.perform(&Action{Do: verb, Doc: "doc", Amount: n, Time: time.Hour, Ops: []Op{{Do: Add, Path: "s", Elem: fmt.Sprint(n)}}})
		require.Nil(t, w.failure)
	}
	for i := range 4 {
		w.pass(10 * time.Millisecond) // so that each is flushed by itself
		do(Write, i)
		if i == 0 {
			do(Stall, 0)
		}
	}
	require.Len(t, w.nodes[0].disk.records, 1)
	require.Equal(t, 3, w.nodes[0].disk.unsynced())
	return w, do
}

// elements returns how many elements a replica holds.
func elements(n *node) int { return n.r.View("doc").State().Dots() }

func TestACrashKeepsAPrefixOfWhatWasWritten(t *testing.T) {
	for left := range 4 {
		w, do := stalled(t)
		require.Equal(t, 4, elements(w.nodes[0]))
		do(Crash, left)
		do(Restart, 0)
		require.Equal(t, 1+left, elements(w.nodes[0]))
		require.Equal(t, 3-left, w.stats.Lost)
		require.Equal(t, 1+left, w.stats.Units, "survivors are as good as synced")
	}
}

func TestATornRecordIsDiscardedAtTheStart(t *testing.T) {
	w, do := stalled(t)
	do(Tear, 1)
	require.Len(t, w.nodes[0].disk.records, 3)
	do(Restart, 0)
	require.Equal(t, 2, elements(w.nodes[0]))
	require.Equal(t, 1, w.stats.Torn)
	require.Len(t, w.nodes[0].disk.records, 2)
}

func TestNothingButTheTornTailMayBeUnreadable(t *testing.T) {
	for i := range 2 {
		w, do := stalled(t)
		do(Crash, 1)
		rec := &w.nodes[0].disk.records[i]
		rec.Delta = rec.Delta[:len(rec.Delta)/2]
		w.perform(&Action{Do: Restart})
		require.NotNil(t, w.failure, "record %d", i)
		require.Equal(t, "reload", w.failure.Kind)
	}
}

func TestAFailedSyncIsNotAcknowledged(t *testing.T) {
	w, do := stalled(t)
	do(FailSync, 0)
	w.pass(2 * time.Hour)
	n := w.nodes[0]
	require.Nil(t, n.r, "the replica should have stopped")
	require.Equal(t, 1, w.stats.Units)
	require.Equal(t, 3, w.stats.Lost)
	require.Equal(t, 1, w.stats.DiskErrors)
}

func TestAFailedWriteLeavesWhatWasWrittenBefore(t *testing.T) {
	w, do := stalled(t)
	do(FailWrite, 0)
	w.pass(10 * time.Millisecond)
	w.perform(&Action{Do: Write, Doc: "doc", Ops: []Op{{Do: Add, Path: "s", Elem: "5"}}})
	require.Nil(t, w.nodes[0].r, "the replica should have stopped")
	do(Restart, 0)
	require.Equal(t, 4, elements(w.nodes[0]))
	require.Equal(t, 1, w.stats.Lost)
}

func TestACopyOfADiskIsOfWhatWasSynced(t *testing.T) {
	w, do := stalled(t)
	do(Clone, 0)
	require.Equal(t, 1, elements(w.nodes[1]))

	w, do = stalled(t)
	do(Restore, 2) // there is one record
	require.Equal(t, 4, elements(w.nodes[0]), "no copy has more than was synced")
	do(Restore, 0)
	require.Nil(t, w.nodes[0].r.View("doc"))
}
