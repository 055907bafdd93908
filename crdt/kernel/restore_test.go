package kernel

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// restoring is a state that is being put back together, beside one that never
// was away.
type restoring struct {
	*State
	twin *State
	self Index
	rows []causal.Dot // not back yet
	live map[causal.Dot]record
	sum  uint64 // of the fingerprints of the rows
}

func (w *world) restoring(r *replica) *restoring {
	x := &restoring{State: &State{}, twin: r.Clone(), self: r.self, live: liveOf(r.State)}
	x.rows = slices.SortedFunc(maps.Keys(x.live), causal.Dot.Compare)
	for i := range r.actors {
		x.Intern(r.actors[i].id)
	}
	x.StartRestore()
	for i := range r.actors {
		x.Claim(Index(i), r.actors[i].seen...)
		x.Kill(Index(i), r.actors[i].ahead...)
	}
	return x
}

// back restores the rows that keep says.
func (x *restoring) back(keep func(causal.Dot) bool) {
	x.rows = slices.DeleteFunc(x.rows, func(d causal.Dot) bool {
		if !keep(d) {
			return false
		}
		rec := x.live[d]
		print, lives := x.Restore(x.Intern(d.Actor), d.Seq, rec.payload(x.State))
		x.sum ^= print
		if lives != x.IsLive(x.Intern(d.Actor), d.Seq) {
			panic("Restore says otherwise")
		}
		x.Sweep()
		return true
	})
}

// both does the same to the two states.
func (x *restoring) both(do func(*State)) {
	do(x.State)
	do(x.twin)
}

func (x *restoring) step(w *world) {
	switch rec := w.randomRecord(); w.rng.Intn(5) {
	case 0:
		x.back(func(causal.Dot) bool { return w.rng.Intn(3) == 0 })
	case 1:
		p := w.history.part(w.some())
		x.both(func(s *State) { merge(s, p) })
	case 2:
		if d, ok := w.anyEvent(); ok {
			x.both(func(s *State) { s.KillDot(d); s.Event(x.self, s.Next(x.self)); s.Sweep() })
		}
	default: // whoever writes at a place has its rows back before
		x.back(func(d causal.Dot) bool { return x.live[d].spot() == rec.spot() })
		x.both(func(s *State) { s.Assign(x.self, s.Next(x.self), rec.payload(s), nil); s.Sweep() })
	}
}

func TestARestoredStateIsAsIfItHadNeverBeenAway(t *testing.T) {
	for seed := range int64(300) {
		w := newWorld(seed, 3)
		for range 30 {
			w.take(t, w.any(), steps)
		}
		x := w.restoring(w.replicas[0])
		require.True(t, x.IsPartial())
		for range 15 {
			x.step(w)
		}
		x.back(func(causal.Dot) bool { return true })
		x.EndRestore()
		requireSound(t, x.State)
		require.Equal(t, whole(x.twin), whole(x.State))
		require.Equal(t, x.twin.Digest(), x.Digest())
		require.Equal(t, w.replicas[0].Fingerprint(), x.sum, "of all rows, dead or not")
	}
}

func TestGoneAreTheDotsThatCeasedToLive(t *testing.T) {
	for seed := range int64(100) {
		w := newWorld(seed, 2)
		r := w.replicas[0]
		for range 20 {
			w.take(t, r, steps)
		}
		before := liveOf(r.State)
		print := r.Fingerprint()
		r.TrackGone()
		for range 10 {
			w.take(t, r, locals)
		}
		for _, g := range r.TakeGone(nil) {
			d := r.NameOf(g.Dot)
			rec, known := before[d]
			if known && !r.IsLive(g.Actor, g.Seq) {
				require.Equal(t, placeOf(rec), g.Place)
				delete(before, d)
				print ^= g.Print
			}
		}
		for _, a := range r.Actors() {
			for l := range r.Between(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
				if _, old := before[r.Dot(&l)]; !old {
					print ^= r.Print(&l)
				}
			}
		}
		require.Equal(t, r.Fingerprint(), print)
		for d, rec := range before {
			require.Equal(t, rec, liveOf(r.State)[d], "%v went unnoticed", d)
		}
		require.Empty(t, r.TakeGone(nil))
	}
}

func placeOf(rec record) uint64 {
	var path []Component
	for i := 0; i < len(rec.path); i += 2 {
		path = append(path, Component{Tag(rec.path[i]), rec.path[i+1 : i+2]})
	}
	return PlaceHash(path, rec.tag, rec.key)
}

func TestRowsAreFoundByTheHashOfTheirPlace(t *testing.T) {
	w := newWorld(1, 2)
	for range 60 {
		w.take(t, w.replicas[0], steps)
	}
	s := w.replicas[0].State
	for i := range s.actors {
		for l := range s.Between(Index(i), causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
			require.Equal(t, placeOf(recordOf(s, &l)), s.Place(&l))
		}
	}
	require.EqualValues(t, uint64(0xc3d03bfe0c1c2d47), PlaceHash([]Component{{8, "m"}}, 2, "x"), "it is in files: it must never change")
}

// TestWhatHasNoRowIsNotCollected: a field that was overwritten again and again
// filled the list of what is gone, until the next checkpoint; so did groups that
// were taken back.
func TestWhatHasNoRowIsNotCollected(t *testing.T) {
	var s State
	self := s.Intern(causal.Actor{ID: causal.ID{1}})
	set := func() { s.Assign(self, s.Next(self), &Payload{Tag: 2, Key: "k", Value: "v"}, nil) }
	set()
	s.TrackGone()
	for range 100 {
		s.Begin(self)
		set()
		s.Rollback()
	}
	require.Empty(t, s.Gone())
	for range 100 {
		set()
	}
	require.Len(t, s.Gone(), 1)
	require.Len(t, s.TakeGone(nil), 1)
	set()
	require.Len(t, s.Gone(), 1, "the last one has a row now")
}
