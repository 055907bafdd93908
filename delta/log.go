package delta

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// Log keeps recent units of any number of documents for those who missed them,
// bounded in bytes: the oldest give way. It answers with whole units only.
// What it does not hold any more is not made up from current state; such a
// request goes elsewhere, or ends in a reconciliation of live dots.
type Log struct {
	// MaxBytes bounds what the units held take, see Len; 0 keeps none.
	MaxBytes int

	units   []*unit // oldest first
	bytes   int
	dropped int // of units, those whose document is gone

	// Invariant: spans are ordered and disjoint. An event that several units
	// claim is found in the newest, which is evicted last.
	index map[stream][]span
}

// stream is one actor's events in one document.
type stream struct {
	doc   string
	actor causal.Actor
}

type unit struct {
	doc    string
	delta  Delta
	claims causal.Context
}

// span says which unit claims a range of an actor's events.
type span struct {
	causal.Range
	unit *unit
}

// spanCost is what the log takes for each range that a unit claims, in bytes:
// without it, units of many small ranges would take many times their bytes.
const spanCost = 48

// size returns what the unit takes in the log, in bytes.
func (u *unit) size() int {
	n := len(u.delta)
	for _, rs := range u.claims.All() {
		n += spanCost * len(rs)
	}
	return n
}

// Len returns how many units are held and what they take, in bytes: their own
// and 48 for each range of events that they claim.
func (l *Log) Len() (units, bytes int) { return len(l.units) - l.dropped, l.bytes }

// Append adds a unit of a document with the events that it claims. A unit whose
// events are all held already is left out. The log keeps the slices.
func (l *Log) Append(doc string, d Delta, claims causal.Context) {
	u := &unit{doc: doc, delta: d, claims: claims}
	if u.size() > l.MaxBytes || l.holds(doc, claims) {
		return
	}
	if l.index == nil {
		l.index = make(map[stream][]span)
	}
	for a, rs := range claims.All() {
		at := stream{doc, a}
		l.index[at] = overlay(l.index[at], rs, u)
	}
	l.units = append(l.units, u)
	l.bytes += u.size()
	for l.bytes > l.MaxBytes {
		l.evict()
	}
}

// overlay lays the ranges of a unit over the spans, in one pass.
func overlay(spans []span, rs causal.Ranges, u *unit) []span {
	if len(rs) == 1 && (len(spans) == 0 || spans[len(spans)-1].Hi < rs[0].Lo) {
		return append(spans, span{rs[0], u})
	}
	out := make([]span, 0, len(spans)+2*len(rs))
	for _, r := range rs {
		i := search(spans, r.Lo)
		out = append(out, spans[:i]...)
		if spans = spans[i:]; len(spans) > 0 && spans[0].Lo < r.Lo {
			out = append(out, span{causal.Range{Lo: spans[0].Lo, Hi: r.Lo - 1}, spans[0].unit})
		}
		out = append(out, span{r, u})
		spans = spans[search(spans, r.Hi+1):]
		if len(spans) > 0 {
			spans[0].Lo = max(spans[0].Lo, r.Hi+1)
		}
	}
	return append(out, spans...)
}

// search returns the index of the first span that ends at seq or behind.
func search(spans []span, seq uint64) int {
	i, _ := slices.BinarySearchFunc(spans, seq, func(s span, seq uint64) int {
		if s.Hi < seq {
			return -1
		}
		return 1
	})
	return i
}

// covering returns the newest unit that claims the event, and up to where the
// same holds.
func (l *Log) covering(at stream, seq uint64) (*unit, uint64) {
	spans := l.index[at]
	if i := search(spans, seq); i < len(spans) && spans[i].Lo <= seq {
		return spans[i].unit, spans[i].Hi
	}
	return nil, 0
}

func (l *Log) holds(doc string, claims causal.Context) bool {
	for a, rs := range claims.All() {
		for _, r := range rs {
			for seq := r.Lo; seq <= r.Hi; {
				u, hi := l.covering(stream{doc, a}, seq)
				if u == nil {
					return false
				}
				seq = hi + 1
			}
		}
	}
	return true
}

func (l *Log) evict() {
	u := l.units[0]
	l.units[0] = nil
	l.units = l.units[1:]
	if u.isDropped() {
		l.dropped--
		return
	}
	l.bytes -= u.size()
	for a, rs := range u.claims.All() {
		at := stream{u.doc, a}
		if spans := without(l.index[at], u, rs.Max()); len(spans) > 0 {
			l.index[at] = spans
		} else {
			delete(l.index, at)
		}
	}
}

// without takes out the spans of a unit, none of which ends behind last. Those
// of the oldest unit usually come first; then the others cost nothing.
func without(spans []span, u *unit, last uint64) []span {
	for len(spans) > 0 && spans[0].unit == u {
		spans[0] = span{}
		spans = spans[1:]
	}
	if len(spans) == 0 || spans[0].Lo > last {
		return spans
	}
	return slices.DeleteFunc(spans, func(s span) bool { return s.unit == u })
}

// Answer returns units of a document that together claim the needed events, as
// far as the log holds them and up to about maxBytes (at least one unit), and
// the events that are held but did not fit, and those that are not held.
func (l *Log) Answer(doc string, need causal.Context, maxBytes int) (units []Delta, later, missing causal.Context) {
	a := answer{log: l, taken: make(map[*unit]bool), left: maxBytes}
	for actor, rs := range need.All() {
		for _, r := range rs {
			a.collect(stream{doc, actor}, r)
		}
	}
	return a.units, a.later.Minus(a.covered), a.missing
}

type answer struct {
	log                     *Log
	units                   []Delta
	taken                   map[*unit]bool
	left                    int // bytes
	later, missing, covered causal.Context
}

// collect takes the units that claim the events in r.
func (a *answer) collect(at stream, r causal.Range) {
	for seq := r.Lo; seq <= r.Hi; {
		u, hi := a.log.covering(at, seq)
		hi = min(hi, r.Hi)
		switch {
		case u == nil:
			hi = a.log.nextHeld(at, seq, r.Hi) - 1
			a.missing.AddRange(at.actor, causal.Range{Lo: seq, Hi: hi})
		case !a.take(u):
			a.later.AddRange(at.actor, causal.Range{Lo: seq, Hi: hi})
		}
		seq = hi + 1
	}
}

// take adds a unit unless it is there or does not fit, and reports whether it
// is there now. The first one fits always.
func (a *answer) take(u *unit) bool {
	if a.taken[u] {
		return true
	}
	if len(a.units) > 0 && len(u.delta) > a.left {
		return false
	}
	a.taken[u] = true
	a.left -= len(u.delta)
	a.units = append(a.units, u.delta)
	a.covered.Join(u.claims)
	return true
}

// nextHeld returns the first event behind seq, up to hi+1, that is held.
func (l *Log) nextHeld(at stream, seq, hi uint64) uint64 {
	spans := l.index[at]
	if i := search(spans, seq+1); i < len(spans) {
		return min(spans[i].Lo, hi+1)
	}
	return hi + 1
}

func (u *unit) isDropped() bool { return u.delta == nil }

// Drop forgets the units of a document whose events are of the actors listed. It
// costs O(units dropped), amortised.
func (l *Log) Drop(doc string, actors []causal.Actor) {
	for _, a := range actors {
		for _, s := range l.index[stream{doc, a}] {
			if u := s.unit; !u.isDropped() {
				l.bytes -= u.size()
				*u = unit{}
				l.dropped++
			}
		}
	}
	for _, a := range actors {
		delete(l.index, stream{doc, a})
	}
	if l.dropped > 64 && l.dropped > len(l.units)/2 {
		l.units = slices.DeleteFunc(l.units, (*unit).isDropped)
		l.dropped = 0
	}
}
