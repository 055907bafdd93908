package reconcile

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

type dots map[causal.Dot]bool

// event is one event with all its effects, and the unit that says so.
type event struct {
	adds  bool
	kills []causal.Dot
	unit  *wire.Fragment
}

// world is two replicas that write and hear of each other and of others by single
// events, with gaps, and everything that ever happened.
type world struct {
	rng    *rand.Rand
	sides  [2]*kernel.State
	actors []causal.Actor
	seqs   []uint64
	events map[causal.Dot]event
	order  []causal.Dot
	keys   int
	clock  hlc.Time
}

func newWorld(seed int64, actors, keys int) *world {
	w := &world{rng: rand.New(rand.NewSource(seed)), events: map[causal.Dot]event{}, keys: keys, clock: 1 << 40}
	w.sides = [2]*kernel.State{{}, {}}
	for i := range actors {
		a := causal.Actor{ID: causal.ID{byte(w.rng.Intn(250)), byte(i >> 8), byte(i), 1}, Incarnation: uint64(w.rng.Intn(2) * i)}
		w.actors, w.seqs = append(w.actors, a), append(w.seqs, 0)
	}
	return w
}

// write mints an event on what a side has seen: a put, a put beside what is
// there, or a removal.
func (w *world) write(t testing.TB, side int) causal.Dot {
	s := w.sides[side]
	i := w.rng.Intn((len(w.actors)+1)/2)*2 + side // each side has its own
	if i >= len(w.actors) {
		i = side % len(w.actors)
	}
	w.seqs[i]++
	d := causal.Dot{Actor: w.actors[i], Seq: w.seqs[i]}
	a := s.Intern(d.Actor)
	w.clock++
	p := kernel.Payload{Tag: 2, Key: fmt.Sprint(w.rng.Intn(w.keys)), Value: d.String(), Time: w.clock}
	var killed []kernel.Dot
	switch w.rng.Intn(6) {
	case 0:
		killed = s.Clear(p.Parent, p.Tag, p.Key, nil)
		s.Event(a, d.Seq)
	case 1:
		s.Add(a, d.Seq, &p)
	default:
		killed = s.Assign(a, d.Seq, &p, nil)
	}
	e := event{adds: s.IsLive(a, d.Seq)}
	for _, k := range killed {
		e.kills = append(e.kills, s.NameOf(k))
	}
	body, form := wire.AppendUnit(nil, s, a, causal.Range{Lo: d.Seq, Hi: d.Seq}, killed)
	var err error
	e.unit, err = wire.Parse(form, body)
	require.NoError(t, err)
	w.events[d], w.order = e, append(w.order, d)
	return d
}

// grow takes random steps; an event reaches the other side with some probability.
func (w *world) grow(t testing.TB, n int, heard float64) {
	for range n {
		side := w.rng.Intn(2)
		d := w.write(t, side)
		if w.rng.Float64() < heard {
			w.events[d].unit.Apply(w.sides[1-side])
		}
		if w.rng.Intn(8) == 0 {
			w.events[w.order[w.rng.Intn(len(w.order))]].unit.Apply(w.sides[w.rng.Intn(2)])
		}
	}
}

// meaning computes from what happened what is live in a state that has seen what
// s has, and which deaths are ahead.
func (w *world) meaning(s *kernel.State) (live, ahead dots) {
	live, ahead = dots{}, dots{}
	ctx := s.Context()
	killed := dots{}
	for d, e := range w.events {
		if ctx.Contains(d) {
			for _, k := range e.kills {
				killed[k] = true
			}
		}
	}
	for d, e := range w.events {
		if ctx.Contains(d) && e.adds && !killed[d] {
			live[d] = true
		}
	}
	for d := range killed {
		if !ctx.Contains(d) {
			ahead[d] = true
		}
	}
	return live, ahead
}

func liveOf(s *kernel.State) dots {
	out := dots{}
	for _, a := range s.Actors() {
		for l := range s.Between(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
			out[s.Dot(&l)] = true
		}
	}
	return out
}

// check requires that a state is what its context determines.
func (w *world) check(t testing.TB, s *kernel.State) {
	t.Helper()
	require.NoError(t, s.Verify())
	live, ahead := w.meaning(s)
	require.Equal(t, live, liveOf(s))
	held := dots{}
	for _, a := range s.Actors() {
		for seq := range s.Ahead(a).All() {
			held[causal.Dot{Actor: s.Actor(a), Seq: seq}] = true
		}
	}
	require.Equal(t, ahead, held)
}

// minus returns the dots of x that are in the context c and not in y.
func (x dots) minus(y dots, c causal.Context) dots {
	out := dots{}
	for d := range x {
		if c.Contains(d) && !y[d] {
			out[d] = true
		}
	}
	return out
}

func set(c causal.Context) dots {
	out := dots{}
	for a, rs := range c.All() {
		for seq := range rs.All() {
			out[causal.Dot{Actor: a, Seq: seq}] = true
		}
	}
	return out
}

// session reconciles by the book. between is called wherever messages travel.
func session(t testing.TB, opener, answerer *kernel.State, salt func() uint64, between func()) (Plan, int) {
	t.Helper()
	theirs := answerer.Context()
	between()
	cut, err := Take(opener, theirs)
	require.NoError(t, err)
	for round := 1; ; round++ {
		sketch := cut.Sketch(nil, salt())
		between()
		reply, err := Answer(answerer, theirs, sketch)
		require.NoError(t, err)
		theirNews := delta.AppendNews(nil, answerer, reply.Common, causal.Context{}, causal.Context{})
		between()
		plan, err := cut.Resolve(opener, reply.Table)
		if err != nil {
			require.ErrorIs(t, err, ErrAgain)
			continue
		}
		ownNews := delta.AppendNews(nil, opener, plan.Common, plan.There, plan.Conflicts)
		f, err := theirNews.Open()
		require.NoError(t, err)
		merged, err := f.WithDeaths(plan.Here)
		require.NoError(t, err)
		require.NoError(t, merged.Merge(opener))
		between()
		require.NoError(t, ownNews.Merge(answerer))
		return plan, round
	}
}

func still() {}
