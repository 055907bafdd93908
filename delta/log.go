package delta

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// Log keeps recent units of any number of documents for those who missed them,
// bounded in bytes: the oldest give way. It answers with whole units only. What it does not hold any
// more is not made up from current state; such a request goes elsewhere, or
// ends in a reconciliation of live dots.
type Log struct {
	// MaxBytes bounds the units held; 0 keeps none.
	MaxBytes int

	units []*unit // oldest first
	bytes int
	index map[stream][]span // Invariant: ordered by range
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

// Len returns how many units are held and their bytes.
func (l *Log) Len() (units, bytes int) { return len(l.units), l.bytes }

// Append adds a unit of a document with the events that it claims. A unit whose
// events are all held already is left out. The log keeps the slices.
func (l *Log) Append(doc string, d Delta, claims causal.Context) {
	if len(d) > l.MaxBytes || l.holds(doc, claims) {
		return
	}
	u := &unit{doc: doc, delta: d, claims: claims}
	for a, rs := range claims.All() {
		for _, r := range rs {
			l.insert(stream{doc, a}, span{r, u})
		}
	}
	l.units = append(l.units, u)
	l.bytes += len(d)
	for l.bytes > l.MaxBytes {
		l.evict()
	}
}

func (l *Log) insert(a stream, s span) {
	if l.index == nil {
		l.index = make(map[stream][]span)
	}
	spans := l.index[a]
	l.index[a] = slices.Insert(spans, search(spans, s.Lo), s)
}

// search returns the index of the first span that begins at seq or behind.
func search(spans []span, seq uint64) int {
	i, _ := slices.BinarySearchFunc(spans, seq, func(s span, seq uint64) int { return compare(s.Lo, seq) })
	return i
}

// covering returns a unit that claims the event, with the end of its range.
func (l *Log) covering(a stream, seq uint64) (*unit, uint64) {
	spans := l.index[a]
	for i := search(spans, seq+1) - 1; i >= 0 && i > search(spans, seq+1)-4; i-- {
		if spans[i].Hi >= seq {
			return spans[i].unit, spans[i].Hi
		}
	}
	return nil, 0
}

func (l *Log) holds(doc string, claims causal.Context) bool {
	for a, rs := range claims.All() {
		for _, r := range rs {
			if u, hi := l.covering(stream{doc, a}, r.Lo); u == nil || hi < r.Hi {
				return false
			}
		}
	}
	return true
}

func (l *Log) evict() {
	u := l.units[0]
	l.units[0] = nil
	l.units = l.units[1:]
	l.bytes -= len(u.delta)
	for a, rs := range u.claims.All() {
		at := stream{u.doc, a}
		spans := l.index[at]
		for _, r := range rs {
			for i := search(spans, r.Lo); i < len(spans) && spans[i].Lo == r.Lo; i++ {
				if spans[i].unit == u {
					spans = remove(spans, i)
					break
				}
			}
		}
		if l.index[at] = spans; len(spans) == 0 {
			delete(l.index, at)
		}
	}
}

// remove takes out one span; the oldest, which is the usual one, in O(1).
func remove(spans []span, i int) []span {
	if i == 0 {
		spans[0] = span{}
		return spans[1:]
	}
	return slices.Delete(spans, i, i+1)
}

// Answer returns units of a document that together claim the needed events, as far as the
// log holds them and up to about maxBytes (at least one unit), and the events
// that are held but did not fit, and those that are not held.
func (l *Log) Answer(doc string, need causal.Context, maxBytes int) (units []Delta, later, missing causal.Context) {
	var covered causal.Context
	taken := make(map[*unit]bool)
	size := 0
	for a, rs := range need.All() {
		at := stream{doc, a}
		for _, r := range rs {
			for seq := r.Lo; seq <= r.Hi; {
				u, hi := l.covering(at, seq)
				if u == nil {
					next := l.nextHeld(at, seq, r.Hi)
					missing.AddRange(a, causal.Range{Lo: seq, Hi: next - 1})
					seq = next
					continue
				}
				switch {
				case taken[u]:
				case size > 0 && size+len(u.delta) > maxBytes:
					later.AddRange(a, causal.Range{Lo: seq, Hi: min(hi, r.Hi)})
				default:
					taken[u] = true
					size += len(u.delta)
					units = append(units, u.delta)
					covered.Join(u.claims)
				}
				seq = hi + 1
			}
		}
	}
	return units, later.Minus(covered), missing.Minus(covered)
}

// nextHeld returns the first event behind seq, up to hi+1, that is held.
func (l *Log) nextHeld(a stream, seq, hi uint64) uint64 {
	spans := l.index[a]
	if i := search(spans, seq+1); i < len(spans) {
		return min(spans[i].Lo, hi+1)
	}
	return hi + 1
}
