package joinery_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// split returns two replicas whose registers "v" got different values while
// they could not reach each other, joined again.
func split(t *testing.T) (a, b *joinery.Replica) {
	t.Helper()
	net, rs := onMemory(t, 2, memory.Config{})
	a, b = rs[0], rs[1]
	require.NoError(t, a.Doc("d").Register("v").Set(background, "old"))
	settle(t, a, b)
	net.Partition([]string{"0"}, []string{"1"})
	require.NoError(t, a.Doc("d").Register("v").Set(background, "left"))
	time.Sleep(2 * time.Millisecond) // timestamps are in milliseconds
	require.NoError(t, b.Doc("d").Register("v").Set(background, "right"))
	net.Heal()
	settle(t, a, b)
	return a, b
}

func values(t *testing.T, c joinery.Cell) (out []string) {
	t.Helper()
	all, err := joinery.Siblings[string](c)
	require.NoError(t, err)
	for _, s := range all {
		out = append(out, s.Value)
	}
	return out
}

func TestSiblingsTellWhoWroteThemAndWhen(t *testing.T) {
	a, b := split(t)
	for _, r := range []*joinery.Replica{a, b} {
		v := r.Doc("d").Register("v")
		require.Equal(t, "right", get[string](t, v), "the later one")
		all, err := joinery.Siblings[string](v)
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, []joinery.ID{b.ID(), a.ID()}, []joinery.ID{all[0].Replica, all[1].Replica})
		require.WithinDuration(t, time.Now(), all[0].Time, time.Minute)
		require.True(t, all[1].Time.Before(all[0].Time))
	}
}

func TestTheNextWriteSettlesAConflict(t *testing.T) {
	a, b := split(t)
	require.NoError(t, b.Doc("d").Register("v").Set(background, "both"))
	settle(t, a, b)
	require.Equal(t, []string{"both"}, values(t, a.Doc("d").Register("v")))
}

func TestConflictsAreListedUntilTheyAreSettled(t *testing.T) {
	a, _ := split(t)
	require.NoError(t, a.Doc("other").Register("v").Set(background, 1))
	var all []joinery.Conflict
	for c, err := range a.Conflicts(">") {
		require.NoError(t, err)
		all = append(all, c)
	}
	require.Len(t, all, 1)
	require.Equal(t, "d", all[0].Doc)
	require.Equal(t, []string{"v"}, all[0].Path)
	require.Equal(t, joinery.KindRegister, all[0].Kind)
	require.Equal(t, "right", all[0].Siblings[0].Value)
	for range a.Conflicts(">") {
		require.NoError(t, a.Doc("d").Register("v").Set(background, "done"), "a loop may settle what it reads")
	}
	for range a.Conflicts(">") {
		t.Fatal("settled")
	}
	for _, err := range a.Conflicts("a*b") {
		require.ErrorIs(t, err, joinery.ErrName)
	}
}

// TestAWriteOverAContextSupersedesWhatWasReadAndNothingElse: the context goes
// to a client as text, and comes back to another replica.
func TestAWriteOverAContextSupersedesWhatWasReadAndNothingElse(t *testing.T) {
	a, b := split(t)
	text := joinery.ReadContext(a.Doc("d").Register("v")).String()
	siblings, err := joinery.Siblings[string](a.Doc("d").Register("v"))
	require.NoError(t, err)

	require.NoError(t, b.Doc("d").Register("v").Set(background, "meanwhile", joinery.Over(siblings[1].Context)))
	require.ElementsMatch(t, []string{"meanwhile", "right"}, values(t, b.Doc("d").Register("v")), "it knew of the left one alone")
	settle(t, a, b)

	seen, err := joinery.ParseContext(text)
	require.NoError(t, err)
	require.Equal(t, text, seen.String())
	require.NoError(t, b.Doc("d").Register("v").Set(background, "mine", joinery.Over(seen)))
	settle(t, a, b)
	require.ElementsMatch(t, []string{"meanwhile", "mine"}, values(t, a.Doc("d").Register("v")), "what the client had not seen stays")

	require.NoError(t, a.Doc("d").Register("v").Remove(background, joinery.Over(joinery.ReadContext(a.Doc("d").Register("v")))))
	require.Empty(t, values(t, a.Doc("d").Register("v")))
}

func TestAWriteOverNothingIsASiblingToEverything(t *testing.T) {
	v := alone(t).Doc("d").Register("v")
	require.NoError(t, v.Set(background, "a"))
	nothing, err := joinery.ParseContext("")
	require.NoError(t, err)
	require.NoError(t, v.Set(background, "b", joinery.Over(nothing)))
	require.Len(t, values(t, v), 2)
}

// TestAContextFromNowhereCannotKillWhatIsToCome: a death of this replica's own
// next event would have silently killed the next write.
func TestAContextFromNowhereCannotKillWhatIsToCome(t *testing.T) {
	r := alone(t)
	v := r.Doc("d").Register("v")
	require.NoError(t, v.Set(background, "first"))
	own := r.Status().Actor
	forged, err := joinery.ParseContext(own + "@2," + own + "@3")
	require.NoError(t, err)
	require.ErrorIs(t, v.Set(background, "second", joinery.Over(forged)), joinery.ErrValue)
	require.ErrorIs(t, v.Remove(background, joinery.Over(forged)), joinery.ErrValue)
	require.ErrorIs(t, r.Doc("new").Register("v").Set(background, 1, joinery.Over(forged)), joinery.ErrValue)
	require.NoError(t, v.Set(background, "second"))
	require.Equal(t, []string{"second"}, values(t, v))
}

func TestContextsThatAreNone(t *testing.T) {
	for _, s := range []string{"x", "@1", ",", "00000000-0000-0000-0000-000000000001@0", "00000000-0000-0000-0000-000000000001@99999999999999999999"} {
		_, err := joinery.ParseContext(s)
		require.ErrorIs(t, err, joinery.ErrValue, s)
	}
	_, err := joinery.ParseContext(string(make([]byte, 0)) + string(slices.Repeat([]byte(","), 2000)))
	require.ErrorIs(t, err, joinery.ErrTooLarge)
}

func TestAnOlderTimestampIsSuperseded(t *testing.T) {
	d := alone(t).Doc("d")
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) joinery.Option { return joinery.At(joinery.TimeAt(noon.Add(d))) }
	v, m := d.Register("v"), d.LWWMap("m")
	require.NoError(t, v.Set(background, "noon", at(0)))
	require.ErrorIs(t, v.Set(background, "before", at(-time.Hour)), joinery.ErrSuperseded)
	require.NoError(t, v.Set(background, "after", at(time.Hour)))
	require.Equal(t, "after", get[string](t, v))
	require.NoError(t, v.Set(background, "ordinary"), "an ordinary write is never ignored")
	require.Equal(t, "ordinary", get[string](t, v))
	require.NoError(t, m.Put(background, "k", 1, at(0)))
	require.ErrorIs(t, m.Delete(background, "k", at(-time.Hour)), joinery.ErrSuperseded)
	require.ErrorIs(t, d.Update(background, func(tx *joinery.Tx) error {
		return tx.LWWMap("m").Put(background, "k", 2, at(-time.Hour))
	}), joinery.ErrSuperseded)
	require.Equal(t, 1, get[int](t, m.Entry("k")))
	require.Empty(t, func() (all []joinery.Conflict) {
		for c := range alone(t).Conflicts(">") {
			all = append(all, c)
		}
		return all
	}())
}

func TestACancelledContextWritesNothing(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	ctx, cancel := context.WithCancel(background)
	cancel()
	for what, err := range map[string]error{
		"set": d.Register("v").Set(ctx, 1), "remove": d.Register("v").Remove(ctx), "inc": d.Counter("c").Inc(ctx, 1),
		"add": d.Set("s").Add(ctx, 1), "clear": d.Set("s").Clear(ctx), "enable": d.Flag("f").Enable(ctx),
		"put": d.LWWMap("m").Put(ctx, "k", 1), "delete": d.LWWMap("m").Delete(ctx, "k"), "map": d.Map("m").Remove(ctx),
		"document": d.Delete(ctx), "disable": d.DisableWinsFlag("f").Disable(ctx),
	} {
		require.ErrorIs(t, err, context.Canceled, what)
		require.ErrorContains(t, err, `document "d"`, what)
	}
	require.Zero(t, r.Status().Docs)
}
