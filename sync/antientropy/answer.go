package antientropy

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Source is what an answer is made of.
type Source struct {
	Doc   string
	State *kernel.State // nothing of it is unsealed
	Log   *delta.Log
}

// Answer returns what the source gives to a replica that wants w, with deltas
// of about limit bytes together, except that a Frame is as large as it is.
// A Want with Only is answered with whole units or with No.
func Answer(src Source, w *message.Want, limit int) message.Gift {
	g := message.Gift{Doc: src.Doc, Digest: src.State.Digest()}
	own := src.State.Context()
	lacks := own.Minus(w.Have)
	if !w.Only.IsEmpty() {
		return fill(g, src, own.Intersect(w.Only), lacks, limit)
	}
	if lacks.IsEmpty() {
		return same(g, src, w)
	}
	units, _, missing := src.Log.Answer(src.Doc, lacks, limit)
	if missing.IsEmpty() && size(units) <= limit {
		g.Answer, g.Deltas = message.Units, units
		return g
	}
	return frame(g, src, w)
}

// fill answers a request for a hole: units for it, and what else the log has
// of what the other lacks as far as there is room. What does not fit is asked
// for again.
func fill(g message.Gift, src Source, hole, lacks causal.Context, limit int) message.Gift {
	g.Answer = message.No
	units, _, _ := src.Log.Answer(src.Doc, hole, limit)
	if len(units) == 0 || size(units) > limit {
		return g
	}
	g.Answer, g.Deltas = message.Units, units
	if rest := limit - size(units); rest > 0 {
		more, _, _ := src.Log.Answer(src.Doc, lacks.Minus(hole), rest)
		for _, u := range more {
			if rest -= len(u); rest >= 0 && !slices.ContainsFunc(units, func(v delta.Delta) bool { return &v[0] == &u[0] }) {
				g.Deltas = append(g.Deltas, u)
			}
		}
	}
	return g
}

// same answers a replica that has seen all that the source has. Equal contexts
// with different live dots cannot be, unless an identity was used twice or data was
// damaged; then the live dots are sent with all payloads, so that what died on one
// side dies on both, and of two payloads the same one stands on both.
func same(g message.Gift, src Source, w *message.Want) message.Gift {
	if own := src.State.Context(); w.Digest != g.Digest && own.Equal(w.Have) {
		g.Answer = message.Frame
		g.Deltas = []delta.Delta{delta.AppendState(nil, src.State)}
		return g
	}
	g.Answer = message.Same
	return g
}

func frame(g message.Gift, src Source, w *message.Want) message.Gift {
	g.Answer = message.Frame
	g.Deltas = []delta.Delta{delta.AppendFor(nil, src.State, w.Have)}
	return g
}

func size(units []delta.Delta) (n int) {
	for _, u := range units {
		n += len(u)
	}
	return n
}

// Gaps returns the holes of a context: the events below the greatest seen of
// each actor that were not seen.
func Gaps(s *kernel.State) (gaps causal.Context) {
	for _, a := range s.Actors() {
		seen := s.Seen(a)
		if hi := seen.Max(); hi > seen.Prefix() {
			gaps.Set(s.Actor(a), (causal.Ranges{{Lo: 1, Hi: hi}}).Minus(seen))
		}
	}
	return gaps
}

// HasGaps reports whether Gaps returns any, without building them.
func HasGaps(s *kernel.State) bool {
	for _, a := range s.Actors() {
		if seen := s.Seen(a); seen.Max() > seen.Prefix() {
			return true
		}
	}
	return false
}
