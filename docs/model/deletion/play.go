package main

import (
	"fmt"
	"maps"
	"slices"
)

// play runs a random history and returns what went wrong, "" if nothing did.
func (w *world) play() string {
	writes := 2 + w.rng.IntN(5)
	for range 60 + w.rng.IntN(120) {
		at := w.rng.IntN(members)
		switch x := w.rng.IntN(100); {
		case x < 6 && writes > 0:
			writes--
			w.write(at)
		case x < 16:
			w.remove(at)
		case x < 40:
			w.deliver(at)
		case x < 55:
			w.pull(at, w.rng.IntN(members))
		case x < 57:
			w.visit(at)
		case x < 65:
			w.repair(at, w.rng.IntN(members))
		default:
			w.pass()
		}
		if w.wrong != "" {
			return w.wrong
		}
	}
	return w.converge()
}

// pass lets time pass, in which the members hear of each other.
func (w *world) pass() {
	w.now++
	for at := range members {
		for from := range members {
			w.hear(at, from)
		}
		w.forget(at)
	}
	if w.mode != "late" {
		w.flying = slices.DeleteFunc(w.flying, func(e event) bool { return w.now-e.sent > transit })
	}
}

// mint makes an event, which is then under way to the others.
func (w *world) mint(at int, adds bool, kills dots) {
	r := w.replicas[at]
	number := max(greatest(r.context, at), r.floor) + 1
	if number > perActor {
		return
	}
	w.events++
	e := event{id: w.events, kills: kills, claims: dot(at, number), sent: w.now}
	if w.mode != "reuse" {
		e.claims = numbers(at, number) &^ r.context
	}
	if adds {
		e.add = dot(at, number)
		w.written = append(w.written, e.id)
	}
	each(kills&r.live, func(d dots) { w.removed[r.shows[d]] = true })
	if r.floor > 0 && !r.held {
		w.again++
	}
	w.absorb(at, &e)
	w.flying = append(w.flying, e)
	w.tell("%d: event %d under number %d, adds %v, kills %b", at, e.id, number, adds, kills)
}

func (w *world) write(at int) {
	kills := dots(0)
	if w.rng.IntN(2) == 0 {
		kills = w.replicas[at].live
	}
	w.mint(at, true, kills)
}

func (w *world) remove(at int) {
	if live := w.replicas[at].live; live != 0 {
		w.mint(at, false, live)
	}
}

// deliver gives a replica something that is under way, maybe not for the first time.
func (w *world) deliver(at int) {
	if len(w.flying) > 0 {
		e := w.flying[w.rng.IntN(len(w.flying))]
		w.absorb(at, &e)
		w.tell("event %d reaches %d", e.id, at)
	}
}

// pull brings a replica up to date with another one.
func (w *world) pull(at, from int) {
	r, q := w.replicas[at], w.replicas[from]
	if !q.held || at == from || !r.held && r.remembers(q.context, w.now) && q.live == 0 {
		return
	}
	w.merge(at, from)
	w.tell("%d takes the state of %d", at, from)
}

// repair gives a replica one event that it lacks of a document that it holds.
func (w *world) repair(at, from int) {
	r, q := w.replicas[at], w.replicas[from]
	for _, e := range q.log {
		if r.held && at != from && e.claims&^r.context != 0 && w.rng.IntN(2) == 0 {
			w.absorb(at, &e)
			w.tell("%d gives event %d to %d", from, e.id, at)
			return
		}
	}
}

func (r *replica) remembers(context dots, now int) bool {
	return r.pastUntil >= now && r.past == context
}

// visit lets replica 3 go on alone with what a member holds, or come back with it.
func (w *world) visit(at int) {
	away := w.replicas[members]
	switch {
	case !away.held && w.replicas[at].held:
		w.merge(members, at)
		w.tell("3 leaves with the state of %d", at)
	case away.held && w.mode == "stale":
		w.merge(at, members)
		w.tell("3 comes back, and %d takes its state", at)
	}
}

// hear lets a replica know what another one holds.
func (w *world) hear(at, from int) {
	r, q := w.replicas[at], w.replicas[from]
	if at == from || w.rng.IntN(3) == 0 {
		return
	}
	switch {
	case q.held:
		r.known[from] = q.context
	case q.remembers(r.context, w.now):
		r.known[from] = r.context
	}
}

// forget forgets a dead document when the time has come.
func (w *world) forget(at int) {
	r := w.replicas[at]
	if !r.held || r.live|r.ahead != 0 || !w.allHold(at) {
		r.since = 0
		return
	}
	if r.since == 0 || r.as != r.context && w.mode != "careless" {
		r.since, r.as = w.now, r.context
	}
	if w.mode != "hasty" && w.mode != "alone" && w.now-r.since < wait {
		return
	}
	w.forgotten++
	w.tell("%d forgets the document", at)
	if w.mode != "reuse" {
		r.floor = max(r.floor, greatest(r.context, at))
	}
	r.past, r.pastUntil = r.context, w.now+memory
	r.held, r.context, r.since, r.known, r.log = false, 0, 0, [members]dots{}, nil
}

// allHold reports whether all members are known to hold what this one does.
func (w *world) allHold(at int) bool {
	r := w.replicas[at]
	for i, known := range r.known {
		if i != at && known != r.context && w.mode != "alone" {
			return false
		}
	}
	return true
}

// converge lets all members exchange everything and compares them with the history.
func (w *world) converge() string {
	for range 3 {
		for at := range members {
			for from := range members {
				if w.replicas[from].held && at != from {
					w.merge(at, from)
				}
			}
		}
	}
	if w.wrong != "" {
		return w.wrong
	}
	for at, r := range w.replicas[:members] {
		for _, id := range r.shows {
			if w.removed[id] {
				return fmt.Sprintf("replica %d shows the write %d at the end, which was removed", at, id)
			}
		}
		if !maps.Equal(r.shows, w.replicas[0].shows) {
			return fmt.Sprintf("replica %d shows %v at the end, replica 0 %v", at, r.shows, w.replicas[0].shows)
		}
	}
	return w.lost()
}

// lost returns which write is nowhere although nobody removed it.
func (w *world) lost() string {
	shown := map[int]bool{}
	for _, id := range w.replicas[0].shows {
		shown[id] = true
	}
	for _, id := range w.written {
		if !shown[id] && !w.removed[id] {
			return fmt.Sprintf("the write %d is lost", id)
		}
	}
	return ""
}
