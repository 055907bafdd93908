package joinery_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

type address struct {
	City string `joinery:"city"`
	Zip  int    `joinery:"zip"`
}

type audit struct {
	By string    `joinery:"by"`
	At time.Time `joinery:"at"`
}

// everything has a field for each row of the table in Load's documentation.
type everything struct {
	audit
	Name     string               `joinery:"name"`
	Plain    float64              // under its own name
	Skipped  string               `joinery:"-"`
	Nick     string               `joinery:"nick,omitempty"`
	Raw      []byte               `joinery:"raw"`
	Any      any                  `joinery:"any"`
	Host     netip.Addr           `joinery:"host"`
	Age      *int8                `joinery:"age"`
	List     []string             `joinery:"list"`
	Dict     map[string]int       `joinery:"dict"`
	Whole    address              `joinery:"whole,whole"`
	Visits   int64                `joinery:"visits,counter"`
	Small    uint8                `joinery:"small,counter"`
	On       bool                 `joinery:"on,flag"`
	Safe     bool                 `joinery:"safe,dwflag"`
	Tags     []string             `joinery:"tags,set"`
	Nums     map[int]struct{}     `joinery:"nums,set"`
	Banned   []string             `joinery:"banned,rwset"`
	Prefs    map[string]string    `joinery:"prefs,lwwmap"`
	Home     address              `joinery:"home"`
	Work     *address             `joinery:"work"`
	Explicit address              `joinery:"explicit,map"`
	Scores   map[string]int       `joinery:"scores,map"`
	Places   map[string]address   `joinery:"places,map"`
	Maybe    map[string]*address  `joinery:"maybe,map"`
	Items    map[string]int64     `joinery:"items,map,counter"`
	Groups   map[string][]string  `joinery:"groups,map,set"`
	Lamps    map[string]bool      `joinery:"lamps,map,flag"`
	Deep     map[string]map[K]int `joinery:"deep,map,map"`
	secret   string
}

// K is a string type, as the keys of maps may have.
type K string

func full() everything {
	age := int8(42)
	return everything{
		audit: audit{By: "ann", At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)},
		Name:  "Alice", Plain: 1.5, Nick: "Al", Raw: []byte{0, 255}, Any: []any{int64(1), "x", []byte{2}},
		Host: netip.MustParseAddr("10.0.0.1"), Age: &age, List: []string{"b", "a"}, Dict: map[string]int{"x": 1},
		Whole: address{"Bergen", 5003}, Visits: -7, Small: 200, On: true, Safe: true,
		Tags: []string{"a", "b"}, Nums: map[int]struct{}{1: {}, 300: {}}, Banned: []string{"c"},
		Prefs: map[string]string{"lang": "no"}, Home: address{"Oslo", 150}, Work: &address{"Moss", 0},
		Explicit: address{"Hamar", 1}, Scores: map[string]int{"chess": 3}, Places: map[string]address{"x": {"Voss", 2}},
		Maybe: map[string]*address{"y": {"Bodø", 3}}, Items: map[string]int64{"pear": 2},
		Groups: map[string][]string{"g": {"h"}}, Lamps: map[string]bool{"hall": true},
		Deep: map[string]map[K]int{"d": {"e": 5}},
	}
}

func load[T any](t testing.TB, from joinery.Container) (out T) {
	t.Helper()
	require.NoError(t, from.Load(&out))
	return out
}

// writes counts the events that a replica mints in a step.
func writes(r *joinery.Replica, step func()) uint64 {
	before := r.Status().Stats.Writes
	step()
	return r.Status().Stats.Writes - before
}

func TestAStructComesBackOnAnotherReplica(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	want := full()
	require.NoError(t, rs[0].Doc("d").Store(background, want))
	require.NoError(t, rs[0].Doc("d").Map("inner").Store(background, &want))
	settle(t, rs...)
	for _, from := range []joinery.Container{rs[1].Doc("d"), rs[1].Doc("d").Map("inner")} {
		got := load[everything](t, from)
		require.True(t, want.At.Equal(got.At))
		got.At = want.At
		require.Equal(t, want, got)
		got.Skipped, got.secret = "not stored", "nor this"
		require.Zero(t, writes(rs[1], func() {
			require.NoError(t, from.Store(background, &got))
			require.NoError(t, joinery.Edit(background, from, func(*everything) error { return nil }))
		}), "what was loaded is equal in bytes")
	}
}

func TestEachTagMakesItsFieldOfADocument(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	type one struct {
		R string           `joinery:"r"`
		C int              `joinery:"c,counter"`
		S []string         `joinery:"s,set"`
		W []string         `joinery:"w,rwset"`
		F bool             `joinery:"f,flag"`
		D bool             `joinery:"d,dwflag"`
		L map[string]int   `joinery:"l,lwwmap"`
		M map[string]int   `joinery:"m,map"`
		N map[string]int64 `joinery:"n,map,counter"`
		A *address         `joinery:"a"`
	}
	require.NoError(t, d.Store(background, one{"x", 1, []string{"x"}, []string{"x"}, true, true,
		map[string]int{"k": 1}, map[string]int{"k": 1}, map[string]int64{"k": 1}, &address{"Oslo", 0}}))
	require.Equal(t, []string{
		`["c"] counter 1`, `["d"] disable-wins-flag true`, `["f"] flag true`, `["r"] register x`,
		`["a" "city"] register Oslo`, `["a" "zip"] register 0`, `["l" "k"] lww-map 1`, `["m" "k"] register 1`,
		`["n" "k"] counter 1`, `["s"] set x`, `["w"] remove-wins-set x`,
	}, fields(d))
	require.NoError(t, d.Store(background, one{}))
	require.Equal(t, []string{`["c"] counter 0`, `["d"] disable-wins-flag false`, `["r"] register `}, fields(d),
		"of what is empty nothing stays but marks, sums and zero values")
	require.Zero(t, writes(r, func() { require.NoError(t, d.Store(background, &one{})) }), "and it is not written again")
}

// Loop embeds its own type, which adds nothing.
type Loop struct {
	*Loop
	Turns int `joinery:"turns"`
}

func TestEmbeddedStructsAreFlattened(t *testing.T) {
	type Base struct {
		ID    string `joinery:"id"`
		Name  string `joinery:"name"`
		Count int    `joinery:"count,counter"`
	}
	type Far struct {
		Extra string `joinery:"extra"`
	}
	type user struct {
		Base
		*Far
		*Loop
		time.Time        // has an encoding of its own: a value
		Named     Base   `joinery:"named"`
		Name      string `joinery:"name"`
	}
	d := alone(t).Doc("d")
	want := user{Base: Base{ID: "1", Name: "hidden", Count: 2}, Far: &Far{"e"}, Named: Base{ID: "2"}, Name: "seen", Time: time.Unix(7, 0)}
	require.NoError(t, d.Store(background, want))
	require.Equal(t, []string{`["count"] counter 2`, `["extra"] register e`, `["id"] register 1`, `["name"] register seen`},
		fields(d)[1:5])
	require.True(t, want.Time.Equal(get[time.Time](t, d.Register("Time"))))
	require.Equal(t, "2", get[string](t, d.Map("named").Register("id")))
	got := load[user](t, d)
	want.Base.Name = ""
	require.Equal(t, want, got)
	got.Far = nil
	require.NoError(t, d.Store(background, got))
	require.Nil(t, load[user](t, d).Far)
}

func TestAPointerTellsAbsentFromZero(t *testing.T) {
	type user struct {
		Age  *int     `joinery:"age"`
		Home *address `joinery:"home"`
	}
	d := alone(t).Doc("d")
	zero := 0
	require.NoError(t, d.Store(background, user{&zero, &address{}}))
	require.NoError(t, d.Map("home").Register("unknown").Set(background, "to this program"))
	require.Equal(t, user{&zero, &address{}}, load[user](t, d))
	require.NoError(t, d.Store(background, user{}))
	require.Equal(t, user{}, load[user](t, d))
	require.Empty(t, fields(d), "a map that becomes nil goes whole")
	require.NoError(t, d.Map("home").DisableWinsFlag("f").Disable(background))
	require.Equal(t, user{}, load[user](t, d), "a mark makes no map")
	require.NoError(t, d.Map("home").Register("unknown").Set(background, 1))
	require.Equal(t, user{Home: &address{}}, load[user](t, d), "an unknown field does")
}

func TestATypeMayContainItself(t *testing.T) {
	type node struct {
		Label string           `joinery:"label"`
		Next  *node            `joinery:"next"`
		Below map[string]*node `joinery:"below,map"`
	}
	d := alone(t).Doc("d")
	want := node{Label: "a", Next: &node{Label: "b"}, Below: map[string]*node{"k": {Label: "c", Next: &node{Label: "d"}}}}
	require.NoError(t, d.Store(background, want))
	require.Equal(t, want, load[node](t, d))
	for _, endless := range []*node{{Label: "x"}, {Label: "y"}} {
		if endless.Label == "x" {
			endless.Next = endless
		} else {
			endless.Below = map[string]*node{"k": endless}
		}
		require.ErrorIs(t, d.Store(background, endless), joinery.ErrTooLarge)
	}
	require.Equal(t, want, load[node](t, d))
	deep := &node{}
	for range 31 {
		deep = &node{Next: deep}
	}
	require.NoError(t, alone(t).Doc("d").Store(background, deep), "31 maps deep is what a path may be")
}

func TestLoadSetsWhatIsAbsentToZero(t *testing.T) {
	u := full()
	require.NoError(t, alone(t).Doc("nothing").Load(&u))
	require.Equal(t, everything{}, u)
	u.Skipped, u.Home.City = "kept", "gone"
	require.NoError(t, alone(t).Doc("nothing").Load(&u))
	require.Equal(t, everything{Skipped: "kept"}, u)
}
