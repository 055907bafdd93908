package joinery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/store"
)

// fill gives a document a field of every kind, a removed one of most, and a conflict.
func fill(t *testing.T, d *joinery.Doc) {
	t.Helper()
	require.NoError(t, errors.Join(
		d.Register("v").Set(background, "value"), d.Counter("n").Inc(background, 5), d.Counter("n").Inc(background, -2),
		d.Set("s").Add(background, "x", "y", 7), d.Set("s").Remove(background, "y"),
		d.RemoveWinsSet("r").Add(background, "x", "y"), d.RemoveWinsSet("r").Remove(background, "y"),
		d.Flag("on").Enable(background), d.Flag("off").Enable(background), d.Flag("off").Disable(background),
		d.DisableWinsFlag("up").Enable(background), d.DisableWinsFlag("down").Disable(background),
		d.LWWMap("m").Put(background, "k", 1), d.LWWMap("m").Put(background, "gone", 1), d.LWWMap("m").Delete(background, "gone"),
		d.Map("a").Map("b").Register("deep").Set(background, []string{"x"}),
		d.Register("two").Set(background, "first"), d.Register("two").Set(background, "second", joinery.Over(joinery.Context{})),
	))
}

func TestACopyHasTheValuesAndNotTheHistory(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	a, b := rs[0], rs[1]
	fill(t, a.Doc("from"))
	settle(t, a, b)
	require.NoError(t, b.Doc("from").Copy(background, "to"))
	settle(t, a, b)
	require.Equal(t, fields(a.Doc("from")), fields(a.Doc("to")))
	for f := range a.Doc("to").Fields() {
		require.Equal(t, b.ID(), f.Origin, "who copied wrote it: %q", f.Path)
	}
	both, err := joinery.Siblings[string](a.Doc("to").Register("two"))
	require.NoError(t, err)
	require.Equal(t, []string{"second", "first"}, []string{both[0].Value, both[1].Value})
	gone, err := joinery.Siblings[int](a.Doc("to").LWWMap("m").Entry("gone"))
	require.NoError(t, err)
	require.Empty(t, gone, "records of deletions stay behind")
}

func TestACopyAndItsModelGoTheirOwnWays(t *testing.T) {
	r := alone(t)
	from, to := r.Doc("from"), r.Doc("to")
	fill(t, from)
	require.NoError(t, from.Copy(background, "to"))
	copied := fields(to)
	require.NoError(t, from.Counter("n").Inc(background, 1))
	require.NoError(t, from.Delete(background))
	require.Equal(t, copied, fields(to))
	require.NoError(t, to.Delete(background))
	left := []string{`["down"] disable-wins-flag false`} // it wins over who enables it concurrently
	require.Equal(t, left, fields(from))
	require.Equal(t, left, fields(to))
}

func TestACopyIsOneChangeForWatchers(t *testing.T) {
	r := alone(t)
	fill(t, r.Doc("from"))
	events := r.Watch(t.Context(), "to", joinery.UpdatesOnly())
	require.NoError(t, r.Doc("from").Copy(background, "to"))
	n := 0
	for ev, err := range events {
		require.NoError(t, err)
		require.False(t, ev.Skipped)
		if n++; n == len(fields(r.Doc("to"))) {
			break
		}
	}
	require.Equal(t, len(fields(r.Doc("from"))), n)
}

func TestACopyOverwritesNothingThatCanBeSeen(t *testing.T) {
	r := alone(t)
	fill(t, r.Doc("from"))
	require.NoError(t, r.Doc("to").Register("v").Set(background, "mine"))
	before := r.Status().Digest
	err := r.Doc("from").Copy(background, "to")
	require.ErrorIs(t, err, joinery.ErrExists)
	require.ErrorContains(t, err, `"to"`)
	require.ErrorIs(t, r.Doc("from").Copy(background, "from"), joinery.ErrExists)
	require.Equal(t, before, r.Status().Digest)

	fill(t, r.Doc("again"))
	require.NoError(t, r.Doc("again").Delete(background))
	require.True(t, r.Doc("again").Exists(), "records of deletions are left")
	require.NoError(t, r.Doc("from").Copy(background, "again"))
	require.Equal(t, fields(r.Doc("from")), fields(r.Doc("again")))
}

func TestCopiesThatCannotBe(t *testing.T) {
	r := alone(t)
	require.NoError(t, r.Doc("nothing").Copy(background, "to"))
	require.False(t, r.Doc("to").Exists())
	fill(t, r.Doc("from"))
	require.ErrorIs(t, r.Doc("from").Copy(background, "bad..name"), joinery.ErrName)
	require.ErrorIs(t, r.Doc("nothing").Copy(background, "bad..name"), joinery.ErrName)
	require.Error(t, r.Doc("from").Copy(cancelledContext(), "to"))
	require.False(t, r.Doc("to").Exists())
	require.NoError(t, r.Close())
	require.ErrorIs(t, r.Doc("from").Copy(background, "to"), joinery.ErrClosed)
}

// TestACopyKeepsToTheLimitsOfItsReplica, which what others wrote need not.
func TestACopyKeepsToTheLimitsOfItsReplica(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	free := open(t, joinery.Config{Broker: net.Connect("free")})
	short := open(t, joinery.Config{Broker: net.Connect("short"), MaxValue: 100})
	narrow := open(t, joinery.Config{Broker: net.Connect("narrow"), MaxFields: 3})
	require.NoError(t, free.Doc("long").Register("v").Set(background, long(200)))
	require.NoError(t, free.Doc("wide").Set("s").Add(background, 1, 2, 3, 4))
	settle(t, free, short, narrow)
	require.ErrorIs(t, short.Doc("long").Copy(background, "to"), joinery.ErrTooLarge)
	require.ErrorIs(t, narrow.Doc("wide").Copy(background, "to"), joinery.ErrTooLarge)
	require.False(t, short.Doc("to").Exists() || narrow.Doc("to").Exists())
}

// TestACopyOfMoreThanAGroup is several.
func TestACopyOfMoreThanAGroup(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	a, b := rs[0], rs[1]
	for i := range 30 {
		require.NoError(t, a.Doc("from").Register(fmt.Sprint(i)).Set(background, strings.Repeat(fmt.Sprint(i%10), 100_000)))
	}
	for i := range 9 {
		over := joinery.Over(joinery.Context{})
		require.NoError(t, a.Doc("from").Register("siblings").Set(background, strings.Repeat(fmt.Sprint(i), 100_000), over))
	}
	require.NoError(t, a.Doc("from").Copy(background, "to"))
	settle(t, a, b)
	require.Equal(t, fields(a.Doc("from")), fields(b.Doc("to")))
	for f := range b.Doc("to").FieldsAt("siblings") {
		require.Equal(t, 9, f.Siblings)
	}
}

// dots collects the names of the events behind what a document shows, and fails
// if one of them names two values.
type dots map[string]string

func (seen dots) collect(t *testing.T, c joinery.Cell) {
	t.Helper()
	all, err := joinery.Siblings[string](c)
	require.NoError(t, err)
	for _, s := range all {
		if was, ok := seen[s.Context.String()]; ok {
			require.Equal(t, was, s.Value, "one event, two values")
		}
		seen[s.Context.String()] = s.Value
	}
}

// TestAStaleReplicaDoesNotEmptyADocumentThatWasMadeAgain: it was away while the
// document was deleted and made again, several times.
func TestAStaleReplicaDoesNotEmptyADocumentThatWasMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, rs := onMemory(t, 3, memory.Config{})
		a, b, stale := rs[0], rs[1], rs[2]
		seen := make(dots)
		require.NoError(t, a.Doc("d").Register("v").Set(background, "life 0"))
		require.NoError(t, a.Doc("d").Register("old").Set(background, "old"))
		settle(t, a, b, stale)
		seen.collect(t, a.Doc("d").Register("v"))
		net.Disconnect("2")
		for life := 1; life < 5; life++ {
			one, other := rs[life%2], rs[1-life%2]
			require.NoError(t, one.Doc("d").Delete(background))
			require.False(t, one.Doc("d").Exists())
			require.NoError(t, one.Doc("d").Register("v").Set(background, fmt.Sprint("life ", life)))
			settle(t, a, b)
			seen.collect(t, other.Doc("d").Register("v"))
		}
		require.Len(t, seen, 5, "each life is an event of its own")
		require.NoError(t, stale.Doc("d").Delete(background), "of what it had")
		require.NoError(t, stale.Doc("d").Register("late").Set(background, "late"))
		net.Reconnect("2")
		settle(t, rs...)
		require.Equal(t, []string{`["late"] register late`, `["v"] register life 4`}, fields(stale.Doc("d")))
		require.Equal(t, fields(stale.Doc("d")), fields(a.Doc("d")))
		for _, r := range rs {
			require.Zero(t, r.Status().Stats.Conflicts)
		}
	})
}

// TestADocumentMadeAgainAfterARestartMintsNoDotTwice, whether its replica comes
// back under its identity with what it had, with nothing, or with what is old.
func TestADocumentMadeAgainAfterARestartMintsNoDotTwice(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	witness := open(t, joinery.Config{Broker: net.Connect("witness")})
	disk, seen := store.NewMemory(), make(dots)
	id := joinery.NewID()
	for life := range 6 {
		s := disk
		if life%2 == 1 {
			s = store.NewMemory() // the disk was lost
		}
		r, err := joinery.Open(background, joinery.Config{Space: "test", ID: id, Store: s, Broker: net.Connect("it")})
		require.NoError(t, err)
		require.NoError(t, r.Doc("d").Delete(background))
		require.NoError(t, r.Doc("d").Register("v").Set(background, fmt.Sprint("life ", life)))
		seen.collect(t, r.Doc("d").Register("v"))
		settle(t, r, witness)
		seen.collect(t, witness.Doc("d").Register("v"))
		require.NoError(t, r.Close())
	}
	require.Len(t, seen, 6)
	require.Zero(t, witness.Status().Stats.Conflicts)
}
