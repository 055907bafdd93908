package reconcile

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

func salts(seed int64) func() uint64 { return rand.New(rand.NewSource(seed)).Uint64 }

func TestPlansAreTheNaiveSetDifferenceAndMakeBothSidesEqual(t *testing.T) {
	for seed := range int64(150) {
		rng := rand.New(rand.NewSource(seed))
		w := newWorld(seed, 1+rng.Intn(12), 1+rng.Intn(400))
		w.grow(t, rng.Intn(1500), rng.Float64())
		a, b := w.sides[0], w.sides[1]
		liveA, liveB := liveOf(a), liveOf(b)
		ctxA, ctxB := a.Context(), b.Context()
		plan, _ := session(t, b, a, salts(seed), still)

		require.Equal(t, ctxA.Intersect(ctxB), plan.Common)
		require.Equal(t, liveB.minus(liveA, plan.Common), set(plan.Here), "seed %d", seed)
		require.Equal(t, liveA.minus(liveB, plan.Common), set(plan.There), "seed %d", seed)
		require.False(t, plan.Suspect)
		require.True(t, plan.Conflicts.IsEmpty())
		require.Equal(t, a.Digest(), b.Digest(), "seed %d", seed)
		w.check(t, a)
		w.check(t, b)
	}
}

func TestTablesOfCellsSayWhatListsSay(t *testing.T) {
	read := 0
	for seed := range int64(100) {
		rng := rand.New(rand.NewSource(seed))
		w := newWorld(seed, 1+rng.Intn(12), 1+rng.Intn(400))
		w.grow(t, rng.Intn(1500), rng.Float64())
		a, b := w.sides[0], w.sides[1]
		cut, err := Take(b, a.Context())
		require.NoError(t, err)
		cut.effort = once
		pulled := a.Context()
		k, err := parseSketch(cut.Sketch(nil, rng.Uint64()), &pulled)
		require.NoError(t, err)
		v, err := newSurvey(a, &cut.common)
		require.NoError(t, err)
		an := answerer{sketch: k, survey: v, s: a}
		an.compare()
		if len(an.differing) == 0 {
			continue
		}
		lists, _ := an.lists(kindLists, 1<<62)
		again := *cut
		want, err := again.Resolve(b, seal(lists, 0))
		require.NoError(t, err)
		got, err := cut.Resolve(b, seal(an.cells(cellsFor(want.Here.Count()+want.There.Count())), 0))
		if err == nil {
			require.Equal(t, want, got)
			read++
		}
	}
	require.Greater(t, read, 70)
}

func TestSessionsMeanTheSameWhileBothSidesGoOnWriting(t *testing.T) {
	for seed := range int64(150) {
		rng := rand.New(rand.NewSource(seed))
		w := newWorld(seed, 2+rng.Intn(6), 1+rng.Intn(60))
		w.grow(t, rng.Intn(800), rng.Float64())
		session(t, w.sides[1], w.sides[0], salts(seed), func() { w.grow(t, w.rng.Intn(30), 0.5) })
		w.check(t, w.sides[0])
		w.check(t, w.sides[1])
	}
}

func TestEqualStatesAreEqualByAFewBytes(t *testing.T) {
	w := newWorld(1, 4, 300)
	w.grow(t, 3000, 1)
	for _, d := range w.order {
		w.events[d].unit.Apply(w.sides[0])
		w.events[d].unit.Apply(w.sides[1])
	}
	require.Equal(t, w.sides[0].Digest(), w.sides[1].Digest())
	cut, err := Take(w.sides[0], w.sides[1].Context())
	require.NoError(t, err)
	reply, err := Answer(w.sides[1], w.sides[1].Context(), cut.Sketch(nil, 1<<63))
	require.NoError(t, err)
	require.LessOrEqual(t, len(reply.Table), 32)
	plan, err := cut.Resolve(w.sides[0], reply.Table)
	require.NoError(t, err)
	require.True(t, plan.Here.IsEmpty() && plan.There.IsEmpty() && plan.Conflicts.IsEmpty() && !plan.Suspect)
}

// filled returns a state with n keys of one actor.
func filled(n uint64) *kernel.State {
	s := &kernel.State{}
	a := s.Intern(causal.Actor{ID: causal.ID{1}})
	for seq := uint64(1); seq <= n; seq++ {
		s.Add(a, seq, &kernel.Payload{Tag: 2, Key: key(seq), Value: "v"})
	}
	return s
}

func key(n uint64) string { return string([]byte{byte(n >> 16), byte(n >> 8), byte(n)}) }

// remove lets an actor remove keys of a state, one event each.
func remove(s *kernel.State, by byte, keys []uint64) {
	a := s.Intern(causal.Actor{ID: causal.ID{by}})
	for _, k := range keys {
		s.Clear(kernel.Root, 2, key(k), nil)
		s.Event(a, s.Next(a))
	}
}

func TestAnExpectationThatIsFarTooLowCostsRoundsNotTruth(t *testing.T) {
	for _, kills := range []uint64{1, 300, 5_000, 60_000} {
		a, b := filled(1<<16), filled(1<<16)
		// One event is told of, although thousands are dead by it.
		e := a.Intern(causal.Actor{ID: causal.ID{9}})
		for _, k := range rand.New(rand.NewSource(1)).Perm(1 << 16)[:kills] {
			a.Clear(kernel.Root, 2, key(uint64(k)+1), nil)
		}
		a.Event(e, 1)
		plan, rounds := session(t, b, a, salts(1), still)
		require.LessOrEqual(t, rounds, 4)
		require.EqualValues(t, kills, plan.Here.Count())
		require.Equal(t, a.Digest(), b.Digest())
	}
}

func TestDifferencesInOnePlaceAreFound(t *testing.T) {
	a, b := filled(1<<17), filled(1<<17)
	var run, other []uint64
	for i := range uint64(3000) {
		run, other = append(run, 70_000+i), append(other, 20_000+2*i)
	}
	remove(a, 2, run)
	remove(b, 3, other)
	plan, _ := session(t, b, a, salts(1), still)
	require.EqualValues(t, 3000, plan.Here.Count())
	require.EqualValues(t, 3000, plan.There.Count())
	require.Equal(t, a.Digest(), b.Digest())
}

// blind returns the answer to a sketch by somebody who overlooks the first of the
// buckets that differ.
func blind(t *testing.T, s *kernel.State, cut *Cut, salt uint64) []byte {
	t.Helper()
	pulled := s.Context()
	k, err := parseSketch(cut.Sketch(nil, salt), &pulled)
	require.NoError(t, err)
	v, err := newSurvey(s, &cut.common)
	require.NoError(t, err)
	a := answerer{sketch: k, survey: v, s: s}
	a.compare()
	a.differing = a.differing[1:]
	return seal(a.table(), 0)
}

func TestAMissedBucketIsNoticedAtEveryEffort(t *testing.T) {
	a, b := filled(1<<16), filled(1<<16)
	remove(a, 2, []uint64{5, 4000, 50_000})
	cut, err := Take(b, a.Context())
	require.NoError(t, err)
	salt := salts(7)
	for _, e := range []effort{once, twice, listed, thorough} {
		require.Equal(t, e, cut.effort)
		table := blind(t, a, cut, salt())
		_, err = cut.Resolve(b, table)
		if e == thorough {
			require.ErrorIs(t, err, ErrExhausted)
		} else {
			require.ErrorIs(t, err, ErrAgain)
		}
		_, err = cut.Resolve(b, table)
		require.ErrorIs(t, err, ErrForeign, "the answer to a sketch counts once")
	}
}

func TestATableWithTooFewCellsLeadsToALargerOne(t *testing.T) {
	a, b := filled(1<<16), filled(1<<16)
	var keys []uint64
	for i := range uint64(500) {
		keys = append(keys, 1+i*131)
	}
	remove(a, 2, keys)
	cut, err := Take(b, a.Context())
	require.NoError(t, err)
	pulled := a.Context()
	k, err := parseSketch(cut.Sketch(nil, 3), &pulled)
	require.NoError(t, err)
	v, err := newSurvey(a, &cut.common)
	require.NoError(t, err)
	an := answerer{sketch: k, survey: v, s: a}
	an.compare()
	_, err = cut.Resolve(b, seal(an.cells(120), 0))
	require.ErrorIs(t, err, ErrAgain)
	reply, err := Answer(a, a.Context(), cut.Sketch(nil, 4))
	require.NoError(t, err)
	plan, err := cut.Resolve(b, reply.Table)
	require.NoError(t, err)
	require.EqualValues(t, 500, plan.Here.Count())
}

func TestTwoPayloadsUnderOneDotAreFound(t *testing.T) {
	a, b := filled(5000), filled(5000)
	one, two := a.Intern(causal.Actor{ID: causal.ID{7}}), b.Intern(causal.Actor{ID: causal.ID{7}})
	a.Add(one, 1, &kernel.Payload{Tag: 2, Key: "k", Value: "this"})
	b.Add(two, 1, &kernel.Payload{Tag: 2, Key: "k", Value: "that"})

	t.Run("equal contexts", func(t *testing.T) {
		a, b := a.Clone(), b.Clone()
		plan, rounds := session(t, b, a, salts(1), still)
		require.Equal(t, 1, rounds)
		require.Equal(t, dots{{Actor: causal.Actor{ID: causal.ID{7}}, Seq: 1}: true}, set(plan.Conflicts))
		require.NotZero(t, a.Conflicts(), "the answerer is told by the payload that comes")
		session(t, a, b, salts(2), still)
		require.Equal(t, a.Digest(), b.Digest())
	})
	t.Run("beside other differences", func(t *testing.T) {
		a, b := a.Clone(), b.Clone()
		remove(a, 2, []uint64{77})
		plan, _ := session(t, b, a, salts(1), still)
		require.True(t, plan.Suspect)
		require.EqualValues(t, 1, plan.Here.Count())
		plan, _ = session(t, b, a, salts(3), still)
		require.EqualValues(t, 1, plan.Conflicts.Count(), "contexts are equal by now")
	})
}

func TestASketchForAnotherContextIsRefused(t *testing.T) {
	a, b := filled(1000), filled(1000)
	cut, err := Take(b, a.Context())
	require.NoError(t, err)
	sketch := cut.Sketch(nil, 1)
	_, err = Answer(filled(999), a.Context(), sketch)
	require.ErrorIs(t, err, ErrForeign)
	less := filled(999)
	_, err = Answer(a, less.Context(), sketch)
	require.ErrorIs(t, err, ErrForeign)
}

func TestContextsThatSpanTooMuchAreRefused(t *testing.T) {
	var s kernel.State
	var theirs causal.Context
	r := causal.Range{Lo: 1, Hi: causal.MaxSeq}
	for i := range byte(9) {
		id := causal.Actor{ID: causal.ID{i + 1}}
		s.Claim(s.Intern(id), r)
		theirs.AddRange(id, r)
	}
	_, err := Take(&s, theirs)
	require.ErrorIs(t, err, ErrTooWide)
}

func TestAStateThatIsBeingRestoredIsNotCompared(t *testing.T) {
	var s kernel.State
	s.StartRestore()
	_, err := Take(&s, causal.Context{})
	require.ErrorIs(t, err, ErrPartial)
}

func TestNoMoreSketchesThanPromised(t *testing.T) {
	a, b := filled(1<<16), filled(1<<16)
	remove(a, 2, []uint64{1})
	cut, err := Take(b, a.Context())
	require.NoError(t, err)
	salt := salts(1)
	for n := 1; ; n++ {
		s := salt()
		cut.Sketch(nil, s)
		k := answerer{sketch: &sketch{salt: s}}
		_, err := cut.Resolve(b, seal(append(k.head(kindCoarse), 1), 0))
		if err != nil && n < MaxSketches {
			require.ErrorIs(t, err, ErrAgain)
			continue
		}
		require.ErrorIs(t, err, ErrExhausted)
		require.Equal(t, MaxSketches, n)
		return
	}
}
