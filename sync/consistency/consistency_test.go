package consistency_test

import (
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
			for i := range owners {
				if set>>i&1 == 1 {
					tally.Answer(id(i + 1))
				}
			}
			require.Equal(t, c.want(set), tally.Reached(), "%v by %05b", c.level, set)
			require.Equal(t, c.want(set), tally.Shortfall() == nil)
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
	require.True(t, tally.Answer(id(2)))
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
	var short *consistency.Error
	err = tally.Shortfall()
	require.ErrorIs(t, err, consistency.ErrShort)
	require.ErrorAs(t, err, &short)
	require.Equal(t, &consistency.Error{
		Level: consistency.All, Wanted: 3, Got: 1,
		Answered: []causal.ID{id(2)}, Missing: []causal.ID{id(1), id(3)},
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
