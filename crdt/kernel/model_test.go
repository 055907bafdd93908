package kernel

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// record is a payload of the model: comparable, with its path written out.
type record struct {
	path   string // a byte for the tag and one for the name of each component
	tag    Tag
	key    string
	value  string
	time   hlc.Time
	expiry hlc.Time
	marked bool
}

type spot struct {
	path string
	tag  Tag
	key  string
}

func (r record) spot() spot { return spot{r.path, r.tag, r.key} }

type dots map[causal.Dot]bool

// event is one update event with all its effects.
type event struct {
	add   *record
	kills dots
}

// history is all events that were ever minted. What a context means is
// computed from it from scratch, without any of the kernel's shortcuts.
type history map[causal.Dot]event

// meaning returns what is live and what is dead ahead in a context.
func (h history) meaning(ctx dots) (live map[causal.Dot]record, ahead dots) {
	killed := dots{}
	for d := range ctx {
		for k := range h[d].kills {
			killed[k] = true
		}
	}
	live, ahead = map[causal.Dot]record{}, dots{}
	for d := range ctx {
		if add := h[d].add; add != nil && !killed[d] {
			live[d] = *add
		}
	}
	for d := range killed {
		if !ctx[d] {
			ahead[d] = true
		}
	}
	return live, ahead
}

// part is a set of events as one fragment: what a merge takes.
type part struct {
	claims causal.Context
	adds   map[causal.Dot]record
	deaths causal.Context
}

// part returns the events as one closed fragment.
func (h history) part(events dots) part {
	var p part
	var ahead dots
	p.adds, ahead = h.meaning(events)
	for d := range events {
		p.claims.Add(d)
	}
	for d := range ahead {
		p.deaths.Add(d)
	}
	return p
}

// whole returns everything that a state knows as one fragment.
func whole(s *State) part {
	p := part{claims: s.Context(), adds: liveOf(s)}
	for _, a := range s.Actors() {
		p.deaths.AddRanges(s.Actor(a), s.Ahead(a))
	}
	return p
}

func pathOf(s *State, r Ref) (path string) {
	for _, c := range s.Path(nil, r) {
		path += string(rune(c.Tag)) + c.Name
	}
	return path
}

func liveOf(s *State) map[causal.Dot]record {
	out := map[causal.Dot]record{}
	for _, a := range s.Actors() {
		for l := range s.Between(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
			out[s.Dot(&l)] = recordOf(s, &l)
		}
	}
	return out
}

func recordOf(s *State, l *Live) record {
	return record{pathOf(s, l.Parent), l.Tag, l.Key, l.Value, l.Time, l.Expiry, l.Marked}
}

func ensure(s *State, path string) Ref {
	r := Root
	for i := 0; i < len(path); i += 2 {
		r = s.Ensure(r, Tag(path[i]), path[i+1:i+2])
	}
	return r
}

func find(s *State, path string) (Ref, bool) {
	r, ok := Root, true
	for i := 0; i < len(path) && ok; i += 2 {
		r, ok = s.Find(r, Tag(path[i]), path[i+1:i+2])
	}
	return r, ok
}

func (r record) payload(s *State) *Payload {
	p := &Payload{Parent: ensure(s, r.path), Tag: r.tag, Key: r.key, Value: r.value, Time: r.time, Expiry: r.expiry}
	if r.marked {
		p.Flags = Mark
	}
	return p
}

// merge merges a fragment by the calls that the codec makes.
func merge(s *State, p part) {
	for a, rs := range p.deaths.All() {
		for _, r := range rs {
			s.Kill(s.Intern(a), r)
		}
	}
	held := map[causal.Actor]causal.Ranges{}
	for d := range p.adds {
		held[d.Actor] = held[d.Actor].AddSeq(d.Seq)
	}
	for a, rs := range p.claims.All() {
		i := s.Intern(a)
		for _, r := range rs {
			s.Supersede(i, r, held[a])
		}
		for seq := range held[a].All() {
			s.Learn(i, seq, p.adds[causal.Dot{Actor: a, Seq: seq}].payload(s))
		}
		for _, r := range rs {
			s.Claim(i, r)
		}
	}
	s.Sweep()
}

// mergeNaively is the mistake that deaths ahead avoid: a killed dot enters the
// context although its own event is missing.
func mergeNaively(s *State, p part) {
	merge(s, p)
	for _, a := range s.Actors() {
		for _, r := range append(causal.Ranges(nil), s.Ahead(a)...) {
			s.Claim(a, r)
		}
	}
}

// replica is a state beside what the model says that it should be.
type replica struct {
	*State
	self Index
	ctx  dots
}

// world is some replicas and all events that they minted.
type world struct {
	rng      *rand.Rand
	history  history
	replicas []*replica
	clock    hlc.Time
	crowded  bool // all payloads go to one place
}

func newWorld(seed int64, replicas int) *world {
	w := &world{rng: rand.New(rand.NewSource(seed)), history: history{}}
	for i := range replicas {
		r := &replica{State: &State{}, ctx: dots{}}
		r.self = r.Intern(causal.Actor{ID: causal.ID{byte(i + 1)}, Incarnation: uint64(i % 2)})
		w.replicas = append(w.replicas, r)
	}
	return w
}

func (w *world) any() *replica { return w.replicas[w.rng.Intn(len(w.replicas))] }

// events returns all events in an order that a seed repeats.
func (w *world) events() []causal.Dot {
	return slices.SortedFunc(maps.Keys(w.history), causal.Dot.Compare)
}

// anyEvent returns a random event, if there is one.
func (w *world) anyEvent() (causal.Dot, bool) {
	all := w.events()
	if len(all) == 0 {
		return causal.Dot{}, false
	}
	return all[w.rng.Intn(len(all))], true
}

// some returns a random selection of all events.
func (w *world) some() dots {
	out := dots{}
	for _, d := range w.events() {
		if w.rng.Intn(4) == 0 {
			out[d] = true
		}
	}
	return out
}

func (w *world) randomRecord() record {
	w.clock += hlc.Time(w.rng.Intn(3))
	paths := []string{"", "", "\x08m", "\x08n", "\x09m", "\x08m\x08n", "\x08m\x08n\x0am"}
	r := record{
		path: paths[w.rng.Intn(len(paths))], tag: Tag(2 + w.rng.Intn(3)), key: string(rune('x' + w.rng.Intn(2))),
		time: w.clock, marked: w.rng.Intn(4) == 0,
	}
	if w.crowded {
		r.path, r.tag, r.key = "", 2, "x"
	}
	if r.tag&1 == 0 {
		r.value = fmt.Sprint(w.rng.Intn(100))
	}
	if w.rng.Intn(6) == 0 {
		r.expiry = w.clock + 100
	}
	return r
}

// mint tells the model of a local event.
func (w *world) mint(r *replica, seq uint64, add *record, kills dots) {
	d := causal.Dot{Actor: r.Actor(r.self), Seq: seq}
	w.history[d] = event{add, kills}
	r.ctx[d] = true
}

// at returns what the model says is live where keep holds.
func (w *world) at(r *replica, keep func(record) bool) dots {
	live, _ := w.history.meaning(r.ctx)
	out := dots{}
	for d, rec := range live {
		if keep(rec) {
			out[d] = true
		}
	}
	return out
}

func (w *world) check(t testing.TB, r *replica) {
	t.Helper()
	requireSound(t, r.State)
	live, ahead := w.history.meaning(r.ctx)
	require.Equal(t, live, liveOf(r.State))
	require.Equal(t, len(live), r.Dots())
	got := dots{}
	for _, a := range r.Actors() {
		for seq := range r.Ahead(a).All() {
			got[causal.Dot{Actor: r.Actor(a), Seq: seq}] = true
		}
	}
	require.Equal(t, ahead, got, "deaths ahead")
	var ctx causal.Context
	for d := range r.ctx {
		ctx.Add(d)
	}
	have := r.Context()
	require.True(t, ctx.Equal(have), "context %v, want %v", &have, &ctx)
	require.Zero(t, r.Conflicts())
}

// checkPairs asserts that equal contexts mean equal live dots.
func (w *world) checkPairs(t testing.TB) (equal int) {
	t.Helper()
	for i, a := range w.replicas {
		for _, b := range w.replicas[:i] {
			ca := a.Context()
			same := ca.Equal(b.Context())
			require.Equal(t, same, a.Digest() == b.Digest())
			if same {
				equal++
				require.Equal(t, liveOf(a.State), liveOf(b.State))
				require.Equal(t, a.Fingerprint(), b.Fingerprint())
			}
		}
	}
	return equal
}
