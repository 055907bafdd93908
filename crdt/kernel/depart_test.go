package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

func TestADepartedActorCountsAsLongAsAnythingOfItLives(t *testing.T) {
	var s, fresh State
	a, b := s.Intern(alice), s.Intern(bob)
	put(&s, a, Root, "x", "1")
	put(&s, a, Root, "y", "2")
	s.Depart(a, true)
	require.Zero(t, s.Idle())
	require.EqualValues(t, 2, s.Events())
	put(&s, b, Root, "x", "3")
	require.Zero(t, s.Idle(), "y lives")
	put(&s, b, Root, "y", "4")
	require.Equal(t, 1, s.Idle())
	require.Equal(t, []Index{a}, s.IdleActors())
	require.EqualValues(t, 2, s.Events())

	f := fresh.Intern(bob)
	put(&fresh, f, Root, "x", "3")
	put(&fresh, f, Root, "y", "4")
	require.Equal(t, fresh.Digest(), s.Digest(), "who never knew alice holds the same")
	s.Drop(a)
	require.Equal(t, fresh.Digest(), s.Digest())
	require.Equal(t, []Index{b}, s.Actors())
	_, known := s.Lookup(alice)
	require.False(t, known)
	c, want := s.Context(), fresh.Context()
	require.True(t, want.Equal(c))
	requireSound(t, &s)
	requireSound(t, s.Clone())
}

func TestADepartedActorThatComesBackCountsAgain(t *testing.T) {
	var s State
	a := s.Intern(alice)
	put(&s, a, Root, "x", "1")
	s.Event(a, 2)
	before := s.Digest()
	s.Clear(Root, 2, "x", nil)
	s.Event(a, 3)
	dead := s.Digest()
	s.Depart(a, true)
	require.NotEqual(t, dead, s.Digest())
	s.Depart(a, true)
	require.Equal(t, 1, s.Idle())
	s.Depart(a, false)
	require.Zero(t, s.Idle())
	require.Equal(t, dead, s.Digest())
	require.NotEqual(t, before, s.Digest())
}

func TestAnActorIsNotDroppedWhileItIsNeeded(t *testing.T) {
	var s State
	a := s.Intern(alice)
	put(&s, a, Root, "x", "1")
	require.Panics(t, func() { s.Drop(a) }, "it has not departed")
	s.Depart(a, true)
	require.Panics(t, func() { s.Drop(a) }, "something of it lives")
}

func TestIndicesOfDroppedActorsAreUsedAgainOnceNobodyNamesThem(t *testing.T) {
	for _, tracking := range []bool{false, true} {
		var s State
		if tracking {
			s.TrackGone()
		}
		for n := range 1000 {
			a := s.Intern(causal.Actor{ID: causal.ID{7}, Incarnation: uint64(n + 1)})
			put(&s, a, Root, "x", "1")
			s.Clear(Root, 2, "x", nil)
			s.Event(a, 2)
			s.Depart(a, true)
			s.Drop(a)
			if tracking && n%10 == 0 {
				s.TakeGone(nil)
			}
		}
		require.Less(t, len(s.actors), 20)
		require.Empty(t, s.byActor)
		require.True(t, s.IsEmpty())
		requireSound(t, &s)
	}
}

func TestOfWhatIsPurgedTheDeathsAreKept(t *testing.T) {
	var s State
	a, b := s.Intern(alice), s.Intern(bob)
	put(&s, a, Root, "x", "1")
	put(&s, a, Root, "z", "2")
	put(&s, b, Root, "z", "3")
	s.Purge(a)
	require.Equal(t, 1, s.Dots())
	require.Empty(t, s.Seen(a))
	require.Equal(t, causal.Ranges{{Lo: 2, Hi: 2}}, s.Ahead(a))
	requireSound(t, &s)
	s.Learn(a, 1, &Payload{Tag: 2, Key: "x", Value: "1", Time: 1})
	s.Learn(a, 2, &Payload{Tag: 2, Key: "z", Value: "2", Time: 1})
	s.Claim(a, causal.Range{Lo: 1, Hi: 2})
	require.Equal(t, 2, s.Dots(), "x is back")
	require.Equal(t, 1, len(slices.Collect(s.Siblings(Root, 2, "z"))))
	requireSound(t, &s)
}

func TestIdleActorsAreCountedAsTheyAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var s State
	next := uint64(0)
	for range 3000 {
		next++
		a := s.Intern(causal.Actor{ID: causal.ID{byte(rng.IntN(9) + 1)}, Incarnation: 1})
		switch rng.IntN(5) {
		case 0, 1:
			put(&s, a, Root, string(rune('a'+rng.IntN(6))), "v")
		case 2:
			s.Clear(Root, 2, string(rune('a'+rng.IntN(6))), nil)
			s.Event(a, s.Next(a))
		case 3:
			s.Depart(a, rng.IntN(2) == 0)
		default:
			if s.IsDeparted(a) && !s.AnyLive(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
				s.Drop(a)
			}
		}
		want := 0
		for _, i := range s.Actors() {
			if s.IsDeparted(i) && s.CountLive(i, causal.Range{Lo: 1, Hi: causal.MaxSeq}) == 0 {
				want++
			}
		}
		require.Equal(t, want, s.Idle())
		require.Len(t, s.IdleActors(), want)
	}
	requireSound(t, &s)
}
