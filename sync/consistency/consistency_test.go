package consistency_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/consistency"
)

func id(n int) (out causal.ID) {
	out[0], out[1] = byte(n>>8), byte(n)
	return out
}

// voters returns owners 1, 2, ... at the sites given.
func voters(sites ...string) (out []consistency.Voter) {
	for i, s := range sites {
		out = append(out, consistency.Voter{ID: id(i + 1), Site: s})
	}
	return out
}

func view(vs []consistency.Voter) consistency.View { return vs }

// TestALevelIsReachedByExactlyThoseThatItNames tries every subset of five
// owners at two sites against every level, in the words of the level.
func TestALevelIsReachedByExactlyThoseThatItNames(t *testing.T) {
	owners := voters("a", "a", "a", "b", "b")
	at := func(set int, ids ...int) (n int) {
		for _, i := range ids {
			n += set >> (i - 1) & 1
		}
		return n
	}
	for _, c := range []struct {
		level consistency.Level
		want  func(set int) bool
	}{
		{consistency.Local, func(int) bool { return true }},
		{consistency.One, func(s int) bool { return s != 0 }},
		{consistency.Two, func(s int) bool { return at(s, 1, 2, 3, 4, 5) >= 2 }},
		{consistency.Three, func(s int) bool { return at(s, 1, 2, 3, 4, 5) >= 3 }},
		{consistency.Count(4), func(s int) bool { return at(s, 1, 2, 3, 4, 5) >= 4 }},
		{consistency.Quorum, func(s int) bool { return at(s, 1, 2, 3, 4, 5) >= 3 }},
		{consistency.All, func(s int) bool { return s == 31 }},
		{consistency.LocalQuorum, func(s int) bool { return at(s, 1, 2, 3) >= 2 }},
		{consistency.EachQuorum, func(s int) bool { return at(s, 1, 2, 3) >= 2 && at(s, 4, 5) == 2 }},
	} {
		for set := range 32 {
			tally, err := consistency.NewTally(c.level, "a", view(owners))
			require.NoError(t, err)
			hopeless, err := consistency.NewTally(c.level, "a", view(owners))
			require.NoError(t, err)
			for i := range owners {
				if set>>i&1 == 1 {
					tally.Answer(id(i + 1))
				} else {
					hopeless.Refuse(id(i + 1))
				}
			}
			require.Equal(t, c.want(set), tally.Reached(), "%v by %05b", c.level, set)
			require.Equal(t, c.want(set), tally.Shortfall() == nil)
			require.Equal(t, c.want(set), !hopeless.Hopeless(), "%v with only %05b left", c.level, set)
		}
	}
}

func TestAnAnswerCountsOnceAndOnlyAnOwners(t *testing.T) {
	tally, err := consistency.NewTally(consistency.Two, "", view(voters("", "", "")))
	require.NoError(t, err)
	for range 3 {
		require.False(t, tally.Answer(id(1)), "the same replica")
		require.False(t, tally.Answer(id(9)), "a foreign replica")
	}
	tally.Refuse(id(2))
	require.True(t, tally.Answer(id(2)), "who refused and then answers counts")
}

func TestWhileDocumentsMoveBothOwnerSetsHaveToAnswer(t *testing.T) {
	all := voters("", "", "", "")
	tally, err := consistency.NewTally(consistency.Quorum, "", view(all[:3]), view(all[1:]))
	require.NoError(t, err)
	require.False(t, tally.Answer(id(1)))
	require.False(t, tally.Answer(id(2)), "two of the old owners, one of the new")
	require.True(t, tally.Answer(id(3)))
}

func TestAShortfallSaysWhoIsMissing(t *testing.T) {
	tally, err := consistency.NewTally(consistency.All, "", view(voters("", "", "")))
	require.NoError(t, err)
	tally.Answer(id(2))
	tally.Refuse(id(3))
	var short *consistency.Error
	err = tally.Shortfall()
	require.ErrorIs(t, err, consistency.ErrShort)
	require.ErrorAs(t, err, &short)
	require.Equal(t, &consistency.Error{
		Level: consistency.All, Wanted: 3, Got: 1,
		Answered: []causal.ID{id(2)}, Refused: []causal.ID{id(3)}, Missing: []causal.ID{id(1), id(3)},
	}, short)
	require.Contains(t, err.Error(), "1 of 3 replicas answered for level all")
}

func TestALevelAboveWhatThereIsFailsAtOnce(t *testing.T) {
	for _, l := range []consistency.Level{consistency.Three, consistency.LocalQuorum} {
		_, err := consistency.NewTally(l, "nowhere", view(voters("a", "b")))
		require.ErrorIs(t, err, consistency.ErrTooFew, "%v", l)
	}
	for _, l := range []consistency.Level{consistency.One, consistency.Quorum, consistency.All, consistency.EachQuorum} {
		_, err := consistency.NewTally(l, "", view(nil))
		require.ErrorIs(t, err, consistency.ErrTooFew, "%v of nobody", l)
	}
	_, err := consistency.NewTally(consistency.Local, "", view(nil))
	require.NoError(t, err)
}

func TestLevelsHaveNames(t *testing.T) {
	for _, l := range []consistency.Level{
		consistency.Local, consistency.One, consistency.Count(7), consistency.Quorum, consistency.All,
		consistency.LocalQuorum, consistency.EachQuorum,
	} {
		got, err := consistency.ParseLevel(l.String())
		require.NoError(t, err)
		require.Equal(t, l, got)
	}
	var l consistency.Level
	require.NoError(t, l.Set("THREE"))
	require.Equal(t, consistency.Three, l)
	require.ErrorIs(t, l.Set("most"), consistency.ErrLevel)
	require.ErrorIs(t, l.Set("-1"), consistency.ErrLevel)
}

func TestViewsOfTheSameOwnersHaveTheSameVersion(t *testing.T) {
	v := view(voters("a", "b", "a"))
	turned := consistency.View{v[2], v[0], v[1]}
	require.Equal(t, v.Version(), turned.Version())
	require.NotEqual(t, v.Version(), v[:2].Version())
	turned[0].Site = "b"
	require.NotEqual(t, v.Version(), turned.Version())
}

func docName(i int) string { return fmt.Sprintf("doc.%d", i) }

func TestPlacementIsTheSameInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	vs := voters("a", "b", "a", "c", "b", "a")
	for i := range 200 {
		want := consistency.Place(docName(i), 3, vs)
		r.Shuffle(len(vs), func(i, j int) { vs[i], vs[j] = vs[j], vs[i] })
		require.Equal(t, want, consistency.Place(docName(i), 3, vs))
	}
	require.Len(t, consistency.Place("d", 9, vs), len(vs))
	require.Empty(t, consistency.Place("d", 3, nil))
}

func TestPlacementSpreadsOverSites(t *testing.T) {
	vs := voters("a", "a", "a", "a", "b", "c")
	for i := range 200 {
		copies := make(map[string]int)
		for _, o := range consistency.Place(docName(i), 4, vs) {
			copies[o.Site]++
		}
		require.Equal(t, map[string]int{"a": 2, "b": 1, "c": 1}, copies)
	}
}

func TestPlacementFollowsWeight(t *testing.T) {
	vs := voters("", "", "")
	vs[0].Weight, vs[1].Weight, vs[2].Weight = 1, 2, 5
	const docs = 20000
	got := make(map[causal.ID]int)
	for i := range docs {
		got[consistency.Place(docName(i), 1, vs)[0].ID]++
	}
	for _, v := range vs {
		require.InDelta(t, v.Weight*docs/8, got[v.ID], docs/50, "weight %d", v.Weight)
	}
}

// TestWhoJoinsTakesOverOnlyWhatItOwns and nothing moves between the others.
func TestWhoJoinsTakesOverOnlyWhatItOwns(t *testing.T) {
	vs := voters("", "", "", "", "", "")
	const docs, n = 20000, 3
	moved := 0
	for i := range docs {
		before, after := consistency.Place(docName(i), n, vs[:5]), consistency.Place(docName(i), n, vs)
		for _, o := range after {
			if !slices.Contains(before, o) {
				require.Equal(t, id(6), o.ID)
				moved++
			}
		}
	}
	require.InDelta(t, docs*n/6, moved, docs/50)
}

func BenchmarkPlace(b *testing.B) {
	vs := voters("a", "a", "b", "b", "c", "c")
	b.ReportAllocs()
	for b.Loop() {
		consistency.Place("fleet.42.engine", 3, vs)
	}
}
