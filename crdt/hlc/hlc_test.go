package hlc

import (
	"math"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// fake is a physical clock that goes where the test puts it.
type fake struct{ now time.Time }

func (f *fake) clock() *Clock { return &Clock{Source: func() time.Time { return f.now }} }

func TestClockFollowsPhysicalTime(t *testing.T) {
	f := &fake{noon}
	c := f.clock()
	require.Equal(t, At(noon), c.Now())
	f.now = noon.Add(5 * time.Millisecond)
	require.Equal(t, At(f.now), c.Now())
	require.Equal(t, f.now, c.Last().Time())
}

func TestClockCountsWithinAMillisecond(t *testing.T) {
	c := (&fake{noon}).clock()
	require.EqualValues(t, 0, c.Now().Counter())
	require.EqualValues(t, 1, c.Now().Counter())
	require.Equal(t, noon.UnixMilli(), c.Last().Millis())
}

func TestCounterCarriesIntoTheMilliseconds(t *testing.T) {
	c := (&fake{noon}).clock()
	last := c.Now()
	for range 1 << 16 {
		now := c.Now()
		require.Greater(t, now, last)
		last = now
	}
	require.Equal(t, At(noon.Add(time.Millisecond)), last)
}

func TestClockNeverGoesBackWhenThePhysicalOneSteps(t *testing.T) {
	f := &fake{noon}
	c := f.clock()
	rng := rand.New(rand.NewSource(1))
	last := Time(0)
	for range 10_000 {
		f.now = f.now.Add(time.Duration(rng.Int63n(2e9) - 1e9))
		now := c.Now()
		require.Greater(t, now, last)
		last = now
	}
}

func TestClockOrdersAnEffectAfterItsRemoteCause(t *testing.T) {
	c := (&fake{noon}).clock()
	remote := At(noon.Add(30*time.Second)) + 4
	require.Zero(t, c.Observe(remote))
	require.Equal(t, remote+1, c.Now())
	require.Zero(t, c.Observe(remote-100), "what is behind is nothing new")
	require.Equal(t, remote+2, c.Now())
}

func TestClockDoesNotFollowBeyondMaxDrift(t *testing.T) {
	c := (&fake{noon}).clock()
	edge := At(noon.Add(DefaultMaxDrift))
	require.Equal(t, DefaultMaxDrift+time.Millisecond, c.Observe(edge+1<<16))
	require.Equal(t, At(noon), c.Now(), "the clock stays where it is")
	require.Zero(t, c.Observe(edge|0xffff), "the bound itself is allowed")
	require.Equal(t, edge|0xffff, c.Last())

	c.MaxDrift = time.Hour
	require.Zero(t, c.Observe(At(noon.Add(time.Hour))))
}

func TestClockSurvivesTheGreatestTimestamps(t *testing.T) {
	c := (&fake{noon}).clock()
	for _, remote := range []Time{MaxTime, math.MaxUint64} {
		require.Greater(t, c.Observe(remote), 1_000*24*time.Hour, "the distance is reported, without overflow")
	}
	require.Equal(t, At(noon), c.Now())
}

func TestDeviceThatBootsIn1970StampsForward(t *testing.T) {
	f := &fake{time.Unix(0, 0)}
	c := f.clock()
	c.Restore(At(noon) + 7)
	require.Equal(t, At(noon)+8, c.Now())
	c.Restore(At(noon))
	require.Equal(t, At(noon)+9, c.Now(), "an older mark changes nothing")
	require.NotZero(t, c.Observe(At(noon.Add(time.Hour))), "the bound goes by the physical clock")
}

func TestMomentsOutsideTheRangeAreClamped(t *testing.T) {
	require.Zero(t, At(time.Unix(-5, 0)))
	require.LessOrEqual(t, At(time.Date(1_000_000, 1, 1, 0, 0, 0, 0, time.UTC)), MaxTime)
	f := &fake{time.Unix(-1e6, 0)}
	require.EqualValues(t, 1, f.clock().Now())
}

func TestZeroClockReadsTheSystemTime(t *testing.T) {
	var c Clock
	before := At(time.Now())
	require.GreaterOrEqual(t, c.Now(), before)
}

func TestTimeString(t *testing.T) {
	require.Equal(t, "2026-05-01T12:00:00.000Z+3", (At(noon) + 3).String())
}
