package lawtest

import (
	"cmp"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// The naive model: a replica is the set of writes that it knows, each with all
// that it added and killed. What is live is found by looking at all of them.

// Payload is one thing that a write added.
type Payload struct {
	Place string // where; the type under test gives it a meaning
	Value string
	Mark  bool
	Time  hlc.Time

	id    int // numbers all payloads in the order of writing
	actor causal.Actor
}

// write is one operation with its effects.
type write struct {
	adds  []Payload
	kills []int
}

// known is a set of writes by number.
type known uint64

const maxWrites = 64

func (k known) with(n int) known    { return k | 1<<n }
func (k known) contains(n int) bool { return k>>n&1 == 1 }
func (k known) union(o known) known { return k | o }

// world is all writes that ever were.
type world struct {
	writes []write
	ids    int
}

// View is what is live for a replica.
type View []Payload

// view looks at all known writes.
func (w *world) view(k known) View {
	killed := make([]bool, w.ids)
	for n := range w.writes {
		if k.contains(n) {
			for _, id := range w.writes[n].kills {
				killed[id] = true
			}
		}
	}
	var live View
	for n := range w.writes {
		if !k.contains(n) {
			continue
		}
		for _, p := range w.writes[n].adds {
			if !killed[p.id] {
				live = append(live, p)
			}
		}
	}
	return live
}

// At returns what is live at a place, the winner of last-writer-wins first.
func (v View) At(place string) View {
	var at View
	for _, p := range v {
		if p.Place == place {
			at = append(at, p)
		}
	}
	slices.SortFunc(at, func(a, b Payload) int {
		return -cmp.Or(cmp.Compare(a.Time, b.Time), a.actor.Compare(b.actor), cmp.Compare(a.id, b.id))
	})
	return at
}

// Places returns the places where anything is live, sorted.
func (v View) Places() []string {
	var all []string
	for _, p := range v {
		all = append(all, p.Place)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Values returns the values, sorted.
func (v View) Values() []string {
	var all []string
	for _, p := range v {
		all = append(all, p.Value)
	}
	slices.Sort(all)
	return all
}

// Writer does to the model what an operation does to the type.
type Writer struct {
	world *world
	known known
	actor causal.Actor
	time  hlc.Time
	step  hlc.Time // what a timed write moves the clock by
	into  int      // number of the write
}

// writer begins a write.
func (w *world) writer(k known, actor causal.Actor, now hlc.Time, grouped bool) *Writer {
	w.writes = append(w.writes, write{})
	n := len(w.writes) - 1
	out := &Writer{world: w, known: k.with(n), actor: actor, time: now, step: 1, into: n}
	if grouped {
		out.step = 0
	}
	return out
}

// View returns what is live for the writer, its own writes included.
func (w *Writer) View() View { return w.world.view(w.known) }

// Assign puts a value in place of all that is live there.
func (w *Writer) Assign(place, value string, mark bool) {
	w.Remove(func(p Payload) bool { return p.Place == place })
	w.Add(place, value, mark)
}

// AssignAt is Assign with an explicit timestamp: ignored if the winner is later.
func (w *Writer) AssignAt(t hlc.Time, place, value string, mark bool) {
	at := w.View().At(place)
	if len(at) > 0 && cmp.Or(cmp.Compare(t, at[0].Time), w.actor.Compare(at[0].actor)) < 0 {
		return
	}
	w.Remove(func(p Payload) bool { return p.Place == place })
	w.add(Payload{Place: place, Value: value, Mark: mark, Time: t})
}

// Add adds a value beside what is live there.
func (w *Writer) Add(place, value string, mark bool) {
	w.add(Payload{Place: place, Value: value, Mark: mark, Time: w.time})
	w.time += w.step
}

func (w *Writer) add(p Payload) {
	p.id, p.actor = w.world.ids, w.actor
	w.world.ids++
	into := &w.world.writes[w.into]
	into.adds = append(into.adds, p)
}

// Remove kills what is live and matches.
func (w *Writer) Remove(match func(Payload) bool) {
	for _, p := range w.View() {
		if match(p) {
			w.world.writes[w.into].kills = append(w.world.writes[w.into].kills, p.id)
		}
	}
}
