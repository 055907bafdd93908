package joinery_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
)

// failures returns the errors of single fields that are joined in err.
func failures(t testing.TB, err error) (out []*joinery.FieldError) {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%v", err)
	for _, err := range joined.Unwrap() {
		var e *joinery.FieldError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, joinery.ErrType)
		out = append(out, e)
	}
	return out
}

// TestAValueOfAnotherTypeIsAnErrorAndStays: the rest is loaded all the same.
func TestAValueOfAnotherTypeIsAnErrorAndStays(t *testing.T) {
	type user struct {
		Name  string           `joinery:"name"`
		Age   *int8            `joinery:"age"`
		Home  address          `joinery:"home"`
		Small uint8            `joinery:"small,counter"`
		Tags  []int            `joinery:"tags,set"`
		Keys  map[any]struct{} `joinery:"keys,set"`
		Dict  map[string]int   `joinery:"dict,map"`
		Prefs map[string]int   `joinery:"prefs,lwwmap"`
		Short int8             `joinery:"short,counter"`
		Last  string           `joinery:"last"`
	}
	r := alone(t)
	d := r.Doc("d")
	require.NoError(t, errors.Join(
		d.Register("name").Set(background, 7), d.Register("age").Set(background, 300),
		d.Map("home").Register("city").Set(background, []int{1}), d.Map("home").Register("zip").Set(background, 5),
		d.Counter("small").Inc(background, -1), d.Counter("short").Inc(background, 128),
		d.Set("tags").Add(background, 1, "two"), d.Set("keys").Add(background, "a", []int{1}),
		d.Map("dict").Register("x").Set(background, "no int"), d.Map("dict").Register("y").Set(background, 2),
		d.LWWMap("prefs").Put(background, "p", "no int"), d.Register("last").Set(background, "z"),
	))
	held := fields(d)
	old := int8(1)
	u := user{Name: "before", Age: &old}
	err := d.Load(&u)
	require.Equal(t, user{Home: address{Zip: 5}, Tags: []int{1}, Keys: map[any]struct{}{"a": {}},
		Dict: map[string]int{"y": 2}, Prefs: map[string]int{}, Last: "z"}, u)
	var got []string
	var city *joinery.FieldError
	for _, e := range failures(t, err) {
		got = append(got, e.Field)
		if e.Path[len(e.Path)-1] == "city" {
			city = e
		}
	}
	const of = "joinery_test.user."
	require.Equal(t, []string{of + "Name", of + "Age", of + "Home.City", of + "Small", of + "Tags", of + "Keys",
		of + `Dict["x"]`, of + `Prefs["p"]`, of + "Short"}, got)
	require.Equal(t, []string{"home", "city"}, city.Path)
	require.ErrorContains(t, err, `joinery: document "d": field ["home" "city"] (joinery_test.user.Home.City): joinery: value has another type: not a string`)

	var home address
	e := failures(t, d.Map("home").Load(&home))[0]
	require.Equal(t, []string{"home", "city"}, e.Path)
	require.Equal(t, "joinery_test.address.City", e.Field)

	err = joinery.Edit(background, d, func(*user) error { panic("not reached") })
	require.ErrorIs(t, err, joinery.ErrType, "what cannot be loaded in full cannot be edited")
	require.Equal(t, held, fields(d), "nothing was lost")
}

type (
	Twin struct {
		A int `joinery:"x"`
	}
	Other struct {
		B int `joinery:"x"`
	}
	hidden   struct{ X int }
	mistaken struct {
		City string `joinery:"city,sett"`
	}
)

// badStructs are by what the error says.
var badStructs = map[string]any{
	`.A: unknown option "sett" in the tag`: struct {
		A int `joinery:"a,sett"`
	}{},
	`.A: unknown option "" in the tag`: struct {
		A int `joinery:"a,,set"`
	}{},
	`.A: "counter" is for integers, not for string`: struct {
		A string `joinery:"a,counter"`
	}{},
	`.A: "flag" is for bool, not for int`: struct {
		A int `joinery:"a,flag"`
	}{},
	`.A: "dwflag" is for bool, not for *bool`: struct {
		A *bool `joinery:"a,dwflag"`
	}{},
	`.A: "set" is for []T and map[T]struct{}, not for`: struct {
		A map[string]bool `joinery:"a,set"`
	}{},
	`.A: "rwset" is for []T`: struct {
		A [2]int `joinery:"a,rwset"`
	}{},
	`.A: "map" is for structs and map[string]T, not`: struct {
		A map[int]int `joinery:"a,map"`
	}{},
	`.A: "lwwmap" is for map[string]T, not for`: struct {
		A address `joinery:"a,lwwmap"`
	}{},
	`.A: option "flag" after "set"`: struct {
		A []int `joinery:"a,set,flag"`
	}{},
	`.A: "counter" is for integers, not for bool`: struct {
		A map[string]bool `joinery:"a,map,counter"`
	}{},
	`.A: omitempty is for registers`: struct {
		A []int `joinery:"a,set,omitempty"`
	}{},
	`.a: an unexported field has no tag but "-"`: struct {
		a int `joinery:"a"`
	}{a: 1},
	`.A: chan int cannot be encoded; tag it "-"`: struct{ A chan int }{},
	`: the fields A and B have one name, "x"`: struct {
		Twin
		Other
	}{},
	`.hidden: an embedded pointer to an unexported struct`: struct{ *hidden }{},
	`: joinery_test.mistaken.City: unknown option "sett"`: struct {
		A map[string]*mistaken `joinery:",map"`
	}{},
	`: int is not one`:            1,
	`: nil <nil>`:                 nil,
	`: nil *joinery_test.address`: (*address)(nil),
}

func TestTagsThatDoNotSuitAreErrors(t *testing.T) {
	for what, v := range badStructs {
		d := alone(t).Doc("d")
		for range 2 {
			err := d.Store(background, v)
			require.ErrorIs(t, err, joinery.ErrStruct, what)
			require.ErrorContains(t, err, what)
		}
		require.False(t, d.Exists())
	}
	d := alone(t).Doc("d")
	for _, dst := range []any{nil, address{}, (*address)(nil), new(int), new(mistaken), new(*address)} {
		require.ErrorIs(t, d.Load(dst), joinery.ErrStruct, "%T", dst)
	}
	require.ErrorIs(t, joinery.Edit(background, d, func(*mistaken) error { return nil }), joinery.ErrStruct)
	require.ErrorIs(t, joinery.StoreChanges(background, d, &mistaken{}, &mistaken{}), joinery.ErrStruct)
	require.ErrorIs(t, joinery.StoreChanges(background, d, &address{}, nil), joinery.ErrStruct)
}

func TestAStoreAboveALimitSaysWhereAndWritesNothing(t *testing.T) {
	type user struct {
		Name  string            `joinery:"name"`
		Tags  []string          `joinery:"tags,set"`
		Dict  map[string]string `joinery:"dict,map"`
		Count uint64            `joinery:"count,counter"`
		Bad   any               `joinery:"bad"`
	}
	d := alone(t).Doc("d")
	for field, u := range map[string]user{
		"Name":      {Name: long(1 << 20)},
		"Tags":      {Name: "x", Tags: []string{long(5 << 10)}},
		`Dict["k"]`: {Name: "x", Dict: map[string]string{"k": long(1 << 20)}},
		"Count":     {Name: "x", Count: math.MaxUint64},
		"Bad":       {Name: "x", Bad: make(chan int)},
	} {
		var e *joinery.FieldError
		require.ErrorAs(t, d.Store(background, u), &e, field)
		require.Equal(t, "joinery_test.user."+field, e.Field)
		require.False(t, d.Exists())
	}
	var e *joinery.FieldError
	require.ErrorAs(t, d.Store(background, user{Name: "x", Dict: map[string]string{long(5 << 10): ""}}), &e)
	require.ErrorIs(t, e, joinery.ErrTooLarge)
	require.False(t, d.Exists(), "an error at the write takes back what was written before")

	type swing struct {
		N int64 `joinery:"n,counter"`
	}
	require.NoError(t, d.Store(background, swing{math.MinInt64}))
	require.ErrorIs(t, d.Store(background, swing{1}), joinery.ErrTooLarge)
	require.Equal(t, swing{math.MinInt64}, load[swing](t, d))
}

func TestZeroTimesAreOmitted(t *testing.T) {
	type user struct {
		Seen time.Time      `joinery:"seen,omitempty"`
		List []int          `joinery:"list,omitempty"`
		Dict map[string]int `joinery:"dict,omitempty"`
		Name string         `joinery:"name,omitempty"`
		Left *time.Time     `joinery:"left,omitempty"`
		Any  any            `joinery:"any,omitempty"`
	}
	d := alone(t).Doc("d")
	require.NoError(t, d.Store(background, user{Seen: time.Time{}.Local(), List: []int{}, Dict: map[string]int{}}))
	require.False(t, d.Exists())
	require.NoError(t, d.Store(background, user{Name: "x"}))
	require.NoError(t, d.Store(background, user{}))
	require.False(t, d.Exists(), "what becomes empty is removed")
	require.NoError(t, d.Store(background, user{Left: &time.Time{}, Any: (*time.Time)(nil)}))
	require.Len(t, fields(d), 2, "what is behind a pointer is not looked at")
}
