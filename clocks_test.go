package joinery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/joinerytest"
	"github.com/joinery-crdt/joinery/sync/store"
)

// stamp returns when a register was written, by its writer's clock.
func stamp(t *testing.T, d *joinery.Doc, name string) time.Time {
	t.Helper()
	all, err := joinery.Siblings[any](d.Register(name))
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0].Time
}

func TestADeviceThatBootsIn1970IsHeardAndStampsForwardOnceItHasBeenSet(t *testing.T) {
	space := joinerytest.New(t, 2)
	space.Clock(0).Set(time.Unix(0, 0))
	device, hub := space.Replica(0).Doc("d"), space.Replica(1).Doc("d")
	require.NoError(t, device.Register("boot").Set(background, "first"))
	space.Converge()
	require.Equal(t, "first", get[string](t, hub.Register("boot")))
	require.NoError(t, hub.Register("boot").Set(background, "seen by the hub"))
	space.Converge()
	require.NoError(t, device.Register("boot").Set(background, "after what it saw"))
	space.Converge()
	require.Equal(t, "after what it saw", get[string](t, hub.Register("boot")), "causality comes first, whatever the clock says")
}

func TestADeviceThatBootsIn1970WithAStoreStampsAfterWhatItWroteBefore(t *testing.T) {
	disk := store.NewMemory()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { return now }
	r, err := joinery.Open(background, joinery.Config{Space: "test", Store: disk, Clock: clock})
	require.NoError(t, err)
	require.NoError(t, r.Doc("d").Register("a").Set(background, 1))
	require.NoError(t, r.Close())
	now = time.Unix(0, 0)
	r, err = joinery.Open(background, joinery.Config{Space: "test", Store: disk, Clock: clock})
	require.NoError(t, err)
	require.NoError(t, r.Doc("d").Register("b").Set(background, 1))
	require.False(t, stamp(t, r.Doc("d"), "b").Before(stamp(t, r.Doc("d"), "a")))
	require.NoError(t, r.Close())
}

func TestAClockThatStepsBackOrFreezesStampsForward(t *testing.T) {
	space := joinerytest.New(t, 1) // its clock stands still
	d := space.Replica(0).Doc("d")
	last := time.Time{}
	for i := range 70_000 { // more than the logical part counts
		if i == 66_000 {
			space.Clock(0).Advance(-time.Hour)
		}
		require.NoError(t, d.Register(fmt.Sprint(i%3)).Set(background, i))
		if i%1000 == 0 {
			at := stamp(t, d, fmt.Sprint(i%3))
			require.False(t, at.Before(last))
			last = at
		}
	}
	require.Equal(t, time.Date(2025, 1, 1, 0, 0, 0, int(time.Millisecond), time.UTC), last, "the logical part carried into the milliseconds")
}

func TestTheStatusSaysWhoseClockIsAhead(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	late := time.Now().Add(48 * time.Hour)
	ahead := open(t, joinery.Config{Broker: net.Connect("a"), Clock: func() time.Time { return late }})
	right := open(t, joinery.Config{Broker: net.Connect("b")})
	require.NoError(t, ahead.Doc("d").Register("v").Set(background, 1))
	settle(t, ahead, right)
	all := right.Status().Drifting
	require.Len(t, all, 1)
	require.Equal(t, ahead.ID(), all[0].ID)
	require.Equal(t, ahead.ID().String(), all[0].Name)
	require.InDelta(t, 48, all[0].Ahead.Hours(), 1)
	require.Empty(t, ahead.Status().Drifting)
	require.NoError(t, right.Doc("d").Register("w").Set(background, 1))
	require.WithinDuration(t, time.Now(), stamp(t, right.Doc("d"), "w"), time.Hour, "it is not taken along")
}
