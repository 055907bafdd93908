package crdt_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/lwwmap"
)

// Each test here was missing when a wrong implementation passed all others.

// An update is one unit however small the limit of a message is.
func TestAnUpdateTravelsWhole(t *testing.T) {
	m := lwwmap.New[string, string](ann)
	d := made(t)(m.Update(func(w *lwwmap.Writer[string, string]) error {
		for i := range 10 {
			if err := w.Put(fmt.Sprint(i), "v"); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NotNil(t, d)

	doc := crdt.NewDocument(ben, nil)
	require.NoError(t, doc.Update(func() error {
		for i := range 10 {
			if err := doc.Assign(kernel.Root, crdt.TagRegister, fmt.Sprint(i), "a value of some length", false, crdt.Options{}); err != nil {
				return err
			}
		}
		return nil
	}))
	_, own := doc.Pending().Seal(nil, doc.State(), 100)
	require.Equal(t, causal.Range{Lo: 1, Hi: 10}, own)
	require.Zero(t, doc.Pending().Len())
}

// A replica that has to take a new name mints its unsealed writes again; what
// they had replaced has to die with them.
func TestANewNameKeepsWhatPendingWritesReplaced(t *testing.T) {
	old := crdt.NewRegister[string](ann)
	first := made(t)(old.Set("first"))
	doc := crdt.NewDocument(ben, nil)
	require.NoError(t, doc.Merge(first))
	require.NoError(t, doc.Assign(kernel.Root, crdt.TagRegister, "", "second", false, crdt.Options{}))
	doc.Rename(causal.Actor{ID: ben.ID, Incarnation: 2})
	second := doc.Flush(nil)
	v := allOf(t, crdt.NewRegister[string](cid), first, second)
	require.Len(t, v.Siblings(), 1)
	got, _ := v.Get()
	require.Equal(t, "second", got)
}

// Below zero, and where the sum on the way is beyond even 64 bits.
func TestACounterIsExactFarBeyond64Bits(t *testing.T) {
	for _, c := range []struct {
		times     int
		n, value  int64
		afterward int64
	}{
		{1, -5, -5, 0},
		{5, 1 << 62, math.MaxInt64, 1 << 62},
		{5, -1 << 62, math.MinInt64, -1 << 62},
		{9, math.MinInt64, math.MinInt64, math.MinInt64},
	} {
		v := crdt.NewCounter(ann)
		for range c.times {
			must(t)(v.Add(c.n))
		}
		require.Equal(t, c.value, v.Value())
		for range c.times - 1 {
			half := -(c.n / 2)
			must(t)(v.Add(half))
			must(t)(v.Add(half))
		}
		if c.times > 1 {
			require.Equal(t, c.afterward, v.Value())
		}
	}
}

// Another type's payload that this one could even decode.
func TestAPayloadOfAnotherTypeIsRefusedEvenIfItCouldBeRead(t *testing.T) {
	m := lwwmap.New[string, string](ann)
	d := made(t)(m.Put("", "v"))
	r := crdt.NewRegister[string](ben)
	require.ErrorIs(t, r.Merge(d), crdt.ErrForeign)
	_, ok := r.Get()
	require.False(t, ok)
	require.True(t, r.Document().State().IsEmpty())
}

// One time for all, so that of two concurrent updates one wins whole.
func TestTheWritesOfAnUpdateHaveOneTime(t *testing.T) {
	update := func(m *lwwmap.Map[string, string]) delta.Delta {
		return made(t)(m.Update(func(w *lwwmap.Writer[string, string]) error {
			for _, k := range []string{"a", "b", "c"} {
				if err := w.Put(k, m.Actor().String()); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	m := lwwmap.New[string, string](ann)
	update(m)
	first, _ := m.Time("a")
	last, _ := m.Time("c")
	require.Equal(t, first, last)

	one := lwwmap.New[string, string](ben)
	allOf(t, one, whole(t, m))
	other := lwwmap.New[string, string](cid)
	allOf(t, one, update(other))
	winner, _ := one.Get("a")
	for _, k := range []string{"b", "c"} {
		v, _ := one.Get(k)
		require.Equal(t, winner, v)
	}
}

// A clone's clock goes on from the original's, whose writes it has observed.
func TestACloneStampsAfterItsOriginal(t *testing.T) {
	late := &hlc.Clock{Source: func() time.Time { return time.UnixMilli(5000) }}
	r := crdt.NewRegisterWith(ann, crdt.Config[string]{Clock: late})
	must(t)(r.Set("original"))
	before := r.Siblings()[0].Time
	clone := r.Clone(ben)
	must(t)(clone.Set("clone"))
	after := clone.Siblings()[0].Time
	require.Greater(t, after, before)
	require.EqualValues(t, 5000, after.Millis(), "and reads the same source")
}

// What was merged before there was a clock counts when there is one.
func TestAClockThatIsBoundLaterFollowsWhatWasMerged(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	source := func() time.Time { return now }
	ahead := crdt.NewRegisterWith(ann, crdt.Config[string]{Clock: &hlc.Clock{Source: func() time.Time { return now.Add(time.Second) }}})
	d := made(t)(ahead.Set("a second ahead"))
	var r crdt.Register[string]
	allOf(t, &r, d)
	r.Bind(ben, &hlc.Clock{Source: source})
	must(t)(r.Set("later"))
	require.Greater(t, r.Siblings()[0].Time, hlc.At(now.Add(time.Second)))
}
