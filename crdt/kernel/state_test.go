package kernel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

var alice, bob = causal.Actor{ID: causal.ID{1}}, causal.Actor{ID: causal.ID{2}}

func put(s *State, a Index, parent Ref, key, value string) []Dot {
	return s.Assign(a, s.Next(a), &Payload{Parent: parent, Tag: 2, Key: key, Value: value, Time: 1}, nil)
}

func TestZeroStateIsEmptyAndReadable(t *testing.T) {
	var s State
	require.Zero(t, s.Dots())
	require.Zero(t, s.Len(Root))
	require.False(t, s.Has(Root, 2, "x"))
	_, ok := s.Winner(Root, 2, "x")
	require.False(t, ok)
	_, ok = s.Newest(0, Root, 2, "x")
	require.False(t, ok)
	for range s.Below(Root) {
		t.Fatal("nothing is below")
	}
	for range s.Containers(Root) {
		t.Fatal("no container is below")
	}
	killed, done := s.ClearBelow(Root, nil, nil, 1)
	require.Empty(t, killed)
	require.True(t, done)
	require.Empty(t, s.Path(nil, Root))
	requireSound(t, &s)
	requireSound(t, s.Clone())
}

func TestCloneOfAnEmptyStateCanBeReadAndWritten(t *testing.T) {
	c := (&State{}).Clone()
	require.False(t, c.Has(Root, 2, "k"))
	put(c, c.Intern(alice), Root, "k", "v")
	require.Equal(t, 1, c.Dots())
	requireSound(t, c)
}

func TestKeysWithEqualHashesStayApart(t *testing.T) {
	byHash, pairs := map[uint32]string{}, [][2]string{}
	for i := 0; len(pairs) < 3; i++ {
		key := fmt.Sprint("key ", i)
		h := hash(Root, 2, key)
		if other, ok := byHash[h]; ok {
			pairs = append(pairs, [2]string{other, key})
		}
		byHash[h] = key
	}
	var s State
	a := s.Intern(alice)
	for _, p := range pairs {
		require.Empty(t, put(&s, a, Root, p[0], "first"))
		require.Empty(t, put(&s, a, Root, p[1], "second"), "another key is not superseded")
	}
	requireSound(t, &s)
	for _, p := range pairs {
		require.Len(t, s.Clear(Root, 2, p[0], nil), 1)
		l, ok := s.Winner(Root, 2, p[1])
		require.True(t, ok)
		require.Equal(t, "second", l.Value)
	}
	s.Sweep()
	requireSound(t, &s)
}

func TestPathsOfEqualNamesAreDifferentPlaces(t *testing.T) {
	var s State
	a := s.Intern(alice)
	for i, parent := range []func() Ref{
		func() Ref { return Root },
		func() Ref { return s.Ensure(Root, 8, "m") },
		func() Ref { return s.Ensure(Root, 9, "m") },
		func() Ref { return s.Ensure(s.Ensure(Root, 8, "m"), 8, "m") },
		func() Ref { return s.Ensure(Root, 8, "") },
	} {
		require.Empty(t, put(&s, a, parent(), "k", fmt.Sprint(i)))
	}
	require.Equal(t, 5, s.Dots())
	requireSound(t, &s)
}

// Memory follows what is alive: leaves, containers, slots and blocks are used
// again under endless put and delete.
func TestStateDoesNotGrowUnderEndlessPutAndDelete(t *testing.T) {
	var s State
	a := s.Intern(alice)
	const window = 300
	var segments int
	for i := range 60_000 {
		outer := s.Ensure(Root, 8, fmt.Sprint("outer ", i))
		put(&s, a, s.Ensure(outer, 8, "inner"), fmt.Sprint("key ", i), strings.Repeat("v", i%50))
		if old := i - window; old >= 0 {
			outer, ok := s.Find(Root, 8, fmt.Sprint("outer ", old))
			require.True(t, ok)
			_, done := s.ClearBelow(outer, nil, nil, 10)
			require.True(t, done)
			s.Event(a, s.Next(a))
		}
		if i == 10*window {
			segments = len(s.paths.dir)
		}
	}
	require.Equal(t, window, s.Dots())
	require.LessOrEqual(t, int(s.leaves.used), window+3)
	require.LessOrEqual(t, len(s.tree.nodes), 2*window+4)
	require.LessOrEqual(t, len(s.tree.at), 2*window)
	require.LessOrEqual(t, len(s.actors[a].dots.blocks), 30)
	require.LessOrEqual(t, len(s.paths.dir), max(segments, 1))
	require.Len(t, s.Seen(a), 1)
	requireSound(t, &s)
}

func TestOverwritingOnePlaceKeepsOneLeaf(t *testing.T) {
	var s State
	a := s.Intern(alice)
	for i := range 5_000 {
		killed := put(&s, a, Root, "k", fmt.Sprint(i))
		require.Len(t, killed, min(i, 1))
	}
	require.Equal(t, 1, s.Dots())
	require.LessOrEqual(t, len(s.actors[a].dots.blocks), 9)
	requireSound(t, &s)
}

func TestPayloadIsCopied(t *testing.T) {
	var s State
	buf := []byte("key value")
	p := Payload{Tag: 2, Key: string(buf[:3]), Value: string(buf[4:]), Expiry: 9, Flags: Mark | isHead | expires}
	s.Add(s.Intern(alice), 1, &p)
	l, ok := s.Winner(Root, 2, "key")
	require.True(t, ok)
	require.Equal(t, Live{Key: "key", Value: "value", Expiry: 9, Seq: 1, Tag: 2, Marked: true}, l)
	requireSound(t, &s)
}

func TestPathsDeeperThanMaxDepthPanic(t *testing.T) {
	var s State
	r := Root
	for range MaxDepth - 1 {
		r = s.Ensure(r, 8, "d")
	}
	require.Equal(t, MaxDepth-1, s.Depth(r))
	require.PanicsWithValue(t, "kernel: path deeper than MaxDepth", func() { s.Ensure(r, 8, "d") })
	s.Sweep()
	requireSound(t, &s)
}

func TestEmptyContainersEndWithTheMutation(t *testing.T) {
	var s State
	r := s.Ensure(s.Ensure(Root, 8, "a"), 8, "b")
	s.Clear(r, 2, "nothing", nil)
	c := s.Clone()
	for _, x := range []*State{&s, c} {
		x.Event(x.Intern(alice), 1)
		_, ok := x.Find(Root, 8, "a")
		require.False(t, ok)
		requireSound(t, x)
	}
}

func TestCloneSharesNothingThatChanges(t *testing.T) {
	for seed := range int64(30) {
		w := newWorld(seed, 2)
		for range 30 {
			w.take(t, w.any(), steps)
		}
		r := w.replicas[0]
		before, digest := whole(r.State), r.Digest()
		c := &replica{State: r.Clone(), self: r.self, ctx: dots{}}
		w.replicas[0] = c
		for d := range r.ctx {
			c.ctx[d] = true
		}
		for range 30 {
			w.take(t, c, steps)
			w.check(t, c)
		}
		require.Equal(t, before, whole(r.State))
		require.Equal(t, digest, r.Digest())
		requireSound(t, r.State)
	}
}

// A dot that comes with two payloads means that an identity was used twice.
func TestTheGreatestPayloadOfADotStandsAndOthersAreCounted(t *testing.T) {
	var s State
	a := s.Intern(alice)
	first := Payload{Tag: 2, Key: "k", Value: "first", Time: 3}
	s.Add(a, 1, &first)
	s.Learn(a, 1, &first)
	require.Zero(t, s.Conflicts(), "the same again is no conflict")
	for i, change := range []func(*Payload){
		func(p *Payload) { p.Value = "second" }, func(p *Payload) { p.Key = "other" }, func(p *Payload) { p.Time++ },
		func(p *Payload) { p.Tag = 4 }, func(p *Payload) { p.Expiry = 1 }, func(p *Payload) { p.Flags = Mark },
		func(p *Payload) { p.Parent = s.Ensure(Root, 8, "m") },
	} {
		p := first
		change(&p)
		print := s.printOf(a, 1, &p)
		want := max(print, s.Fingerprint())
		s.Learn(a, 1, &p)
		s.Sweep()
		require.EqualValues(t, i+1, s.Conflicts())
		require.Equal(t, want, s.Fingerprint())
		requireSound(t, &s)
	}
	require.Equal(t, 1, s.Dots())
	for _, c := range s.TakeConflicts() {
		require.NotEqual(t, c.Stands, c.Other)
	}
}

// A peer may know of a local number before this state uses it, if it lies or
// if the state is an old copy. The invariants hold even so, and whoever merges
// the event agrees.
func TestLocalEventWhoseDeathCameFirstIsDeadOnArrival(t *testing.T) {
	for name, write := range map[string]func(*State, Index){
		"add":    func(s *State, a Index) { s.Add(a, 1, &Payload{Tag: 2, Key: "k"}) },
		"assign": func(s *State, a Index) { s.Assign(a, 1, &Payload{Tag: 2, Key: "k"}, nil) },
		"event":  func(s *State, a Index) { s.Event(a, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			var s State
			a, b := s.Intern(alice), s.Intern(bob)
			put(&s, b, Root, "k", "before")
			s.Kill(a, causal.Range{Lo: 1, Hi: 1})

			s.Begin(a)
			write(&s, a)
			s.Rollback()
			require.True(t, s.Ahead(a).Contains(1), "taking the group back restores the death")
			requireSound(t, &s)

			write(&s, a)
			require.False(t, s.IsLive(a, 1))
			require.True(t, s.IsSeen(a, 1))
			require.Empty(t, s.Ahead(a))
			requireSound(t, &s)
		})
	}
}

func TestRollbackTakesKillsByNameBack(t *testing.T) {
	var s State
	a := s.Intern(alice)
	put(&s, a, Root, "k", "v")
	s.Begin(a)
	require.True(t, s.KillDot(causal.Dot{Actor: alice, Seq: 1}))
	require.True(t, s.KillDot(causal.Dot{Actor: bob, Seq: 7}))
	require.False(t, s.KillDot(causal.Dot{Actor: bob, Seq: 7}))
	s.Event(a, s.Next(a))
	s.Rollback()
	b, _ := s.Lookup(bob)
	require.Empty(t, s.Ahead(b))
	require.True(t, s.IsLive(a, 1))
	require.EqualValues(t, 2, s.Next(a))
	requireSound(t, &s)
}

func TestClaimsAndDeathsOfHugeRangesCostNothing(t *testing.T) {
	var s State
	a := s.Intern(alice)
	put(&s, a, Root, "k", "v")
	huge := causal.Range{Lo: 1, Hi: 1 << 60}
	require.Less(t, testing.AllocsPerRun(10, func() {
		s.Kill(a, huge)
		s.Supersede(a, huge, nil)
		s.Claim(a, huge)
		s.Sweep()
	}), 10.0)
	require.Zero(t, s.Dots())
	require.Equal(t, uint64(1<<60+1), s.Next(a))
	requireSound(t, &s)
}

func TestNewestFindsTheActorsOwnLastPayload(t *testing.T) {
	var s State
	a, b := s.Intern(alice), s.Intern(bob)
	for seq := uint64(1); seq <= 3; seq++ {
		s.Add(a, seq, &Payload{Tag: 2, Key: "k", Time: 1})
	}
	l, ok := s.Newest(a, Root, 2, "k")
	require.True(t, ok)
	require.EqualValues(t, 3, l.Seq)
	_, ok = s.Newest(b, Root, 2, "k")
	require.False(t, ok)
}

func TestDigestTellsStatesApart(t *testing.T) {
	base := func() (*State, Index) {
		s := &State{}
		a := s.Intern(alice)
		put(s, a, s.Ensure(Root, 8, "m"), "key", "value")
		return s, a
	}
	seen := map[uint64]string{}
	for name, change := range map[string]func(*State, Index){
		"nothing":       func(*State, Index) {},
		"another event": func(s *State, a Index) { s.Event(a, 2) },
		"a gap":         func(s *State, a Index) { s.Event(a, 3) },
		"other actor":   func(s *State, _ Index) { s.Event(s.Intern(bob), 1) },
		"a death":       func(s *State, a Index) { s.Kill(a, causal.Range{Lo: 1, Hi: 1}) },
		"key and value": func(s *State, a Index) { put(s, a, Root, "keyv", "alue") },
		"value and key": func(s *State, a Index) { put(s, a, Root, "key", "value") },
		"marked": func(s *State, a Index) {
			s.Add(a, 2, &Payload{Tag: 2, Key: "key", Value: "value", Time: 1, Flags: Mark})
		},
	} {
		s, a := base()
		change(s, a)
		require.Empty(t, seen[s.Digest()], name)
		seen[s.Digest()] = name
		again, b := base()
		change(again, b)
		require.Equal(t, s.Digest(), again.Digest())
	}
	var order [2]State
	for i := range order {
		a := order[i].Intern(alice)
		put(&order[i], a, Root, []string{"x", "y"}[i], "")
		put(&order[i], a, Root, []string{"y", "x"}[i], "")
	}
	require.NotEqual(t, order[0].Digest(), order[1].Digest(), "the same payloads under each other's dots")

	s, _ := base()
	before := s.Digest()
	s.Kill(s.Intern(bob), causal.Range{Lo: 9, Hi: 9})
	require.Equal(t, before, s.Digest(), "deaths ahead are news about dots outside the context")
}
