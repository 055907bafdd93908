package kernel

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// forged returns the history as a twin tells it that used the same identities:
// some events add another payload, and with effects some add nothing or kill
// nothing.
func (w *world) forged(effects bool) history {
	out := maps.Clone(w.history)
	for _, d := range w.events() {
		e := out[d]
		switch n := w.rng.Intn(6); {
		case n < 2 && e.add != nil:
			rec := w.randomRecord()
			e.add = &rec
		case n == 2 && effects:
			e.add = nil
		case n == 3 && effects:
			e.kills = nil
		}
		out[d] = e
	}
	return out
}

// quarrel returns parts of histories that contradict each other.
func (w *world) quarrel(t *testing.T, effects bool) (parts []part) {
	for range 25 {
		w.take(t, w.any(), steps)
	}
	for _, h := range []history{w.history, w.forged(effects), w.forged(effects)} {
		for range 2 {
			parts = append(parts, h.part(w.some()))
		}
		var s State
		merge(&s, h.part(w.some()))
		merge(&s, h.part(w.some()))
		parts = append(parts, whole(&s))
	}
	return parts
}

func TestMergeObeysItsLawsUnderContradictions(t *testing.T) {
	conflicts := uint64(0)
	for seed := range int64(120) {
		w := newWorld(seed, 3)
		parts := w.quarrel(t, seed%2 == 0)
		var want *State
		for range 5 {
			var s State
			for _, i := range w.rng.Perm(len(parts)) {
				merge(&s, parts[i])
				merge(&s, parts[w.rng.Intn(i+1)])
			}
			for _, p := range parts {
				merge(&s, p)
			}
			requireSound(t, &s)
			conflicts += s.Conflicts()
			if want == nil {
				want = &s
			}
			require.Equal(t, want.Digest(), s.Digest(), "seed %d", seed)
			require.Equal(t, whole(want), whole(&s))
		}
		grouped := &State{}
		for i := 0; i < len(parts); i += 3 {
			var s State
			for _, p := range parts[i : i+3] {
				merge(&s, p)
			}
			merge(grouped, whole(&s))
		}
		require.Equal(t, whole(want), whole(grouped), "joining groups first is the same")
	}
	require.Greater(t, conflicts, uint64(100))
}

func TestWhoeverMeetsBothPayloadsHandsOneOut(t *testing.T) {
	for seed := range int64(60) {
		w := newWorld(seed, 3)
		for range 25 {
			w.take(t, w.any(), steps)
		}
		all := dots{}
		for d := range w.history {
			all[d] = true
		}
		mine, theirs := w.history.part(all), w.forged(false).part(all)
		var s, twin State
		for i, st := range []*State{&s, &twin} {
			order := [][]part{{mine, theirs}, {theirs, mine}}[i]
			merge(st, order[0])
			merge(st, order[1])
		}
		require.Equal(t, s.Digest(), twin.Digest())
		differ := 0
		for d, rec := range mine.adds {
			if rec != theirs.adds[d] {
				differ++
			}
		}
		met := s.TakeConflicts()
		require.Len(t, met, differ)
		for _, c := range met {
			pair := []record{written(&c.Stands), written(&c.Other)}
			d := s.NameOf(c.Dot)
			require.ElementsMatch(t, []record{mine.adds[d], theirs.adds[d]}, pair)
			require.Equal(t, liveOf(&s)[d], pair[0])
		}
		require.Empty(t, s.TakeConflicts())
		require.EqualValues(t, differ, s.Conflicts())
	}
}

func written(v *Version) record {
	rec := record{tag: v.Tag, key: v.Key, value: v.Value, time: v.Time, expiry: v.Expiry, marked: v.Flags&Mark != 0}
	for _, c := range v.Path {
		rec.path += string(rune(c.Tag)) + c.Name
	}
	return rec
}

// A keeper of rows as a journal is: it writes those of new dots, and follows
// the rest by what is gone.
type keeper struct {
	rows map[causal.Dot]Gone
	seen causal.Context
}

func (k *keeper) checkpoint(t *testing.T, s *State) {
	first := map[causal.Dot]bool{}
	for _, g := range s.TakeGone(nil) {
		d := s.NameOf(g.Dot)
		lives := s.IsLive(g.Actor, g.Seq)
		if !k.seen.Contains(d) || first[d] || lives && !g.Replaced {
			continue
		}
		first[d] = true
		require.Equal(t, k.rows[d].Place, g.Place)
		require.Equal(t, k.rows[d].Print, g.Print)
		delete(k.rows, d)
		if lives {
			k.write(s, g.Dot)
		}
	}
	now := s.Context()
	came := now.Minus(k.seen)
	for a, rs := range came.All() {
		i, _ := s.Lookup(a)
		for _, r := range rs {
			for l := range s.Between(i, r) {
				k.write(s, Dot{i, l.Seq})
			}
		}
	}
	k.seen = s.Context()
}

func (k *keeper) write(s *State, d Dot) {
	for l := range s.Between(d.Actor, causal.Range{Lo: d.Seq, Hi: d.Seq}) {
		k.rows[s.NameOf(d)] = Gone{Place: s.Place(&l), Print: s.Print(&l)}
	}
}

func TestRowsFollowPayloadsThatAreReplaced(t *testing.T) {
	replaced := 0
	for seed := range int64(150) {
		w := newWorld(seed, 3)
		r, k := &State{}, &keeper{rows: map[causal.Dot]Gone{}}
		self := r.Intern(causal.Actor{ID: causal.ID{99}})
		r.TrackGone()
		for range 25 {
			w.take(t, w.any(), locals)
			r.Begin(self)
			rec := w.randomRecord()
			r.Assign(self, r.Next(self), rec.payload(r), nil)
			if w.rng.Intn(3) == 0 {
				r.Rollback()
			} else {
				r.Commit()
			}
			h := w.history
			if w.rng.Intn(2) == 0 {
				h = w.forged(w.rng.Intn(2) == 0)
			}
			merge(r, h.part(w.some()))
			for _, g := range r.Gone() {
				if g.Replaced {
					replaced++
				}
			}
			if w.rng.Intn(4) > 0 {
				continue
			}
			k.checkpoint(t, r)
			sum := uint64(0)
			for _, row := range k.rows {
				sum ^= row.Print
			}
			require.Equal(t, r.Fingerprint(), sum)
			require.Len(t, k.rows, r.Dots())
		}
	}
	require.Greater(t, replaced, 100)
}

func TestARestoredStateMeetsContradictionsAsIfItHadNeverBeenAway(t *testing.T) {
	for seed := range int64(300) {
		w := newWorld(seed, 3)
		for range 30 {
			w.take(t, w.any(), steps)
		}
		x := w.restoring(w.replicas[0])
		for range 12 {
			x.back(func(d causal.Dot) bool { // where another payload waits, maybe at the place of the next write
				a, _ := x.Lookup(d.Actor)
				return x.partial.early[Dot{a, d.Seq}] != nil
			})
			x.step(w)
			p := w.forged(seed%2 == 0).part(w.some())
			x.both(func(s *State) { merge(s, p) })
		}
		x.back(func(causal.Dot) bool { return true })
		x.EndRestore()
		requireSound(t, x.State)
		require.Equal(t, whole(x.twin), whole(x.State))
		require.Equal(t, x.twin.Digest(), x.Digest())
		require.Equal(t, w.replicas[0].Fingerprint(), x.sum, "of the rows as they were kept")
	}
}

// The observer hears of both places before anything happens there.
type places []string

func (p *places) Touch(_ Ref, _ Tag, key string) { *p = append(*p, key) }

func TestAPayloadThatIsReplacedLeavesItsPlace(t *testing.T) {
	s, other := &State{}, &State{}
	var seen places
	for i, key := range []string{"here", "there"} {
		st := []*State{s, other}[i]
		a := st.Intern(alice)
		st.Add(a, 1, &Payload{Parent: st.Ensure(Root, 8, key[:1]), Tag: 2, Key: key, Value: key, Time: 3})
		st.Sweep()
	}
	s.Observe(&seen)
	other.Observe(&seen)
	forth, back := whole(s), whole(other)
	merge(other, forth)
	merge(s, back)
	require.Equal(t, whole(s), whole(other))
	require.Len(t, seen, 2, "one of the two was replaced")
	require.ElementsMatch(t, []string{"here", "there"}, seen)
	require.Equal(t, 1, s.Dots())
	containers := 0
	for range s.Containers(Root) {
		containers++
	}
	require.Equal(t, 1, containers, "the other's is gone")
	require.Equal(t, s.TakeConflicts(), other.TakeConflicts())
}

func TestDeathsThatNothingExplainsAreHandedOut(t *testing.T) {
	var s State
	a := s.Intern(alice)
	s.Add(a, 1, &Payload{Tag: 2, Key: "k", Value: "v"})
	s.Add(a, 2, &Payload{Tag: 2, Key: "l", Value: "w"})
	s.Suspect(true)
	s.Supersede(a, causal.Range{Lo: 1, Hi: 2}, causal.Ranges{{Lo: 2, Hi: 2}})
	s.Suspect(false)
	s.Kill(a, causal.Range{Lo: 2, Hi: 2})
	met := s.TakeConflicts()
	require.Len(t, met, 1)
	require.True(t, met[0].Dead)
	require.Equal(t, "v", met[0].Other.Value)
	require.EqualValues(t, 1, s.Conflicts())
	require.Zero(t, s.Dots())
}

func TestConflictsThatWaitAreBounded(t *testing.T) {
	for name, value := range map[string]string{"by number": "", "by bytes": string(make([]byte, 64<<10))} {
		t.Run(name, func(t *testing.T) {
			var s State
			a := s.Intern(alice)
			for i := range uint64(2_000) {
				s.Add(a, i+1, &Payload{Tag: 2, Key: fmt.Sprint(i), Value: value})
				s.Learn(a, i+1, &Payload{Tag: 2, Key: "twin", Value: value})
			}
			require.EqualValues(t, 2_000, s.Conflicts())
			bytes, met := 0, s.TakeConflicts()
			for i := range met {
				bytes += met[i].Stands.size() + met[i].Other.size()
			}
			require.LessOrEqual(t, len(met), maxConflicts)
			require.LessOrEqual(t, bytes, maxConflictBytes)
			require.GreaterOrEqual(t, len(met), 30)
			require.Empty(t, s.Clone().TakeConflicts())
		})
	}
}

func TestVersionsAreOrderedByAllThatIsInThem(t *testing.T) {
	base := Version{Path: []Component{{8, "m"}}, Payload: Payload{Tag: 2, Key: "k", Value: "v", Time: 3}}
	for i, change := range []func(*Version){
		func(v *Version) { v.Path = []Component{{9, "m"}} }, func(v *Version) { v.Path = []Component{{8, "n"}} },
		func(v *Version) { v.Path = []Component{{8, "m"}, {8, "m"}} },
		func(v *Version) { v.Tag++ }, func(v *Version) { v.Key = "l" }, func(v *Version) { v.Value = "w" },
		func(v *Version) { v.Time++ }, func(v *Version) { v.Expiry++ }, func(v *Version) { v.Flags = Mark },
	} {
		other := base
		change(&other)
		require.Equal(t, -1, base.compare(&other), "change %d", i)
		require.Equal(t, 1, other.compare(&base), "change %d", i)
	}
	require.True(t, base.equals(base))
}
