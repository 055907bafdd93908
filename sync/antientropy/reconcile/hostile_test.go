package reconcile

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/sync/message"
)

// opened returns a cut that waits for a table, and what to answer it from.
func opened(t testing.TB, e effort) (cut *Cut, opener, answerer *kernel.State, sketch []byte) {
	t.Helper()
	w := newWorld(5, 3, 200)
	w.grow(t, 900, 0.8)
	cut, err := Take(w.sides[0], w.sides[1].Context())
	require.NoError(t, err)
	cut.effort = e
	return cut, w.sides[0], w.sides[1], cut.Sketch(nil, 1<<63)
}

func FuzzAnswer(f *testing.F) {
	_, _, s, _ := opened(f, once)
	for e := once; e <= thorough; e++ {
		_, _, _, sketch := opened(f, e)
		f.Add(sketch[:len(sketch)-4])
	}
	pulled := s.Context()
	f.Fuzz(func(t *testing.T, body []byte) {
		before := s.Digest()
		reply, err := Answer(s, pulled, seal(append([]byte(nil), body...), 0))
		require.Equal(t, before, s.Digest())
		if err == nil {
			require.True(t, pulled.Covers(reply.Common))
		}
	})
}

func FuzzResolve(f *testing.F) {
	_, _, s, _ := opened(f, once)
	for e := once; e <= thorough; e++ {
		_, _, _, sketch := opened(f, e)
		reply, err := Answer(s, s.Context(), sketch)
		require.NoError(f, err)
		f.Add(reply.Table[:len(reply.Table)-4])
	}
	pulled := s.Context()
	k, err := parseSketch(sketchOf(f), &pulled)
	require.NoError(f, err)
	fresh, opener, _, _ := opened(f, once)
	v, err := newSurvey(s, &fresh.common)
	require.NoError(f, err)
	a := answerer{sketch: k, survey: v, s: s}
	a.compare()
	f.Add(a.cells(20))
	f.Add(a.cells(200))
	live := liveOf(opener)
	f.Fuzz(func(t *testing.T, body []byte) {
		cut := *fresh
		before := opener.Digest()
		plan, err := cut.Resolve(opener, seal(append([]byte(nil), body...), 0))
		require.Equal(t, before, opener.Digest())
		if err != nil {
			return
		}
		for d := range set(plan.Here) {
			require.True(t, live[d] && cut.common.Contains(d))
		}
		for d := range set(plan.There) {
			require.True(t, !live[d] && cut.common.Contains(d))
		}
	})
}

func sketchOf(t testing.TB) []byte {
	_, _, _, sketch := opened(t, once)
	return sketch
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// wide returns a state that has seen 2^45 events of an actor, few of them live.
func wide() *kernel.State {
	s := filled(100)
	a, _ := s.Lookup(causal.Actor{ID: causal.ID{1}})
	s.Claim(a, causal.Range{Lo: 1, Hi: 1 << 45})
	return s
}

func TestSketchesOfEndlessBucketsCostNothing(t *testing.T) {
	s := wide()
	pulled := s.Context()
	k := sketch{salt: 1, theirs: hash(pulled), bits: 8, packed: make([]byte, 100)}
	for _, width := range []uint64{1, 2, 1 << 20, maxBlocks, maxBlocks + 1, 1 << 63} {
		k.width = width
		b := k.append(nil, nil)
		require.Less(t, allocated(func() {
			_, err := Answer(s, pulled, b)
			require.ErrorIs(t, err, wire.ErrMalformed)
		}), uint64(64<<10), "width %d", width)
	}
}

func TestListsOfEndlessRangesCostNothing(t *testing.T) {
	s := wide()
	cut, err := Take(s, s.Context())
	require.NoError(t, err)
	cut.effort = listed
	cut.Sketch(nil, 1)
	a := answerer{sketch: &cut.last, survey: cut.survey, s: s}
	for b := range cut.last.buckets {
		a.differing = append(a.differing, b)
	}
	table := a.begin(kindLists)
	for range a.differing {
		table = wire.AppendRanges(table, causal.Ranges{{Lo: 1, Hi: cut.last.span()}})
	}
	var plan Plan
	require.Less(t, allocated(func() {
		plan, err = cut.Resolve(s, seal(table, 0))
		require.NoError(t, err)
	}), uint64(64<<10+100*len(table)))
	require.Greater(t, plan.There.Count(), uint64(1<<44), "whoever lies is believed, at no cost")
	require.Less(t, len(message.AppendContext(nil, plan.There)), 100)
}

func TestEveryToppledBitIsNoticed(t *testing.T) {
	cut, opener, answerer, sketch := opened(t, once)
	pulled := answerer.Context()
	reply, err := Answer(answerer, pulled, sketch)
	require.NoError(t, err)
	for i := range 8 * len(sketch) {
		sketch[i/8] ^= 1 << (i % 8)
		_, err := Answer(answerer, pulled, sketch)
		require.ErrorIs(t, err, wire.ErrMalformed)
		sketch[i/8] ^= 1 << (i % 8)
	}
	for i := range 8 * len(reply.Table) {
		reply.Table[i/8] ^= 1 << (i % 8)
		_, err := cut.Resolve(opener, reply.Table)
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrAgain)
		reply.Table[i/8] ^= 1 << (i % 8)
	}
	for n := range len(reply.Table) {
		_, err := cut.Resolve(opener, reply.Table[:n])
		require.ErrorIs(t, err, wire.ErrMalformed)
	}
	_, err = cut.Resolve(opener, reply.Table)
	require.NoError(t, err, "nothing of that has ended the reconciliation")
}
