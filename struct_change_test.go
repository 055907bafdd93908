package joinery_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

type profile struct {
	Name   string            `joinery:"name"`
	Email  string            `joinery:"email"`
	Visits int64             `joinery:"visits,counter"`
	Tags   []string          `joinery:"tags,set"`
	Prefs  map[string]string `joinery:"prefs,map"`
	Home   address           `joinery:"home"`
	Dict   map[string]any    `joinery:"dict"`
}

// apart opens two replicas that hold the same profile and do not hear each
// other until the returned function brings them together.
func apart(t *testing.T, p profile) (a, b *joinery.Doc, join func()) {
	net, rs := onMemory(t, 2, memory.Config{})
	a, b = rs[0].Doc("d"), rs[1].Doc("d")
	require.NoError(t, a.Store(background, p))
	settle(t, rs...)
	net.Disconnect("1")
	return a, b, func() {
		net.Reconnect("1")
		settle(t, rs...)
		require.Equal(t, fields(a), fields(b))
	}
}

func TestConcurrentEditsOfDifferentFieldsBothSurvive(t *testing.T) {
	a, b, join := apart(t, profile{Name: "Al", Email: "old", Home: address{"Oslo", 1}})
	require.NoError(t, joinery.Edit(background, a, func(p *profile) error { p.Name, p.Home.City = "Alice", "Moss"; return nil }))
	require.NoError(t, joinery.Edit(background, b, func(p *profile) error { p.Email, p.Home.Zip = "new", 2; return nil }))
	join()
	require.Equal(t, profile{Name: "Alice", Email: "new", Home: address{"Moss", 2}}, load[profile](t, a))
}

func TestConcurrentStoresOfDifferentFieldsBothSurvive(t *testing.T) {
	a, b, join := apart(t, profile{Name: "Al", Email: "old", Visits: 10})
	one, other := load[profile](t, a), load[profile](t, b)
	one.Name, one.Visits = "Alice", 13
	other.Email, other.Visits = "new", 14
	require.NoError(t, a.Store(background, one))
	require.NoError(t, b.Store(background, other))
	join()
	require.Equal(t, profile{Name: "Alice", Email: "new", Visits: 17}, load[profile](t, a), "and the counter's differences add up")
}

func TestSetsAndMapsOfConcurrentStoresMerge(t *testing.T) {
	a, b, join := apart(t, profile{Tags: []string{"x", "y"}, Prefs: map[string]string{"k": "1", "l": "1"}})
	require.NoError(t, a.Store(background, profile{Tags: []string{"y", "a"}, Prefs: map[string]string{"k": "2"}}))
	require.NoError(t, b.Store(background, profile{Tags: []string{"x", "b"}, Prefs: map[string]string{"k": "1", "l": "1", "m": "1"}}))
	join()
	got := load[profile](t, b)
	require.Equal(t, []string{"a", "b"}, got.Tags, "what one side removed and the other left alone is gone")
	require.Equal(t, map[string]string{"k": "2", "m": "1"}, got.Prefs)
}

// TestAnElementStoredAgainWins: of an add-wins set.
func TestAnElementStoredAgainWins(t *testing.T) {
	a, b, join := apart(t, profile{Tags: []string{"x"}})
	require.NoError(t, a.Store(background, profile{}))
	require.NoError(t, b.Store(background, profile{}))
	require.NoError(t, b.Store(background, profile{Tags: []string{"x"}}))
	join()
	require.Equal(t, []string{"x"}, load[profile](t, a).Tags)
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	p := profile{Name: "Al", Email: "e", Tags: []string{"x", "y"}, Prefs: map[string]string{"k": "1", "l": "1"}}
	require.NoError(t, d.Store(background, p))
	p.Tags = []string{"y", "x", "x"}
	require.Zero(t, writes(r, func() { require.NoError(t, d.Store(background, p)) }), "order and repetition mean nothing in a set")
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	changes := r.Watch(ctx, "d", joinery.UpdatesOnly())
	p.Name, p.Prefs, p.Tags = "Alice", map[string]string{"k": "2", "l": "1"}, []string{"x", "y", "z"}
	require.EqualValues(t, 3, writes(r, func() { require.NoError(t, d.Store(background, p)) }))
	var seen [][]string
	for ev, err := range changes {
		require.NoError(t, err)
		if seen = append(seen, ev.Path); len(seen) == 3 {
			break
		}
	}
	require.ElementsMatch(t, [][]string{{"name"}, {"prefs", "k"}, {"tags"}}, seen)
}

// TestEqualMapsAreEqualBytes: a Go map has no order, and neither has the
// encoding of another client.
func TestEqualMapsAreEqualBytes(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	big := func() map[string]any {
		m := make(map[string]any)
		for _, k := range []string{"z", "b", "a", "y", "q", "w"} {
			m[k] = map[string]any{k: int64(1), "other": []any{int64(1), "x"}}
		}
		return m
	}
	require.NoError(t, d.Register("dict").Set(background, big()))
	require.NoError(t, d.Register("name").Set(background, "Al"))
	require.NoError(t, d.Register("email").Set(background, ""))
	require.NoError(t, d.Map("home").Register("city").Set(background, ""))
	require.NoError(t, d.Map("home").Register("zip").Set(background, 0))
	for range 20 {
		require.Zero(t, writes(r, func() { require.NoError(t, d.Store(background, profile{Name: "Al", Dict: big()})) }))
	}
}

func TestStoreWritesBackAndStoreChangesDoesNot(t *testing.T) {
	for name, store := range map[string]struct {
		do   func(d *joinery.Doc, before, after *profile) error
		want profile
	}{
		"Store": {func(d *joinery.Doc, _, after *profile) error { return d.Store(background, after) }, profile{Name: "Alice", Email: "old", Visits: 3}},
		"StoreChanges": {func(d *joinery.Doc, before, after *profile) error {
			return joinery.StoreChanges(background, d, before, after)
		}, profile{Name: "Alice", Email: "new", Visits: 8}},
	} {
		d := alone(t).Doc("d")
		require.NoError(t, d.Store(background, profile{Name: "Al", Email: "old", Visits: 2}))
		before, after := load[profile](t, d), load[profile](t, d)
		require.NoError(t, d.Register("email").Set(background, "new"))
		require.NoError(t, d.Counter("visits").Inc(background, 5))
		after.Name, after.Visits = "Alice", 3
		require.NoError(t, store.do(d, &before, &after), name)
		require.Equal(t, store.want, load[profile](t, d), name)
	}
}

// TestEditWritesOnlyWhatWasChanged: neither zero values of what is absent, nor
// a value of which the Go type knows only a part.
func TestEditWritesOnlyWhatWasChanged(t *testing.T) {
	type user struct {
		profile
		Whole address `joinery:"whole,whole"`
	}
	d := alone(t).Doc("d")
	whole := map[string]any{"City": "Oslo", "Zip": int64(1), "unknown": "kept"}
	require.NoError(t, d.Register("whole").Set(background, whole))
	require.NoError(t, joinery.Edit(background, d, func(u *user) error {
		require.Equal(t, address{"Oslo", 1}, u.Whole)
		u.Email = "e"
		return nil
	}))
	require.Len(t, fields(d), 2)
	require.Equal(t, "e", get[string](t, d.Register("email")))
	require.Equal(t, whole, get[map[string]any](t, d.Register("whole")))
}

func TestEditThatFailsOrPanicsWritesNothing(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	require.ErrorIs(t, joinery.Edit(background, d, func(p *profile) error { p.Name = "x"; return errBoom }), errBoom)
	require.Panics(t, func() { _ = joinery.Edit(background, d, func(p *profile) error { p.Name = "x"; panic("boom") }) })
	require.False(t, d.Exists())
	ended, cancel := context.WithCancel(background)
	cancel()
	require.ErrorIs(t, joinery.Edit(ended, d, func(p *profile) error { p.Name = "x"; return nil }), context.Canceled)
	require.ErrorIs(t, d.Store(ended, profile{}), context.Canceled)
	require.ErrorIs(t, r.Doc("").Store(background, profile{}), joinery.ErrName)
	require.False(t, d.Exists())
}

// TestStructsInsideAnUpdateAreOfItsGroup: what one of them writes the next one reads.
func TestStructsInsideAnUpdateAreOfItsGroup(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	err := d.Update(background, func(tx *joinery.Tx) error {
		return errors.Join(
			tx.Store(background, profile{Name: "Al"}),
			tx.Map("home").Store(background, address{"Oslo", 3}),
			joinery.Edit(background, tx, func(p *profile) error { p.Visits += int64(p.Home.Zip); return nil }),
			joinery.StoreChanges(background, tx, &profile{}, &profile{Email: "e"}),
		)
	})
	require.NoError(t, err)
	want := profile{Name: "Al", Email: "e", Visits: 3, Home: address{"Oslo", 3}}
	d.View(func(tx *joinery.Tx) { require.Equal(t, want, load[profile](t, tx)) })
	require.ErrorIs(t, d.Update(background, func(tx *joinery.Tx) error {
		require.NoError(t, tx.Store(background, profile{}))
		return errBoom
	}), errBoom)
	require.Equal(t, want, load[profile](t, d))
}

// TestEntriesOfAnLWWMapAreWrittenOneByOne: a later put of one and deletion of
// another win, and what is equal is not put again.
func TestEntriesOfAnLWWMapAreWrittenOneByOne(t *testing.T) {
	type prefs struct {
		All map[string]int `joinery:"all,lwwmap"`
	}
	r := alone(t)
	d := r.Doc("d")
	require.NoError(t, d.Store(background, prefs{map[string]int{"a": 1, "b": 1, "c": 1}}))
	want := prefs{map[string]int{"a": 2, "c": 1, "d": 1}}
	require.EqualValues(t, 3, writes(r, func() { require.NoError(t, d.Store(background, want)) }))
	require.Equal(t, want, load[prefs](t, d))
}

// TestNobodyLoadsHalfAStore: the fields of a struct change together, here and
// elsewhere.
func TestNobodyLoadsHalfAStore(t *testing.T) {
	type many struct {
		M map[string]int `joinery:"m,map"`
	}
	_, rs := onMemory(t, 2, memory.Config{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 300 {
			m := make(map[string]int)
			for k := range 30 {
				m[string(rune('a'+k))] = i
			}
			if err := rs[0].Doc("d").Store(background, many{M: m}); err != nil {
				t.Error(err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, r := range rs {
			m := load[many](t, r.Doc("d")).M
			require.Contains(t, []int{0, 30}, len(m))
			for _, v := range m {
				require.Equal(t, m["a"], v)
			}
		}
	}
	settle(t, rs...)
}
