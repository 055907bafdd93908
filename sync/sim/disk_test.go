package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// add sums up what disks did.
func (s *Stats) add(t *Stats) {
	s.Units += t.Units
	s.Lost += t.Lost
	s.Syncs += t.Syncs
	s.Grouped += t.Grouped
	s.Survivors += t.Survivors
	s.Torn += t.Torn
	s.DiskErrors += t.DiskErrors
}

func TestGeneratedHistoriesMeetEveryFaultOfDisks(t *testing.T) {
	var sum Stats
	for seed := range uint64(200) {
		sum.add(&requireSound(t, Generate(seed, Small())).Stats)
	}
	t.Logf("%+v", sum)
	require.NotZero(t, sum.Syncs, "syncs should take time")
	require.NotZero(t, sum.Grouped, "outputs should share syncs")
	require.NotZero(t, sum.Lost, "crashes should take what was not synced")
	require.NotZero(t, sum.Survivors, "records should survive unsynced")
	require.NotZero(t, sum.Torn, "records should be torn")
	require.NotZero(t, sum.DiskErrors, "writes and syncs should fail")
}

// TestMessagesThatLeaveBeforeTheSyncAreCaught has replicas that do not wait
// for their disks: peers come to know what a crash then takes back.
func TestMessagesThatLeaveBeforeTheSyncAreCaught(t *testing.T) {
	leaked := 0
	for seed := range uint64(100) {
		w := newWorld(Generate(seed, Small()), nil)
		w.hasty = true
		if r := w.result(); r.Failure != nil {
			require.Equal(t, "leaked", r.Failure.Kind, "seed %d: %v", seed, r.Failure)
			leaked++
		}
	}
	require.Greater(t, leaked, 10)
}
