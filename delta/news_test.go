package delta

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// add lets an actor put something beside all else.
func add(s *kernel.State, a causal.Actor, n int) {
	for range n {
		i := s.Intern(a)
		s.Add(i, s.Next(i), &kernel.Payload{Tag: 2, Key: fmt.Sprint(a, s.Next(i))})
	}
}

func TestNewsAreWhatIsBeyondAContextWithTheDeathsThatWereFound(t *testing.T) {
	one, two, three := causal.Actor{ID: causal.ID{1}}, causal.Actor{ID: causal.ID{2}}, causal.Actor{ID: causal.ID{3}}
	base := &kernel.State{}
	add(base, one, 10)
	s, behind := base.Clone(), base.Clone()
	add(s, two, 3)
	dead := causal.Dot{Actor: one, Seq: 4}
	ahead := causal.Dot{Actor: three, Seq: 9}
	i := s.Intern(two)
	require.True(t, s.KillDot(dead) && s.KillDot(ahead) && s.KillDot(causal.Dot{Actor: two, Seq: 2}))
	s.Event(i, s.Next(i))

	var deaths causal.Context
	deaths.Add(dead)
	d := AppendNews(nil, s, base.Context(), deaths, causal.Context{})
	f, err := d.Open()
	require.NoError(t, err)
	claims := f.Claims()
	require.Equal(t, "{02000000-0000-0000-0000-000000000000:1-4}", claims.String())
	require.Equal(t, 2, f.Adds(), "what is known or dead is not sent")
	require.NoError(t, d.Merge(behind))
	require.Equal(t, s.Digest(), behind.Digest())
	require.Equal(t, causal.Ranges{{Lo: 9, Hi: 9}}, behind.Ahead(behind.Intern(three)))
	require.NoError(t, d.Merge(behind))
	require.Equal(t, s.Digest(), behind.Digest(), "twice is once")
}

func TestNewsCarryAgainWhatIsAskedFor(t *testing.T) {
	a := causal.Actor{ID: causal.ID{1}}
	s := &kernel.State{}
	add(s, a, 10)
	var again causal.Context
	again.Add(causal.Dot{Actor: a, Seq: 7})
	f, err := AppendNews(nil, s, s.Context(), causal.Context{}, again).Open()
	require.NoError(t, err)
	require.Equal(t, again, f.Claims())
	require.Equal(t, 1, f.Adds())
}

func TestNewsTakeFurtherDeaths(t *testing.T) {
	a, b, c := causal.Actor{ID: causal.ID{1}}, causal.Actor{ID: causal.ID{2}}, causal.Actor{ID: causal.ID{3}}
	base := &kernel.State{}
	add(base, a, 10)
	add(base, c, 10)
	s, ahead := base.Clone(), base.Clone()
	add(ahead, b, 3)
	add(ahead, c, 3)
	f, err := AppendNews(nil, ahead, base.Context(), causal.Context{}, causal.Context{}).Open()
	require.NoError(t, err)
	var deaths causal.Context
	deaths.AddRange(a, causal.Range{Lo: 2, Hi: 5})
	deaths.AddRange(c, causal.Range{Lo: 9, Hi: 9})
	d, err := f.WithDeaths(deaths)
	require.NoError(t, err)
	require.NoError(t, d.Merge(s))
	require.Equal(t, 26-5, s.Dots())
	require.Equal(t, ahead.Context(), s.Context())

	none := AppendNews(nil, base, base.Context(), causal.Context{}, causal.Context{})
	f, err = none.Open()
	require.NoError(t, err)
	d, err = f.WithDeaths(deaths)
	require.NoError(t, err)
	f, err = d.Open()
	require.NoError(t, err)
	require.Equal(t, deaths, f.Deaths())
	require.Equal(t, causal.Context{}, f.Claims())
}

func TestOnlyNewsTakeFurtherDeaths(t *testing.T) {
	var deaths causal.Context
	deaths.Add(causal.Dot{Actor: causal.Actor{ID: causal.ID{1}}, Seq: 3})
	s := &kernel.State{}
	add(s, causal.Actor{ID: causal.ID{1}}, 10)
	for _, d := range []Delta{AppendFor(nil, s, s.Context()), kinds()["run"]} {
		f, err := d.Open()
		require.NoError(t, err)
		_, err = f.WithDeaths(deaths)
		require.ErrorIs(t, err, ErrUnfit)
	}
}
