package wire

import (
	"fmt"
	"maps"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// fragment is encoded bytes with their form.
type fragment struct {
	body []byte
	form Form
}

func (f fragment) parse(t testing.TB) *Fragment {
	t.Helper()
	p, err := Parse(f.form, f.body)
	require.NoError(t, err)
	return p
}

func encode(s *kernel.State) fragment {
	body, form := AppendState(nil, s)
	return fragment{body, form}
}

// replica is a state that one actor writes to.
type replica struct {
	*kernel.State
	self kernel.Index
}

// world is some replicas and every unit that they published, one an event.
type world struct {
	rng      *rand.Rand
	replicas []*replica
	units    []fragment
	clock    hlc.Time
}

func newWorld(seed int64) *world {
	w := &world{rng: rand.New(rand.NewSource(seed)), clock: 1 << 40}
	for i := range 3 {
		r := &replica{State: &kernel.State{}}
		r.self = r.Intern(causal.Actor{ID: causal.ID{byte(i + 1)}, Incarnation: uint64(i * 9)})
		w.replicas = append(w.replicas, r)
	}
	return w
}

// grow takes random steps: writes, and deliveries across gaps, again or not.
func (w *world) grow(t testing.TB, n int) *world {
	t.Helper()
	for range n {
		r := w.replicas[w.rng.Intn(3)]
		switch w.rng.Intn(6) {
		case 0, 1:
			w.deliver(t, r)
		case 2:
			w.remove(r)
		case 3:
			w.killByName(r)
		default:
			w.put(r)
		}
		require.NoError(t, r.Verify())
	}
	return w
}

func (w *world) deliver(t testing.TB, r *replica) {
	if len(w.units) > 0 {
		w.units[w.rng.Intn(len(w.units))].parse(t).Apply(r.State)
	}
}

func (w *world) publish(r *replica, seq uint64, killed []kernel.Dot) {
	body, form := AppendUnit(nil, r.State, r.self, causal.Range{Lo: seq, Hi: seq}, killed)
	w.units = append(w.units, fragment{body, form})
}

func (w *world) payload(s *kernel.State) *kernel.Payload {
	w.clock += hlc.Time(w.rng.Intn(3) * w.rng.Intn(1<<17))
	p := &kernel.Payload{Tag: kernel.Tag(2 + w.rng.Intn(3)), Key: fmt.Sprint("k", w.rng.Intn(3)), Time: w.clock}
	if w.rng.Intn(5) == 0 {
		p.Tag, p.Key = kernel.Tag(1+w.rng.Intn(0x7f)), "\xff\x00 not UTF-8"
	}
	for range w.rng.Intn(4) {
		p.Parent = s.Ensure(p.Parent, kernel.Tag(8+w.rng.Intn(2)), fmt.Sprint("m", w.rng.Intn(2)))
	}
	if p.Tag&1 == 0 {
		p.Value = string(make([]byte, w.rng.Intn(3)*w.rng.Intn(200)))
	}
	if w.rng.Intn(4) == 0 {
		p.Flags = kernel.Mark
	}
	if w.rng.Intn(6) == 0 {
		p.Expiry = w.clock + 1<<20
	}
	return p
}

func (w *world) put(r *replica) {
	seq := r.Next(r.self)
	w.publish(r, seq, r.Assign(r.self, seq, w.payload(r.State), nil))
}

func (w *world) remove(r *replica) {
	seq := r.Next(r.self)
	killed, _ := r.ClearBelow(kernel.Root, func(l *kernel.Live) bool { return l.Key != "k0" }, nil, 4)
	r.Event(r.self, seq)
	w.publish(r, seq, killed)
}

// killByName kills a dot of another replica, known here or not.
func (w *world) killByName(r *replica) {
	other := w.replicas[w.rng.Intn(3)]
	last := other.Next(other.self) - 1
	if other == r || last == 0 {
		return
	}
	d := causal.Dot{Actor: other.Actor(other.self), Seq: 1 + uint64(w.rng.Int63n(int64(last)))}
	var killed []kernel.Dot
	if r.KillDot(d) {
		killed = append(killed, kernel.Dot{Actor: r.Intern(d.Actor), Seq: d.Seq})
	}
	seq := r.Next(r.self)
	r.Event(r.self, seq)
	w.publish(r, seq, killed)
}

// entry is a payload written out, comparable.
type entry struct {
	path, key, value string
	tag              kernel.Tag
	time, expiry     hlc.Time
	marked           bool
}

func entries(s *kernel.State) map[causal.Dot]entry {
	out := map[causal.Dot]entry{}
	for l := range s.Below(kernel.Root) {
		path := fmt.Sprint(s.Path(nil, l.Parent))
		out[s.Dot(&l)] = entry{path, l.Key, l.Value, l.Tag, l.Time, l.Expiry, l.Marked}
	}
	return out
}

func aheadOf(s *kernel.State) string {
	var c causal.Context
	for _, a := range s.Actors() {
		c.AddRanges(s.Actor(a), s.Ahead(a))
	}
	return c.String()
}

func requireSame(t testing.TB, want, got *kernel.State) {
	t.Helper()
	require.NoError(t, got.Verify())
	require.Equal(t, want.Digest(), got.Digest())
	require.True(t, maps.Equal(entries(want), entries(got)))
	require.Equal(t, aheadOf(want), aheadOf(got))
}
