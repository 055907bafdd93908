package crdt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// device is a document with a clock that a test sets.
type device struct {
	*crdt.Document
	now time.Time
}

func newDevice(id byte, now time.Time) *device {
	x := &device{now: now}
	clock := &hlc.Clock{Source: func() time.Time { return x.now }}
	x.Document = crdt.NewDocument(causal.Actor{ID: causal.ID{id}, Incarnation: 1}, clock)
	return x
}

func (x *device) set(t *testing.T, key, value string, o ...crdt.Options) delta.Delta {
	t.Helper()
	require.NoError(t, x.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Combine(o...)))
	return x.Flush(nil)
}

func (x *device) get(key string) string {
	l, _ := x.Latest(kernel.Root, crdt.TagRegister, key)
	return l.Value
}

func (x *device) expire(t *testing.T) delta.Delta {
	t.Helper()
	require.NoError(t, x.Expire())
	return x.Flush(nil)
}

func (x *device) merge(t *testing.T, d delta.Delta) {
	t.Helper()
	require.NoError(t, x.Merge(d))
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestWhatHasExpiredIsHiddenAndThenKilledWithoutADifferenceToReaders(t *testing.T) {
	a := newDevice(1, noon)
	a.set(t, "x", "v", crdt.TTL(time.Minute))
	a.now = noon.Add(time.Minute - time.Millisecond)
	require.Equal(t, "v", a.get("x"))
	a.now = noon.Add(time.Minute)
	require.Empty(t, a.get("x"))
	require.False(t, a.Stands(kernel.Root, crdt.TagRegister, "x"))
	require.Equal(t, 1, a.State().Dots())
	require.NotNil(t, a.expire(t))
	require.Empty(t, a.get("x"))
	require.Zero(t, a.State().Dots())
}

func TestASiblingWithoutExpiryShowsWhenTheOtherIsOver(t *testing.T) {
	a, b := newDevice(1, noon), newDevice(2, noon.Add(time.Second))
	stays := a.set(t, "x", "stays")
	b.set(t, "x", "goes", crdt.TTL(time.Minute))
	b.merge(t, stays)
	require.Equal(t, "goes", b.get("x"))
	b.now = noon.Add(time.Hour)
	require.Equal(t, "stays", b.get("x"))
	b.expire(t)
	require.Equal(t, "stays", b.get("x"))
}

func TestExpiryKillsWhatItObservedAndNotWhatWasWrittenMeanwhile(t *testing.T) {
	a, b := newDevice(1, noon), newDevice(2, noon)
	first := a.set(t, "x", "old", crdt.TTL(time.Minute))
	b.merge(t, first)
	again := a.set(t, "x", "new", crdt.TTL(time.Hour)) // b does not know of it
	b.now = noon.Add(2 * time.Minute)
	kill := b.expire(t)
	require.NotNil(t, kill)
	a.merge(t, kill)
	b.merge(t, again)
	require.Equal(t, "new", a.get("x"))
	require.Equal(t, "new", b.get("x"))
	require.Equal(t, a.State().Digest(), b.State().Digest())
}

func TestClocksThatAreWrongMakeExpiryLateOrEarlyAndNothingElse(t *testing.T) {
	years := 365 * 24 * time.Hour
	fast, slow := newDevice(1, noon.Add(5*years)), newDevice(2, time.Unix(0, 0))
	put := slow.set(t, "x", "v", crdt.ExpireAt(noon))
	fast.merge(t, put)
	require.Empty(t, fast.get("x"))
	require.Equal(t, "v", slow.get("x"))
	require.Equal(t, fast.State().Digest(), slow.State().Digest(), "hiding is a read")
	slow.merge(t, fast.expire(t))
	require.Empty(t, slow.get("x"))
	require.Equal(t, fast.State().Digest(), slow.State().Digest())
}

func TestWhatWasHiddenStaysSoWhileTheClockStepsBack(t *testing.T) {
	a := newDevice(1, noon)
	a.set(t, "x", "v", crdt.TTL(time.Minute))
	a.now = noon.Add(time.Hour)
	require.Empty(t, a.get("x"))
	a.now = noon
	require.Empty(t, a.get("x"))
}

func TestAWriteWithoutTTLStaysAndOneThatIsOverIsHiddenFromTheFirst(t *testing.T) {
	a := newDevice(1, noon)
	a.set(t, "x", "v", crdt.TTL(time.Minute))
	a.set(t, "x", "w")
	a.set(t, "y", "v", crdt.TTL(-time.Second))
	require.Empty(t, a.get("y"))
	a.set(t, "z", "v", crdt.ExpireAt(time.Time{}))
	require.Empty(t, a.get("z"))
	a.now = noon.Add(time.Hour)
	require.Equal(t, "w", a.get("x"))
	require.Equal(t, hlc.Time(1), a.State().NextExpiry())
}

func TestADocumentExpiresAsIfItHadBeenRemoved(t *testing.T) {
	a, b := newDevice(1, noon), newDevice(2, noon)
	all := [][]byte{a.set(t, "x", "v"), a.set(t, "y", "w")}
	require.NoError(t, a.SetExpiry(crdt.TTL(time.Minute)))
	require.NoError(t, a.Assign(kernel.Root, crdt.TagDWFlag, "off", "", true, crdt.Options{}))
	for _, d := range append(all, a.Flush(nil)) {
		b.merge(t, d)
	}
	require.Equal(t, hlc.At(noon.Add(time.Minute)), b.Expiry())
	concurrent := b.set(t, "x", "concurrent")
	a.now = noon.Add(2 * time.Minute)
	require.True(t, a.Lapsed())
	require.Empty(t, a.get("x"))
	require.True(t, a.State().Has(kernel.Root, crdt.TagDWFlag, "off"))
	kill := a.expire(t)
	require.True(t, a.State().Has(kernel.Root, crdt.TagDWFlag, "off"), "what a removal keeps")
	require.Zero(t, a.Expiry())
	a.merge(t, concurrent)
	b.merge(t, kill)
	require.Equal(t, "concurrent", a.get("x"))
	require.Equal(t, "concurrent", b.get("x"))
	require.Empty(t, b.get("y"))
}

func TestADocumentThatIsGivenMoreTimeInTimeStays(t *testing.T) {
	a, b := newDevice(1, noon), newDevice(2, noon)
	x := a.set(t, "x", "v")
	require.NoError(t, a.SetExpiry(crdt.TTL(time.Minute)))
	b.merge(t, x)
	b.merge(t, a.Flush(nil))
	require.NoError(t, b.SetExpiry(crdt.TTL(time.Hour)))
	more := b.Flush(nil)
	a.now = noon.Add(2 * time.Minute)
	require.True(t, a.Hide(10))
	a.HideAll()
	require.Empty(t, a.get("x"))
	a.merge(t, more) // before anything was killed
	a.expire(t)
	require.Equal(t, "v", a.get("x"))
	require.NoError(t, a.ClearExpiry())
	require.Zero(t, a.Expiry())
}

func TestManyExpireByEventsThatFitInMessages(t *testing.T) {
	a := newDevice(1, noon)
	for i := range 10_000 {
		a.set(t, string(rune(0x4e00+i)), "v", crdt.TTL(time.Minute))
	}
	a.now = noon.Add(time.Hour)
	before := a.State().Next(a.Pending().Self)
	a.expire(t)
	require.Zero(t, a.State().Dots())
	require.Zero(t, a.State().Expiring())
	require.Equal(t, before+3, a.State().Next(a.Pending().Self))
}
