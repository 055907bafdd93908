package main

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// dots is a set of dots: each actor has perActor numbers.
type dots uint64

const (
	actors   = 4 // the last one is no member
	members  = 3
	perActor = 15
	transit  = 6  // for how long a message is under way at most
	wait     = 8  // for how long a dead document is kept after all hold it
	memory   = 14 // for how long a replica knows what it forgot
)

func dot(actor, number int) dots { return 1 << (actor*perActor + number - 1) }

// numbers returns the dots of an actor up to a number.
func numbers(actor, upTo int) (s dots) {
	for n := 1; n <= upTo; n++ {
		s |= dot(actor, n)
	}
	return s
}

func greatest(s dots, actor int) int {
	return bits.Len64(uint64(s>>(actor*perActor)) & (1<<perActor - 1))
}

// event is what a message carries: what it claims, adds and kills.
type event struct {
	id     int
	claims dots
	add    dots // one, or none
	kills  dots
	sent   int
}

type replica struct {
	held                 bool
	context, live, ahead dots
	shows                map[dots]int // the event under each live dot
	floor                int          // greatest own number in what was forgotten
	known                [members]dots
	since                int  // when all were first known to hold it so; 0: never
	as                   dots // the context that they held it in then
	past                 dots
	pastUntil            int
	log                  []event      // that it gives out one by one
	dead                 map[int]bool // events that it once knew to be dead
}

type world struct {
	mode      string
	rng       *rand.Rand
	now       int
	replicas  [actors]*replica
	flying    []event
	events    int
	removed   map[int]bool
	written   []int
	story     []string
	forgotten int
	again     int
	wrong     string
}

func newWorld(mode string, seed uint64) *world {
	w := &world{mode: mode, rng: rand.New(rand.NewPCG(seed, 2)), removed: map[int]bool{}}
	for i := range w.replicas {
		w.replicas[i] = &replica{shows: map[dots]int{}, dead: map[int]bool{}}
	}
	return w
}

func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%3d: ", w.now)+fmt.Sprintf(format, args...))
}

func each(s dots, fn func(dots)) {
	for ; s != 0; s &= s - 1 {
		fn(s & -s)
	}
}

// drop ends live dots at a replica, which knows from here on that they are dead.
func (r *replica) drop(s dots) {
	each(s&r.live, func(d dots) {
		r.dead[r.shows[d]] = true
		delete(r.shows, d)
	})
	r.live &^= s
}

// learn makes a dot live that is new to a replica.
func (w *world) learn(at int, d dots, id int) {
	r := w.replicas[at]
	if (r.context|r.ahead)&d != 0 {
		return
	}
	r.live |= d
	r.shows[d] = id
	if r.dead[id] && w.wrong == "" {
		w.wrong = fmt.Sprintf("replica %d shows the write %d again, which it knew to be dead", at, id)
	}
}

// absorb merges an event.
func (w *world) absorb(at int, e *event) {
	r := w.replicas[at]
	r.held = true
	r.drop(e.kills | e.claims&^e.add&^r.context)
	r.ahead |= e.kills &^ r.context
	if e.add != 0 {
		w.learn(at, e.add, e.id)
	}
	if e.claims&^r.context != 0 {
		r.log = append(r.log, *e)
	}
	r.context |= e.claims
	r.ahead &^= r.context
	w.trim(r)
}

// trim ends the log of a dead document.
func (w *world) trim(r *replica) {
	if r.live == 0 && w.mode != "logs" {
		r.log = nil
	}
}

// merge takes all that another replica holds.
func (w *world) merge(to, from int) {
	r, q := w.replicas[to], w.replicas[from]
	r.held = true
	r.drop(q.context&^q.live | q.ahead)
	each(q.live, func(d dots) { w.learn(to, d, q.shows[d]) })
	r.context |= q.context
	r.ahead = (r.ahead | q.ahead) &^ r.context
	w.trim(r)
}
