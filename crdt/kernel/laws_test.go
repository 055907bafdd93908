package kernel

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// checkReads compares every read with one that is computed from the live dots.
func checkReads(t testing.TB, s *State) {
	spots, keys := map[spot][]causal.Dot{}, map[string]int{}
	live := liveOf(s)
	for d, rec := range live {
		if spots[rec.spot()] = append(spots[rec.spot()], d); len(spots[rec.spot()]) == 1 {
			keys[rec.path]++
		}
	}
	for at, ds := range spots {
		slices.SortFunc(ds, func(a, b causal.Dot) int {
			if live[a].time != live[b].time {
				return int(int64(live[a].time) - int64(live[b].time))
			}
			return a.Compare(b)
		})
		r, ok := find(s, at.path)
		require.True(t, ok)
		require.Equal(t, keys[at.path], s.Len(r))
		require.True(t, s.Has(r, at.tag, at.key))
		best, ok := s.Winner(r, at.tag, at.key)
		require.True(t, ok)
		require.Equal(t, ds[len(ds)-1], s.Dot(&best), "the winner is the greatest by time, actor, number")
		var siblings []causal.Dot
		for l := range s.Siblings(r, at.tag, at.key) {
			siblings = append(siblings, s.Dot(&l))
			require.Equal(t, live[s.Dot(&l)], recordOf(s, &l))
			require.False(t, s.Less(&best, &l))
		}
		require.ElementsMatch(t, ds, siblings)
	}
	checkWalks(t, s, live, len(spots))
}

// checkWalks asserts that walking the tree shows every place and dot once.
func checkWalks(t testing.TB, s *State, live map[causal.Dot]record, spots int) {
	below := map[causal.Dot]record{}
	for l := range s.Below(Root) {
		below[s.Dot(&l)] = recordOf(s, &l)
	}
	require.Equal(t, live, below)
	entries := 0
	var walk func(Ref)
	walk = func(r Ref) {
		for l := range s.Entries(r) {
			best, ok := s.Winner(r, l.Tag, l.Key)
			require.True(t, ok)
			require.Equal(t, best, l)
			entries++
		}
		for c := range s.Containers(r) {
			up, comp := s.Parent(c)
			require.Equal(t, r, up)
			again, ok := s.Find(r, comp.Tag, comp.Name)
			require.True(t, ok)
			require.Equal(t, c, again)
			walk(c)
		}
	}
	walk(Root)
	require.Equal(t, spots, entries)
}

func TestStateAgreesWithFullCausalHistories(t *testing.T) {
	equal := 0
	for seed := range int64(150) {
		w := newWorld(seed, 3)
		for range 40 {
			r := w.any()
			w.take(t, r, steps)
			w.check(t, r)
			equal += w.checkPairs(t)
		}
		for _, r := range w.replicas {
			checkReads(t, r.State)
		}
		all := dots{}
		for d := range w.history {
			all[d] = true
		}
		for _, r := range w.replicas {
			merge(r.State, w.history.part(all))
			maps.Copy(r.ctx, all)
			w.check(t, r)
		}
		require.Equal(t, 3, w.checkPairs(t), "all have seen the same")
	}
	require.Positive(t, equal, "some contexts have to be equal on the way")
}

func TestMergeCommutesAssociatesAndRepeats(t *testing.T) {
	for seed := range int64(100) {
		w := newWorld(seed, 3)
		for range 30 {
			w.take(t, w.any(), steps)
		}
		parts := []part{w.history.part(w.some()), w.history.part(w.some()), whole(w.any().State), whole(w.any().State)}
		var want *State
		for range 6 {
			var s State
			for _, i := range w.rng.Perm(len(parts)) {
				merge(&s, parts[i])
				merge(&s, parts[w.rng.Intn(i+1)])
			}
			for _, p := range parts {
				merge(&s, p)
			}
			requireSound(t, &s)
			if want == nil {
				want = &s
			}
			require.Equal(t, want.Digest(), s.Digest())
			require.Equal(t, whole(want), whole(&s))
		}
		grouped := &State{}
		for _, half := range [2][]part{parts[:2], parts[2:]} {
			var s State
			merge(&s, half[0])
			merge(&s, half[1])
			merge(grouped, whole(&s))
		}
		require.Equal(t, whole(want), whole(grouped), "joining groups first is the same")
	}
}

// repaired runs a history in which messages are lost, lets every replica ask
// for the events that it does not claim to know, and reports whether all agree.
func repaired(t testing.TB, seed int64, merge func(*State, part)) bool {
	w := newWorld(seed, 3)
	w.crowded = true
	for range 14 {
		r := w.any()
		if w.rng.Intn(2) == 0 {
			w.assign(discard{t}, r)
			continue
		}
		if d, ok := w.anyEvent(); ok {
			merge(r.State, w.history.part(dots{d: true}))
			r.ctx[d] = true
		}
	}
	for _, r := range w.replicas {
		for _, d := range w.events() {
			ctx := r.Context()
			if !ctx.Contains(d) {
				merge(r.State, w.history.part(dots{d: true}))
			}
		}
	}
	for _, r := range w.replicas[1:] {
		if r.Digest() != w.replicas[0].Digest() {
			return false
		}
	}
	return true
}

// discard ignores failures: the naive merge makes replicas that the model does
// not agree with.
type discard struct{ testing.TB }

func (discard) Errorf(string, ...any) {}
func (discard) FailNow()              {}

// A killed dot must not enter the context before its own event: nobody would
// ask for that event any more, and what it kills would live on here.
func TestDeathsAheadStayOutsideTheContext(t *testing.T) {
	naive := 0
	for seed := range int64(1_000) {
		require.True(t, repaired(t, seed, merge), "seed %d", seed)
		if !repaired(t, seed, mergeNaively) {
			naive++
		}
	}
	require.Positive(t, naive, "the naive merge has to diverge, or this test shows nothing")
	t.Logf("the naive merge diverges in %d of 1000 histories", naive)
}

func TestVerifyFindsBrokenInvariants(t *testing.T) {
	broken := map[string]func(*State){
		"deaths ahead": func(s *State) { s.actors[0].ahead = causal.Ranges{{Lo: 1, Hi: 1}} },
		"context":      func(s *State) { s.actors[0].seen = causal.Ranges{{Lo: 2, Hi: 2}} },
		"fingerprint":  func(s *State) { s.live++ },
		"another dot":  func(s *State) { s.leaves.at(1).seq = 2 },
		"at its path":  func(s *State) { s.paths = table{} },
	}
	for message, spoil := range broken {
		s := &State{}
		s.Add(s.Intern(causal.Actor{ID: causal.ID{1}}), 1, &Payload{Tag: 2, Key: "k"})
		require.NoError(t, s.Verify())
		spoil(s)
		require.ErrorContains(t, s.Verify(), message)
	}
}
