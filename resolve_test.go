package joinery_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
)

func TestConflictsAreFedAsTheyComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := split(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var seen [][]string
		for c, err := range a.WatchConflicts(ctx, ">") {
			require.NoError(t, err)
			seen = append(seen, append([]string{c.Doc}, c.Path...))
			require.Len(t, c.Siblings, 2)
			if len(seen) == 2 {
				break
			}
			require.NoError(t, a.Doc("d").Register("v").Set(t.Context(), "settled", joinery.Over(c.Context)))
			clash(t, a, b, "later")
		}
		require.Equal(t, [][]string{{"d", "v"}, {"later", "v"}}, seen)
		for _, err := range a.WatchConflicts(ctx, "a*b") {
			require.ErrorIs(t, err, joinery.ErrName)
		}
	})
}

// clash makes two connected replicas write one register without having seen
// each other.
func clash(t *testing.T, a, b *joinery.Replica, doc string) {
	t.Helper()
	nothing, err := joinery.ParseContext("")
	require.NoError(t, err)
	require.NoError(t, a.Doc(doc).Register("v").Set(t.Context(), "left", joinery.Over(nothing)))
	require.NoError(t, b.Doc(doc).Register("v").Set(t.Context(), "right", joinery.Over(nothing)))
}

// TestResolversSettleTheSameEverywhere although each replica runs one.
func TestResolversSettleTheSameEverywhere(t *testing.T) {
	longest := func(c joinery.Conflict) (joinery.Resolution, error) {
		best := ""
		for _, s := range c.Siblings {
			if v, _ := s.Value.(string); len(v) > len(best) {
				best = v
			}
		}
		return joinery.SettleWith(best), nil
	}
	for name, c := range map[string]struct {
		resolve joinery.Resolver
		want    []string
	}{
		"the latest":      {joinery.LatestWins, []string{"right"}},
		"custom":          {longest, []string{"right"}},
		"removal":         {func(joinery.Conflict) (joinery.Resolution, error) { return joinery.SettleByRemoval(), nil }, nil},
		"nothing settled": {func(joinery.Conflict) (joinery.Resolution, error) { return joinery.KeepSiblings(), nil }, []string{"left", "right"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := split(t)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 2)
				for _, r := range []*joinery.Replica{a, b} {
					go func() { done <- r.ResolveConflicts(ctx, "d", c.resolve) }()
				}
				synctest.Wait()
				settle(t, a, b)
				distinct := make(map[string]bool)
				for _, v := range values(t, a.Doc("d").Register("v")) {
					distinct[v] = true
				}
				require.Len(t, distinct, len(c.want))
				for _, v := range c.want {
					require.True(t, distinct[v])
				}
				stop()
				for range 2 {
					require.ErrorIs(t, <-done, context.Canceled)
				}
			})
		})
	}
}

func TestAResolversErrorEndsItAndSettlesNothing(t *testing.T) {
	a, _ := split(t)
	broken := errors.New("broken")
	err := a.ResolveConflicts(t.Context(), ">", func(joinery.Conflict) (joinery.Resolution, error) { return joinery.Resolution{}, broken })
	require.ErrorIs(t, err, broken)
	require.Contains(t, err.Error(), `"d"`)
	require.Len(t, values(t, a.Doc("d").Register("v")), 2)
}
