package joinery_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

func TestRegisterHoldsAValueUntilItIsRemoved(t *testing.T) {
	name := alone(t).Doc("d").Register("name")
	_, ok, err := joinery.Get[string](name)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, name.Set(background, "Alice"))
	require.Equal(t, "Alice", get[string](t, name))
	require.NoError(t, name.Set(background, "Bob"))
	require.Equal(t, "Bob", get[any](t, name))
	require.NoError(t, name.Remove(background))
	_, ok, err = joinery.Get[string](name)
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, "name", name.Name())
}

func TestValuesOfManyTypesComeBack(t *testing.T) {
	type address struct {
		City string
		Zip  []int
	}
	r := alone(t).Doc("d").Register("v")
	check := func(set, want any, read func() any) {
		t.Helper()
		require.NoError(t, r.Set(background, set))
		require.Equal(t, want, read())
	}
	home := address{"Oslo", []int{1, 2}}
	now := time.Now().Truncate(time.Nanosecond).UTC()
	check(home, home, func() any { return get[address](t, r) })
	check(&home, home, func() any { return get[address](t, r) })
	check(map[string]int{"a": 1}, map[string]int{"a": 1}, func() any { return get[map[string]int](t, r) })
	check([]string{"x", "y"}, []string{"x", "y"}, func() any { return get[[]string](t, r) })
	check([]byte{0, 255}, []byte{0, 255}, func() any { return get[[]byte](t, r) })
	check(true, true, func() any { return get[bool](t, r) })
	check(1.5, 1.5, func() any { return get[float64](t, r) })
	check(uint64(math.MaxUint64), uint64(math.MaxUint64), func() any { return get[uint64](t, r) })
	check(int64(math.MinInt64), int64(math.MinInt64), func() any { return get[int64](t, r) })
	check(now, now, func() any { return get[time.Time](t, r).UTC() })
	check(3*time.Second, 3*time.Second, func() any { return get[time.Duration](t, r) })
}

func TestCounterAddsUpAndForgetsWhatItRemoved(t *testing.T) {
	c := alone(t).Doc("d").Counter("visits")
	require.Zero(t, c.Value())
	for _, n := range []int64{1, 41, -2} {
		require.NoError(t, c.Inc(background, n))
	}
	require.EqualValues(t, 40, c.Value())
	require.NoError(t, c.Remove(background))
	require.Zero(t, c.Value())
	require.NoError(t, c.Inc(background, math.MaxInt64))
	require.NoError(t, c.Inc(background, math.MaxInt64))
	require.EqualValues(t, math.MaxInt64, c.Value(), "the nearest that fits")
	require.NoError(t, c.Inc(background, -math.MaxInt64))
	require.EqualValues(t, math.MaxInt64, c.Value(), "and exact inside")
}

func TestSetsOfBothKinds(t *testing.T) {
	d := alone(t).Doc("d")
	adds, removes := d.Set("tags"), d.RemoveWinsSet("tags")
	require.NoError(t, adds.Add(background, "vip", 7, "vip", true))
	require.NoError(t, removes.Add(background, "a", "b"))
	require.Equal(t, 3, adds.Len())
	require.True(t, adds.Contains(7))
	require.True(t, adds.Contains(int8(7)), "equal encodings are one element")
	require.False(t, adds.Contains("a"), "two types under one name are two sets")
	require.False(t, adds.Contains(make(chan int)), "what cannot be encoded never is")
	require.NoError(t, adds.Remove(background, 7, "never there"))
	require.NoError(t, removes.Remove(background, "a", "c"))
	members, err := joinery.Members[string](removes)
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, members)
	_, err = joinery.Members[string](adds)
	require.ErrorIs(t, err, joinery.ErrType)
	mixed, err := joinery.Members[any](adds)
	require.NoError(t, err)
	require.ElementsMatch(t, []any{"vip", true}, mixed)
	require.NoError(t, adds.Clear(background))
	require.Zero(t, adds.Len())
	require.Equal(t, "tags", adds.Name())
	require.NoError(t, removes.Add(background, "a"), "after an observed removal an element can come back")
	require.True(t, removes.Contains("a"))
}

func TestFlagsOfBothKinds(t *testing.T) {
	d := alone(t).Doc("d")
	e, w := d.Flag("on"), d.DisableWinsFlag("on")
	require.False(t, e.Enabled() || w.Enabled())
	require.NoError(t, e.Enable(background))
	require.NoError(t, w.Enable(background))
	require.True(t, e.Enabled() && w.Enabled())
	require.NoError(t, e.Disable(background))
	require.NoError(t, w.Disable(background))
	require.False(t, e.Enabled() || w.Enabled())
}

func TestLWWMapPutsAndDeletes(t *testing.T) {
	m := alone(t).Doc("d").LWWMap("prefs")
	require.NoError(t, m.Put(background, "lang", "no"))
	require.NoError(t, m.Entry("theme").Set(background, "dark"))
	require.Equal(t, []string{"lang", "theme"}, m.Keys())
	require.Equal(t, "no", get[string](t, m.Entry("lang")))
	require.NoError(t, m.Delete(background, "lang"))
	require.NoError(t, m.Entry("theme").Delete(background))
	require.Empty(t, m.Keys())
	_, ok, err := joinery.Get[string](m.Entry("lang"))
	require.NoError(t, err)
	require.False(t, ok)
	left, err := joinery.Siblings[string](m.Entry("lang"))
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.True(t, left[0].Deleted)
	require.Equal(t, "prefs", m.Name())
}

func TestMapsNestAndAreRemovedWhole(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	home := d.Map("addresses").Map("home")
	require.NoError(t, home.Register("city").Set(background, "Oslo"))
	require.NoError(t, home.Counter("moves").Inc(background, 1))
	require.NoError(t, d.Map("addresses").Set("tags").Add(background, "x"))
	require.NoError(t, d.Register("city").Set(background, "root"))
	require.NoError(t, home.Remove(background))
	require.Equal(t, []string{`["city"] register root`, `["addresses" "tags"] set x`}, fields(d))
	require.NoError(t, d.Delete(background))
	require.False(t, d.Exists())
	require.Empty(t, slices.Collect(d.Fields()))
}

// TestRemovingInAMapThatIsNotThereTouchesNoNamesake: with an option, the
// removal once fell back to the field of the same name at the top.
func TestRemovingInAMapThatIsNotThereTouchesNoNamesake(t *testing.T) {
	d := alone(t).Doc("d")
	require.NoError(t, d.Register("x").Set(background, 1))
	require.NoError(t, d.Map("none").Register("x").Remove(background, joinery.At(joinery.TimeAt(time.Now()))))
	require.Equal(t, 1, get[int](t, d.Register("x")))
}

func TestFieldsComeInTheOrderOfPaths(t *testing.T) {
	d := alone(t).Doc("d")
	require.NoError(t, d.Register("b").Set(background, 1))
	require.NoError(t, d.Counter("b").Inc(background, 2))
	require.NoError(t, d.Flag("a").Enable(background))
	require.NoError(t, d.DisableWinsFlag("a").Disable(background))
	require.NoError(t, d.Map("m").Register("z").Set(background, "deep"))
	require.NoError(t, d.Map("m").Map("a").Register("y").Set(background, "deeper"))
	require.NoError(t, d.Set("s").Add(background, "e"))
	require.NoError(t, d.RemoveWinsSet("s").Add(background, "f"))
	require.NoError(t, d.LWWMap("l").Put(background, "k", "v"))
	require.Equal(t, []string{
		`["a"] flag true`, `["a"] disable-wins-flag false`, `["b"] register 1`, `["b"] counter 2`,
		`["l" "k"] lww-map v`, `["m" "z"] register deep`, `["m" "a" "y"] register deeper`,
		`["s"] set e`, `["s"] remove-wins-set f`,
	}, fields(d))
	for range d.Fields() {
		break // a loop may be left
	}
}

func TestDocsAreListedByPattern(t *testing.T) {
	r := alone(t)
	for _, name := range []string{"fleet.2.engine", "fleet.1.engine", "fleet.1", "user:123", "a b"} {
		require.NoError(t, r.Doc(name).Flag("x").Enable(background))
	}
	require.NoError(t, r.Doc("gone").Flag("x").Disable(background), "leaves nothing")
	require.Equal(t, []string{"a b", "fleet.1", "fleet.1.engine", "fleet.2.engine", "user:123"}, slices.Collect(r.Docs(">")))
	require.Equal(t, []string{"fleet.1.engine", "fleet.2.engine"}, slices.Collect(r.Docs("fleet.*.engine")))
	require.Equal(t, []string{"user:123"}, slices.Collect(r.Docs("user:123")))
	require.Empty(t, slices.Collect(r.Docs("nobody")))
	require.Equal(t, 5, r.Status().Docs)
	require.Equal(t, "fleet.1", r.Doc("fleet.1").Name())
}

func TestEveryHandleReadsTheSameOnAnotherReplica(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	d := rs[0].Doc("d")
	require.NoError(t, d.Register("r").Set(background, "v"))
	require.NoError(t, d.Counter("c").Inc(background, 5))
	require.NoError(t, d.Set("s").Add(background, "e", "f"))
	require.NoError(t, d.Set("s").Remove(background, "f"))
	require.NoError(t, d.RemoveWinsSet("s").Add(background, "e", "f"))
	require.NoError(t, d.RemoveWinsSet("s").Remove(background, "f"))
	require.NoError(t, d.Flag("f").Enable(background))
	require.NoError(t, d.DisableWinsFlag("f").Disable(background))
	require.NoError(t, d.Map("m").Map("n").Register("r").Set(background, []int{1}))
	require.NoError(t, d.LWWMap("l").Put(background, "k", 1))
	require.NoError(t, d.LWWMap("l").Delete(background, "gone"))
	settle(t, rs...)
	require.Equal(t, fields(d), fields(rs[1].Doc("d")))
	require.Len(t, fields(d), 8)
	require.NoError(t, rs[1].Doc("d").Delete(background))
	settle(t, rs...)
	require.Equal(t, []string{`["f"] disable-wins-flag false`}, fields(d), "a disabling is recorded, and stays")
}

func TestKindsHaveNames(t *testing.T) {
	require.Equal(t, "lww-map", joinery.KindEntry.String())
	require.Equal(t, "unknown", joinery.Kind(99).String())
	require.False(t, strings.Contains(joinery.KindRemoveWins.String(), " "))
}

func TestIdentitiesHaveATextForm(t *testing.T) {
	id := joinery.NewID()
	back, err := joinery.ParseID(id.String())
	require.NoError(t, err)
	require.Equal(t, id, back)
	r := alone(t, func(c *joinery.Config) { c.ID = id })
	require.Equal(t, id, r.ID())
	require.Contains(t, r.Status().Actor, id.String())
}
