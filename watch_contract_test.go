package joinery_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/store"
)

// follow reads from a watch until done.
func follow(t *testing.T, r *joinery.Replica, pattern string, done func(joinery.Event) bool, opts ...joinery.WatchOption) {
	t.Helper()
	for ev, err := range r.Watch(t.Context(), pattern, opts...) {
		require.NoError(t, err)
		if done(ev) {
			return
		}
	}
}

// change is an event as old and new value.
func change(ev joinery.Event) string {
	show := func(f *joinery.Field) string {
		switch {
		case f == nil:
			return "unknown"
		case !f.Exists:
			return "nothing"
		}
		return fmt.Sprint(f.Value)
	}
	return fmt.Sprintf("%s/%s: %s to %s", ev.Doc, ev.Path[len(ev.Path)-1], show(ev.Old), show(&ev.Field))
}

func TestEventsSayWhatWasThereBefore(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	require.NoError(t, d.Register("v").Set(background, "a"))
	steps := []func(){
		func() { require.NoError(t, d.Register("v").Set(background, "b")) },
		func() { require.NoError(t, d.Register("v").Remove(background)) },
		func() { require.NoError(t, d.Register("v").Set(background, "c")) },
		func() { require.NoError(t, d.Counter("n").Inc(background, 2)) },
		func() { require.NoError(t, d.Counter("n").Inc(background, 3)) },
		func() { require.NoError(t, d.LWWMap("m").Put(background, "k", 1)) },
		func() { require.NoError(t, d.LWWMap("m").Delete(background, "k")) },
		func() { require.NoError(t, d.Set("s").Add(background, "x")) },
		func() { require.NoError(t, d.Set("s").Remove(background, "x")) },
		func() { require.NoError(t, d.Flag("f").Enable(background)) },
	}
	var got []string
	follow(t, r, "d", func(ev joinery.Event) bool {
		require.Equal(t, ev.Snapshot, ev.Old == nil)
		if got = append(got, change(ev)); len(got) > len(steps) {
			return true
		}
		steps[len(got)-1]()
		return false
	}, joinery.OldValues())
	require.Equal(t, []string{
		"d/v: unknown to a", "d/v: a to b", "d/v: b to nothing", "d/v: nothing to c", "d/n: nothing to 2", "d/n: 2 to 5",
		"d/k: nothing to 1", "d/k: 1 to nothing", "d/s: nothing to x", "d/s: x to nothing", "d/f: nothing to true",
	}, got)
}

func TestOldValuesWithoutASnapshotBeginWithTheCall(t *testing.T) {
	r := alone(t)
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	events := r.Watch(t.Context(), "d", joinery.UpdatesOnly(), joinery.OldValues())
	require.NoError(t, r.Doc("d").Register("v").Set(background, 2))
	for ev, err := range events {
		require.NoError(t, err)
		require.Equal(t, "d/v: 1 to 2", change(ev))
		break
	}
}

func TestOldValuesAreNotKeptUnlessAskedFor(t *testing.T) {
	r := alone(t)
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	follow(t, r, "d", func(ev joinery.Event) bool {
		require.Nil(t, ev.Old)
		require.NoError(t, r.Doc("d").Register("v").Set(background, 2))
		return !ev.Snapshot
	})
}

func TestEventsSayWhoWroteWhatStands(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	a, b := rs[0], rs[1]
	d, there := a.Doc("d"), b.Doc("d")
	require.NoError(t, d.Register("v").Set(background, 1))
	require.NoError(t, d.Counter("n").Inc(background, 1))
	require.NoError(t, d.LWWMap("m").Put(background, "k", 1))
	require.NoError(t, d.RemoveWinsSet("s").Add(background, "x"))
	settle(t, a, b)
	origins := make(map[string]joinery.ID)
	steps := 0
	follow(t, b, "d", func(ev joinery.Event) bool {
		origins[ev.Path[0]] = ev.Origin
		if steps++; steps == 4 {
			require.Equal(t, map[string]joinery.ID{"v": a.ID(), "n": a.ID(), "m": a.ID(), "s": a.ID()}, origins)
			clear(origins)
			require.NoError(t, there.Register("v").Remove(background))
			require.NoError(t, there.Counter("n").Inc(background, 1))
			require.NoError(t, there.LWWMap("m").Delete(background, "k"))
			require.NoError(t, there.RemoveWinsSet("s").Remove(background, "x"))
		}
		return len(origins) == 4 && steps > 4
	})
	require.Equal(t, map[string]joinery.ID{"v": {}, "n": {}, "m": b.ID(), "s": b.ID()}, origins,
		"nobody's, both's, and two records of a removal")
}

// TestEventsOfADocumentComeInTheOrderOfItsChangesHere whoever made them.
func TestEventsOfADocumentComeInTheOrderOfItsChangesHere(t *testing.T) {
	net, rs := onMemory(t, 2, memory.Config{})
	a, b := rs[0], rs[1]
	events := b.Watch(t.Context(), "d", joinery.UpdatesOnly())
	var want []string
	for i := range 60 {
		writer, origin := a, "remote"
		if i%3 == 0 {
			writer, origin = b, "local"
		}
		require.NoError(t, writer.Doc("d").Register(fmt.Sprint(i)).Set(background, i))
		eventually(t, func() bool { return len(fields(b.Doc("d"))) == i+1 })
		want = append(want, fmt.Sprintf("%s d [%q] true %d", origin, fmt.Sprint(i), i))
	}
	require.NoError(t, net.WaitIdle(background))
	var got []string
	for ev, err := range events {
		require.NoError(t, err)
		if got = append(got, text(ev)); len(got) == len(want) {
			break
		}
	}
	require.Equal(t, want, got)
}

func TestASlowReaderIsToldWhatItSkipped(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	events := r.Watch(t.Context(), "d", joinery.UpdatesOnly())
	require.NoError(t, d.Register("once").Set(background, 1))
	for i := range 3 {
		require.NoError(t, d.Register("often").Set(background, i))
	}
	require.NoError(t, d.Update(background, func(tx *joinery.Tx) error {
		return errors.Join(tx.Register("group").Set(background, 1), tx.Register("group").Set(background, 2))
	}))
	skipped := make(map[string]bool)
	for ev, err := range events {
		require.NoError(t, err)
		if skipped[ev.Path[0]] = ev.Skipped; len(skipped) == 3 {
			break
		}
	}
	require.Equal(t, map[string]bool{"once": false, "often": true, "group": false}, skipped)
}

// TestAfterAGapAWatchShowsWhatIsThere: a reader that follows it knows all in
// the end, whatever it missed.
func TestAfterAGapAWatchShowsWhatIsThere(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	require.NoError(t, d.Register("goes").Set(background, 1))
	known := make(map[string]any)
	gaps := 0
	follow(t, r, "d", func(ev joinery.Event) bool {
		switch {
		case ev.Gap:
			gaps++
			clear(known)
			return false
		case ev.Exists:
			known[ev.Path[0]] = ev.Value
		default:
			delete(known, ev.Path[0])
		}
		if gaps == 0 && len(known) == 1 {
			require.NoError(t, d.Register("goes").Remove(background))
			for i := range 17_000 {
				require.NoError(t, d.Register(fmt.Sprint(i)).Set(background, i))
			}
			require.NoError(t, d.Register("last").Set(background, 1))
		}
		return known["last"] != nil && len(known) == 17_001
	}, joinery.OldValues())
	require.Equal(t, 1, gaps)
	require.NotContains(t, known, "goes")
}

// TestTheNamesOfWaitingPlacesAreBounded too, not their number alone.
func TestTheNamesOfWaitingPlacesAreBounded(t *testing.T) {
	r := alone(t)
	events := r.Watch(t.Context(), "d", joinery.UpdatesOnly())
	for i := range 5000 {
		require.NoError(t, r.Doc("d").Register(fmt.Sprintf("%4000d", i)).Set(background, i))
	}
	for ev, err := range events {
		require.NoError(t, err)
		require.True(t, ev.Gap, "20 MB of names are too many to keep")
		break
	}
}

// TestALoopMayUseTheReplicaInAnyWay: it writes to what it watches, in groups
// and beside a writer of its own, watches, and closes the replica at last.
func TestALoopMayUseTheReplicaInAnyWay(t *testing.T) {
	for name, tune := range map[string]tune{
		"in memory":    func(*joinery.Config) {},
		"with a store": func(c *joinery.Config) { c.Store = store.NewMemory() },
	} {
		t.Run(name, func(t *testing.T) {
			r := alone(t, tune)
			d := r.Doc("d")
			var writer sync.WaitGroup
			writer.Go(func() {
				for i := range 200 {
					report(t, r.Doc("e").Register("v").Set(background, i))
				}
			})
			require.NoError(t, d.Counter("n").Inc(background, 1))
			var last error
			for ev, err := range r.Watch(t.Context(), ">") {
				if last = err; err != nil {
					break
				}
				if ev.Doc != "d" {
					continue
				}
				if d.Counter("n").Value() > 100 {
					writer.Wait()
					require.NoError(t, r.Close())
					continue
				}
				require.NoError(t, d.Update(background, func(tx *joinery.Tx) error {
					return errors.Join(tx.Counter("n").Inc(background, 1), tx.Set("s").Add(background, tx.Counter("n").Value()))
				}))
				inner := take(t, 2, r, "d", nil)
				require.Contains(t, inner[0], "snapshot d")
			}
			require.ErrorIs(t, last, joinery.ErrClosed)
		})
	}
}

// TestAWatchLosesNothingByDisconnects of the replica that watches, at moments
// of which it is told and of which it is not.
func TestAWatchLosesNothingByDisconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, rs := onMemory(t, 2, memory.Config{})
		a, b := rs[0], rs[1]
		events := b.Watch(t.Context(), ">", joinery.UpdatesOnly())
		for i := range 40 {
			switch i % 4 {
			case 1:
				net.Disconnect("1")
			case 2:
				net.Blackhole("0", "1")
				net.Reconnect("1")
			case 3:
				net.Heal()
			}
			require.NoError(t, a.Doc(fmt.Sprint("d", i%3)).Register(fmt.Sprint(i)).Set(background, i))
		}
		net.Heal()
		net.Reconnect("1")
		settle(t, a, b)
		seen := make(map[string]any)
		for ev, err := range events {
			require.NoError(t, err)
			require.False(t, ev.Local || ev.Gap)
			require.Equal(t, a.ID(), ev.Origin)
			if seen[ev.Path[0]] = ev.Value; len(seen) == 40 {
				break
			}
		}
		require.True(t, assertEventually(func() bool { // the next beacon says that the peer has the same
			return slices.ContainsFunc(b.Status().Peers, func(p joinery.PeerStatus) bool { return p.Equal })
		}))
	})
}
