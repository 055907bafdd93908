package main

import (
	"fmt"
	"iter"
	"math/bits"
	"math/rand/v2"
	"strings"
)

// set is a set of events, by number.
type set uint64

const maxEvents = 60

func one(e int) set { return 1 << e }

func (s set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for m := uint64(s); m != 0; m &= m - 1 {
			if !yield(bits.TrailingZeros64(m)) {
				return
			}
		}
	}
}

func (s set) len() int { return bits.OnesCount64(uint64(s)) }

type kind int

const (
	increment kind = iota
	removal
	announcement
	confirmation
)

// event is a dot with what it does. What an increment adds is itself: sums are
// sets of increments, so that one shows what is counted.
type event struct {
	kind   kind
	origin int
	owner  int // whose increments are folded
	past   set
	kills  set
	parts  set // named by an announcement
	sum    set // increments that count for it
	undone set // increments that the removal's writer saw
	of     int // announcement that is confirmed
}

type replica struct {
	context, live, ahead set
	folded               map[int]set // silently, under the dot of one of them
	known                [3]set      // what each member was last heard to cover
}

type world struct {
	mode     string
	rng      *rand.Rand
	events   []event
	replicas [3]*replica
	story    []string
	folds    int
}

func newWorld(mode string, seed uint64) *world {
	w := &world{mode: mode, rng: rand.New(rand.NewPCG(seed, 1))}
	for i := range w.replicas {
		w.replicas[i] = &replica{folded: map[int]set{}}
	}
	return w
}

func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf(format, args...))
}

func (w *world) name(e int) string {
	return fmt.Sprintf("%c%d", "irac"[w.events[e].kind], e)
}

func (w *world) names(s set) string {
	var out []string
	for e := range s.all() {
		out = append(out, w.name(e))
	}
	return "{" + strings.Join(out, " ") + "}"
}

// mint adds an event to the history and its origin's state.
func (w *world) mint(at int, e event) int {
	r := w.replicas[at]
	e.origin, e.past = at, r.context
	w.events = append(w.events, e)
	id := len(w.events) - 1
	w.absorb(r, id)
	return id
}

func (w *world) absorb(r *replica, id int) {
	e := &w.events[id]
	r.ahead |= e.kills &^ r.context
	r.live &^= e.kills
	if r.ahead&one(id) == 0 && e.kind != removal {
		r.live |= one(id)
	}
	r.context |= one(id)
	r.ahead &^= one(id)
}

// merge takes all that another replica knows, at once.
func (w *world) merge(to, from *replica) {
	dead := from.context&^from.live | from.ahead
	fresh := from.live &^ to.context &^ to.ahead
	for e := range fresh.all() {
		if sum, ok := from.folded[e]; ok {
			to.folded[e] = sum
		}
	}
	to.live = to.live&^dead | fresh
	to.context |= from.context
	to.ahead = (to.ahead | from.ahead) &^ to.context
}

// value returns the increments that count, and those that count twice.
func (w *world) value(r *replica) (sum, twice set) {
	add := func(s set) { sum, twice = sum|s, twice|sum&s }
	for id := range r.live.all() {
		switch e := &w.events[id]; e.kind {
		case increment:
			if s, ok := r.folded[id]; ok {
				add(s)
			} else {
				add(one(id))
			}
		case confirmation:
			if w.mode == "one" {
				add(e.sum)
			} else if r.live&one(e.of) != 0 {
				add(w.events[e.of].sum)
			}
		}
	}
	return sum, twice
}

// meaning returns the increments that count according to the history.
func (w *world) meaning(context set) (sum set) {
	var undone set
	for id := range context.all() {
		undone |= w.events[id].undone
		if w.events[id].kind == increment {
			sum |= one(id)
		}
	}
	return sum &^ undone
}

func (w *world) isClosed(context set) bool {
	for id := range context.all() {
		if w.events[id].past&^context != 0 {
			return false
		}
	}
	return true
}

// covers reports whether every member is known to have s, and this replica has
// what each of them had when it said so.
func (w *world) covers(at int, s set) bool {
	r := w.replicas[at]
	for i, known := range r.known {
		if i != at && (s&^known != 0 || known&^r.context != 0) {
			return false
		}
	}
	return true
}

// check compares all replicas with the history.
func (w *world) check() string {
	for i, r := range w.replicas {
		if !w.isClosed(r.context) {
			continue
		}
		sum, twice := w.value(r)
		if want := w.meaning(r.context); sum != want || twice != 0 {
			return fmt.Sprintf("replica %d counts %s, twice %s, and should count %s", i, w.names(sum), w.names(twice), w.names(want))
		}
	}
	return ""
}
