package main

// play runs a random history and returns what went wrong, "" if nothing did.
func (w *world) play() string {
	writes := 3 + w.rng.IntN(6)
	for range 20 + w.rng.IntN(70) {
		at, from := w.rng.IntN(3), w.rng.IntN(3)
		switch x := w.rng.IntN(100); {
		case x < 16 && writes > 0:
			writes--
			w.write(at)
		case x < 40:
			w.deliver(at)
		case x < 48 && at != from:
			w.merge(w.replicas[at], w.replicas[from])
			w.tell("%d takes the state of %d", at, from)
		case x < 70 && at != from:
			w.hear(at, from)
		case x < 76:
			w.hear(at, (at+1)%3)
			w.hear(at, (at+2)%3)
		case len(w.events) < maxEvents-4:
			w.fold(at, w.subject(at))
		}
		if what := w.check(); what != "" {
			return what
		}
	}
	return w.converge()
}

func (w *world) hear(at, from int) {
	w.replicas[at].known[from] = w.replicas[from].context
	w.tell("%d hears that %d covers %s", at, from, w.names(w.replicas[from].context))
}

func (w *world) converge() string {
	for range 2 {
		for _, to := range w.replicas {
			for _, from := range w.replicas {
				w.merge(to, from)
			}
		}
	}
	return w.check()
}

func (w *world) write(at int) {
	r := w.replicas[at]
	if w.rng.IntN(4) > 0 {
		w.tell("%d increments: %s", at, w.name(w.mint(at, event{kind: increment, owner: at})))
		return
	}
	undone, _ := w.value(r)
	e := w.mint(at, event{kind: removal, kills: r.live, undone: undone})
	w.tell("%d removes all it sees: %s kills %s", at, w.name(e), w.names(w.events[e].kills))
}

// deliver gives a replica one event that somebody has.
func (w *world) deliver(at int) {
	r := w.replicas[at]
	var all set
	for _, other := range w.replicas {
		all |= other.context
	}
	missing := all &^ r.context
	if missing == 0 {
		return
	}
	k := w.rng.IntN(missing.len())
	for e := range missing.all() {
		if k == 0 {
			w.absorb(r, e)
			w.tell("%s reaches %d", w.name(e), at)
			return
		}
		k--
	}
}

// subject returns whose increments a replica folds: its own, and now and then
// those of replica 2, as if it believed that 2 has left.
func (w *world) subject(at int) int {
	if w.rng.IntN(3) == 0 {
		return 2
	}
	return at
}

// fold takes one step towards folding the increments of an owner.
func (w *world) fold(at, owner int) {
	r := w.replicas[at]
	if w.mode == "silent" {
		w.foldSilently(at, owner)
		return
	}
	if w.mode == "one" {
		if parts := w.parts(r, at, owner); owner == at && parts.len() > 1 {
			w.folds++
			e := w.mint(at, event{kind: confirmation, owner: owner, kills: parts, sum: w.sum(r, parts)})
			w.tell("%d folds %s into %s", at, w.names(parts), w.name(e))
		}
		return
	}
	for id := range r.live.all() {
		if e := &w.events[id]; e.kind == announcement && e.origin == at && e.owner == owner && !w.isConfirmed(r, id) {
			w.decide(at, id)
			return
		}
	}
	if parts := w.parts(r, at, owner); parts.len() > 1 {
		e := w.mint(at, event{kind: announcement, owner: owner, parts: parts, sum: w.sum(r, parts)})
		w.tell("%d announces %s of %s", at, w.name(e), w.names(parts))
	}
}

func (w *world) isConfirmed(r *replica, announced int) bool {
	for id := range r.live.all() {
		if e := &w.events[id]; e.kind == confirmation && e.of == announced {
			return true
		}
	}
	return false
}

// parts returns the live dots of an owner's increments that may be folded, what
// was folded before among them. Where nothing is announced they must be stable.
func (w *world) parts(r *replica, at, owner int) (parts set) {
	for id := range r.live.all() {
		e := &w.events[id]
		pending := e.kind == announcement && !w.isConfirmed(r, id)
		if e.owner == owner && !pending && (w.announces() || w.covers(at, one(id))) {
			parts |= one(id)
		}
	}
	return w.whole(parts)
}

func (w *world) announces() bool { return w.mode != "one" && w.mode != "silent" }

// whole leaves out halves of what was folded before.
func (w *world) whole(parts set) set {
	for id := range parts.all() {
		if e := &w.events[id]; e.kind == confirmation && w.mode != "one" && parts&one(e.of) == 0 {
			parts &^= one(id)
		}
	}
	for id := range parts.all() {
		if w.events[id].kind == announcement && !w.isConfirmed(&replica{live: parts}, id) {
			parts &^= one(id)
		}
	}
	return parts
}

// sum returns what the parts count for.
func (w *world) sum(r *replica, parts set) set {
	sum, _ := w.value(&replica{live: parts, folded: r.folded})
	return sum
}

// decide confirms an announcement or takes it back, when the time has come.
func (w *world) decide(at, announced int) {
	r, e := w.replicas[at], w.events[announced]
	ready := w.covers(at, e.past|one(announced))
	if w.mode == "hasty" {
		ready = true
	}
	if !ready {
		return
	}
	dead := e.parts&^r.live != 0 && w.mode != "blind"
	if dead || w.mode != "rivals" && w.isBeaten(r, announced) {
		w.tell("%d takes %s back", at, w.name(announced))
		w.mint(at, event{kind: removal, kills: one(announced)})
		return
	}
	w.folds++
	c := w.mint(at, event{kind: confirmation, owner: e.owner, kills: e.parts, of: announced})
	w.tell("%d confirms %s: %s kills %s", at, w.name(announced), w.name(c), w.names(e.parts))
}

// isBeaten reports whether a lower announcement of the same owner lives.
func (w *world) isBeaten(r *replica, announced int) bool {
	for id := range r.live.all() {
		if e := &w.events[id]; e.kind == announcement && id < announced && e.parts&w.events[announced].parts != 0 {
			return true
		}
	}
	return false
}

func (w *world) foldSilently(at, owner int) {
	r := w.replicas[at]
	parts := w.parts(r, at, owner)
	if parts.len() < 2 {
		return
	}
	w.folds++
	sum := w.sum(r, parts)
	last := 0
	for id := range parts.all() {
		last = id
	}
	r.live = r.live&^parts | one(last)
	r.folded[last] = sum
	w.tell("%d folds %s silently into %s", at, w.names(parts), w.name(last))
}
