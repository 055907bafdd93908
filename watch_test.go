package joinery_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// text is an event in one line.
func text(ev joinery.Event) string {
	origin := "remote"
	switch {
	case ev.Gap:
		return "gap"
	case ev.Snapshot:
		origin = "snapshot"
	case ev.Local:
		origin = "local"
	}
	return fmt.Sprintf("%s %s %q %v %v", origin, ev.Doc, ev.Path, ev.Exists, ev.Value)
}

// take reads so many events from a watch.
func take(t *testing.T, n int, r *joinery.Replica, pattern string, each func(i int), opts ...joinery.WatchOption) (out []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(background, within)
	defer cancel()
	for ev, err := range r.Watch(ctx, pattern, opts...) {
		require.NoError(t, err)
		out = append(out, text(ev))
		if each != nil {
			each(len(out))
		}
		if len(out) == n {
			break
		}
	}
	require.Len(t, out, n)
	return out
}

func TestWatchYieldsWhatIsThereThenWhatChanges(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	a, b := rs[0], rs[1]
	require.NoError(t, a.Doc("cart.1").Register("v").Set(background, "old"))
	require.NoError(t, a.Doc("cart.1").Set("s").Add(background, "x"))
	require.NoError(t, a.Doc("user").Register("v").Set(background, "not watched"))
	settle(t, a, b)
	got := take(t, 6, a, "cart.*", func(i int) {
		switch i {
		case 2:
			require.NoError(t, a.Doc("cart.1").Register("v").Set(background, "new"))
		case 3:
			require.NoError(t, a.Doc("cart.1").Set("s").Remove(background, "x"))
		case 4:
			require.NoError(t, b.Doc("cart.2").Counter("n").Inc(background, 3))
		case 5:
			require.NoError(t, a.Doc("user").Counter("n").Inc(background, 3))
			require.NoError(t, b.Doc("cart.2").Delete(background))
		}
	})
	require.Equal(t, []string{
		`snapshot cart.1 ["v"] true old`, `snapshot cart.1 ["s"] true x`,
		`local cart.1 ["v"] true new`, `local cart.1 ["s"] false x`,
		`remote cart.2 ["n"] true 3`, `remote cart.2 ["n"] false 0`,
	}, got)
}

func TestWatchOfUpdatesBeginsWithTheCall(t *testing.T) {
	r := alone(t)
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	events := r.Watch(background, "d", joinery.UpdatesOnly())
	require.NoError(t, r.Doc("d").Register("v").Set(background, 2))
	for ev, err := range events {
		require.NoError(t, err)
		require.Equal(t, `local d ["v"] true 2`, text(ev))
		break
	}
	require.Panics(t, func() {
		for range events {
			t.Error("a watch is for one loop")
		}
	})
}

func TestWatchWithABadPattern(t *testing.T) {
	for _, pattern := range []string{"", "a*", "a.>.b", "a..b", "\xff"} {
		n := 0
		for _, err := range alone(t).Watch(background, pattern) {
			require.ErrorIs(t, err, joinery.ErrName)
			n++
		}
		require.Equal(t, 1, n, pattern)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	r := alone(t)
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	n := 0
	for _, err := range r.Watch(ctx, ">") {
		require.NoError(t, err)
		n++
		cancel()
	}
	require.Equal(t, 1, n)
	for range r.Watch(ctx, ">") {
		t.Error("it had ended before it began")
	}
	_ = r.Watch(ctx, ">") // nobody loops: the context ends it
}

func TestChangesThatComeFasterThanTheyAreReadFallTogether(t *testing.T) {
	r := alone(t)
	events := r.Watch(background, "d", joinery.UpdatesOnly())
	for i := range 1000 {
		require.NoError(t, r.Doc("d").Register("v").Set(background, i))
	}
	require.NoError(t, r.Doc("d").Register("w").Set(background, "end"))
	var got []string
	for ev, err := range events {
		require.NoError(t, err)
		if got = append(got, text(ev)); ev.Value == "end" {
			break
		}
	}
	require.Equal(t, []string{`local d ["v"] true 999`, `local d ["w"] true end`}, got)
}

// TestASlowReaderIsToldOfAGap: more places change than are kept.
func TestASlowReaderIsToldOfAGap(t *testing.T) {
	r := alone(t)
	events := r.Watch(background, ">", joinery.UpdatesOnly())
	const places = 20_000
	for i := range places {
		require.NoError(t, r.Doc("d").Register(fmt.Sprint(i)).Set(background, i))
	}
	gaps, seen, last := 0, 0, any(nil)
	for ev, err := range events {
		require.NoError(t, err)
		if ev.Gap {
			require.Zero(t, seen, "the gap comes before what was kept")
			require.Empty(t, ev.Path)
			gaps++
			continue
		}
		seen++
		if last = ev.Value; last == int64(places-1) {
			break
		}
	}
	require.Equal(t, 1, gaps)
	require.Less(t, seen, places)
}

func TestASlowWatcherHoldsUpNobody(t *testing.T) {
	r := alone(t)
	release := make(chan struct{})
	var slow sync.WaitGroup
	slow.Go(func() {
		for range r.Watch(background, ">") {
			<-release
			break
		}
	})
	require.NoError(t, r.Doc("d").Register("v").Set(background, 0))
	got := take(t, 5, r, "d", func(i int) { require.NoError(t, r.Doc("d").Register("v").Set(background, i)) })
	require.Equal(t, `local d ["v"] true 4`, got[4])
	close(release)
	slow.Wait()
}

// TestAGroupIsSeenInOneView: places of a group may have been waiting already,
// apart from each other, and other documents' changes between them.
func TestAGroupIsSeenInOneView(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	stop, writer := make(chan struct{}), sync.WaitGroup{}
	writer.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			report(t, rs[0].Doc("other").Register("v").Set(background, i))
			report(t, rs[0].Doc("pair").Update(background, func(tx *joinery.Tx) error {
				return errors.Join(tx.Register("a").Set(background, i), tx.Register("b").Set(background, i))
			}))
		}
	})
	pair := map[string]any{}
	n := 0
	for ev, err := range rs[1].Watch(background, ">", joinery.UpdatesOnly()) {
		require.NoError(t, err)
		if ev.Doc != "pair" {
			require.Equal(t, pair["a"], pair["b"], "events of another document came between those of a group")
			continue
		}
		pair[ev.Path[0]] = ev.Value
		if n++; n == 400 {
			break
		}
	}
	close(stop)
	writer.Wait()
}

// TestPlacesOfAGroupAreNotTornApart: one of them was waiting before, with
// another document's change behind it.
func TestPlacesOfAGroupAreNotTornApart(t *testing.T) {
	r := alone(t)
	events := r.Watch(background, ">", joinery.UpdatesOnly())
	require.NoError(t, r.Doc("pair").Register("a").Set(background, 1))
	require.NoError(t, r.Doc("other").Register("v").Set(background, 2))
	require.NoError(t, r.Doc("pair").Update(background, func(tx *joinery.Tx) error {
		return errors.Join(tx.Register("a").Set(background, 3), tx.Register("b").Set(background, 3))
	}))
	var got []string
	for ev, err := range events {
		require.NoError(t, err)
		if got = append(got, text(ev)); len(got) == 3 {
			break
		}
	}
	require.Equal(t, []string{`local pair ["a"] true 3`, `local pair ["b"] true 3`, `local other ["v"] true 2`}, got)
}

func report(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// TestAnUpdateThatFailedIsNoEvent: its changes were once announced.
func TestAnUpdateThatFailedIsNoEvent(t *testing.T) {
	r := alone(t)
	events := r.Watch(background, "d", joinery.UpdatesOnly())
	require.ErrorIs(t, r.Doc("d").Update(background, func(tx *joinery.Tx) error {
		require.NoError(t, tx.Register("v").Set(background, 1))
		return errBoom
	}), errBoom)
	require.NoError(t, r.Doc("d").Register("w").Set(background, 2))
	for ev, err := range events {
		require.NoError(t, err)
		require.Equal(t, `local d ["w"] true 2`, text(ev))
		break
	}
}

// TestAWatchSurvivesAReconnectWithoutLoss cuts the link again and again; the
// watcher must have seen the last value of every field in the end.
func TestAWatchSurvivesAReconnectWithoutLoss(t *testing.T) {
	srv := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	link := newLink(t, hostPort(t, srv.ClientURL()))
	writer := open(t, joinery.Config{Conn: dial(t, srv)})
	reader := open(t, joinery.Config{Conn: dialURL(t, "nats://"+link.Addr())})
	const rounds = 5
	var work sync.WaitGroup
	work.Go(func() {
		for i := range rounds * 100 {
			report(t, writer.Doc("d").Register(fmt.Sprint(i%10)).Set(background, i))
			if i%100 == 50 {
				link.Cut()
			}
			if i%100 == 99 {
				link.Restore()
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
	seen := make(map[string]any)
	ctx, cancel := context.WithTimeout(background, within)
	defer cancel()
	for ev, err := range reader.Watch(ctx, "d") {
		require.NoError(t, err)
		require.False(t, ev.Local)
		if seen[ev.Path[0]] = ev.Value; complete(seen, rounds*100) {
			break
		}
	}
	require.NoError(t, ctx.Err())
	work.Wait()
}

// complete reports whether the last value of each of ten fields was seen.
func complete(seen map[string]any, n int) bool {
	for i := range 10 {
		if seen[fmt.Sprint(i)] != int64(n-10+i) {
			return false
		}
	}
	return true
}
