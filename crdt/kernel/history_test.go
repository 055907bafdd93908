package kernel

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// steps are what can happen in a random history; the earlier ones are repeated
// because they are the usual ones.
var steps = append([]step{
	{run: (*world).assign}, {run: (*world).assign}, {run: (*world).deliver}, {run: (*world).deliver},
	{run: (*world).deliverOne}, {run: (*world).deliverOne}, {run: (*world).deliverOne},
	{run: (*world).mergeWhole}, {run: (*world).group, mayReturn: true},
}, locals...)

// locals are the steps that a group may be made of.
var locals = []step{
	{run: (*world).assign}, {run: (*world).assign}, {run: (*world).addSibling}, {run: (*world).clear},
	{run: (*world).clearBelow}, {run: (*world).killByName}, {run: (*world).empty},
}

// step is something that happens at a replica. One that may return to where
// it began touches more places than it changes.
type step struct {
	run       func(*world, testing.TB, *replica)
	mayReturn bool
}

// take takes a random step and asserts that the observer hears of it.
func (w *world) take(t testing.TB, r *replica, from []step) {
	x := from[w.rng.Intn(len(from))]
	if x.mayReturn {
		x.run(w, t, r)
	} else {
		w.observed(t, r, func() { x.run(w, t, r) })
	}
}

func (w *world) names(r *replica, killed []Dot) dots {
	out := dots{}
	for _, d := range killed {
		out[r.NameOf(d)] = true
	}
	return out
}

func (w *world) assign(t testing.TB, r *replica) {
	rec, seq := w.randomRecord(), r.Next(r.self)
	want := w.at(r, func(o record) bool { return o.spot() == rec.spot() })
	killed := w.names(r, r.Assign(r.self, seq, rec.payload(r.State), nil))
	require.Equal(t, want, killed, "assign kills what was at the place")
	w.mint(r, seq, &rec, killed)
}

func (w *world) addSibling(_ testing.TB, r *replica) {
	rec, seq := w.randomRecord(), r.Next(r.self)
	r.Add(r.self, seq, rec.payload(r.State))
	w.mint(r, seq, &rec, nil)
}

func (w *world) empty(_ testing.TB, r *replica) {
	seq := r.Next(r.self)
	r.Event(r.self, seq)
	w.mint(r, seq, nil, nil)
}

func (w *world) clear(t testing.TB, r *replica) {
	rec, seq := w.randomRecord(), r.Next(r.self)
	want := w.at(r, func(o record) bool { return o.spot() == rec.spot() })
	killed := w.names(r, r.Clear(ensure(r.State, rec.path), rec.tag, rec.key, nil))
	r.Event(r.self, seq)
	require.Equal(t, want, killed, "clear kills what was at the place")
	w.mint(r, seq, nil, killed)
}

// clearBelow clears a container as several events of a few dots each.
func (w *world) clearBelow(t testing.TB, r *replica) {
	path := w.randomRecord().path
	want := w.at(r, func(o record) bool { return strings.HasPrefix(o.path, path) && !o.marked })
	limit := 1 + w.rng.Intn(4)
	for done := false; !done; {
		var batch []Dot
		at, ok := find(r.State, path)
		if !ok {
			break
		}
		batch, done = r.ClearBelow(at, func(l *Live) bool { return l.Marked }, nil, limit)
		require.LessOrEqual(t, len(batch), limit)
		seq := r.Next(r.self)
		r.Event(r.self, seq)
		killed := w.names(r, batch)
		w.mint(r, seq, nil, killed)
		for d := range killed {
			require.True(t, want[d], "only what is below and not kept")
			delete(want, d)
		}
	}
	require.Empty(t, want, "all that is below is cleared")
}

// killByName kills dots that were read elsewhere, known here or not.
func (w *world) killByName(t testing.TB, r *replica) {
	kills := dots{}
	seq := r.Next(r.self)
	live, ahead := w.history.meaning(r.ctx)
	for range 3 {
		d, ok := w.anyEvent()
		if !ok || kills[d] {
			continue
		}
		_, alive := live[d]
		require.Equal(t, alive || !r.ctx[d] && !ahead[d], r.KillDot(d))
		kills[d] = true
	}
	r.Event(r.self, seq)
	w.mint(r, seq, nil, kills)
}

// deliver merges a random selection of all events, across gaps, again or not.
func (w *world) deliver(_ testing.TB, r *replica) {
	events := w.some()
	merge(r.State, w.history.part(events))
	maps.Copy(r.ctx, events)
}

func (w *world) deliverOne(_ testing.TB, r *replica) {
	if d, ok := w.anyEvent(); ok {
		merge(r.State, w.history.part(dots{d: true}))
		r.ctx[d] = true
	}
}

func (w *world) mergeWhole(_ testing.TB, r *replica) {
	from := w.any()
	merge(r.State, whole(from.State))
	maps.Copy(r.ctx, from.ctx)
}

// group runs a few local events that are kept or taken back together.
func (w *world) group(t testing.TB, r *replica) {
	before := r.Clone()
	known, minted := maps.Clone(r.ctx), maps.Clone(w.history)
	r.Begin(r.self)
	for range 1 + w.rng.Intn(5) {
		w.take(t, r, locals)
	}
	if w.rng.Intn(2) == 0 {
		r.Commit()
		return
	}
	r.Rollback()
	r.ctx, w.history = known, minted
	require.Equal(t, before.Digest(), r.Digest())
	require.Equal(t, liveOf(before), liveOf(r.State))
	require.Equal(t, before.Next(r.self), r.Next(r.self))
}

// touches collects the places that an observer is told of.
type touches struct {
	s  *State
	at map[spot]bool
}

func (o *touches) Touch(parent Ref, tag Tag, key string) {
	o.at[spot{pathOf(o.s, parent), tag, key}] = true
}

// observed asserts that the observer hears of exactly the places that change.
func (w *world) observed(t testing.TB, r *replica, change func()) {
	o := &touches{r.State, map[spot]bool{}}
	before := liveOf(r.State)
	r.Observe(o)
	change()
	r.Observe(nil)
	after, want := liveOf(r.State), map[spot]bool{}
	for _, side := range [2][2]map[causal.Dot]record{{before, after}, {after, before}} {
		for d, rec := range side[0] {
			if _, ok := side[1][d]; !ok {
				want[rec.spot()] = true
			}
		}
	}
	require.Equal(t, want, o.at)
}
