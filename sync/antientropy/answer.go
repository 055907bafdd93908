package antientropy

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy/reconcile"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Source is what an answer is made of.
type Source struct {
	Doc   string
	State *kernel.State // nothing of it is unsealed
	Log   *delta.Log
	// Salt draws random numbers that nobody can know who writes.
	Salt func() uint64
	// Trip is how many bytes may be spent to save a round trip; 0 is DefaultTrip.
	// A negative number, below what anything costs, has replicas compare wherever
	// that is possible.
	Trip int
	Own  causal.ID // whose events alone are given as units; zero is everybody's
}

// may returns the events that the source may give.
func (src *Source) may(c causal.Context) causal.Context {
	if src.Own.IsZero() {
		return c
	}
	var own causal.Context
	for a, rs := range c.All() {
		if a.ID == src.Own {
			own.Set(a, rs)
		}
	}
	return own
}

// Answer returns what the source gives to a replica that wants w: the rung that
// costs least. Deltas take about limit bytes together, except that a Frame is as
// large as it is. A Sketch is of the cut that is returned with it. A Want with
// Only is answered with whole units or with No, and so is everything as long as the
// source's state is partial.
func Answer(src Source, w *message.Want, limit int) (message.Gift, *reconcile.Cut) {
	g := message.Gift{Doc: src.Doc, Digest: src.State.Digest()}
	own := src.State.Context()
	if !src.Own.IsZero() {
		return answerOwn(g, src, w, limit), nil
	}
	lacks := own.Minus(w.Have)
	switch {
	case !w.Only.IsEmpty():
		return fill(g, src, own.Intersect(w.Only), lacks, limit), nil
	case src.State.IsPartial():
		return fill(g, src, lacks, lacks, limit), nil
	case w.Staged:
		g.Answer, g.Deltas = message.Frame, []delta.Delta{delta.AppendFor(nil, src.State, w.Have)}
		return g, nil
	case lacks.IsEmpty():
		return same(g, src, w, limit)
	}
	if g.Deltas = tail(&src, lacks, limit); len(g.Deltas) > 0 && size(g.Deltas) <= cheap {
		g.Answer = message.Units
		return g, nil
	}
	e := estimateFor(&src, w.Have)
	if half := size(g.Deltas) / 2; half > 0 && payloads(src.State, &lacks, half)+min(e.frame, e.compare) >= half {
		g.Answer = message.Units
		return g, nil
	}
	return state(g, src, w, e.worth(), limit)
}

// answerOwn answers with the source's own events alone, or with a state in which no
// others are news. It does not compare: its news may be anybody's.
func answerOwn(g message.Gift, src Source, w *message.Want, limit int) message.Gift {
	all := src.State.Context()
	only := src.may(all.Intersect(w.Only))
	all = all.Minus(w.Have)
	lacks := src.may(all)
	switch {
	case !w.Only.IsEmpty():
		return fill(g, src, only, lacks, limit)
	case lacks.IsEmpty():
		g.Answer = message.Same
		return g
	}
	if g.Deltas = tail(&src, lacks, limit); len(g.Deltas) > 0 {
		g.Answer = message.Units
		return g
	}
	if src.State.IsPartial() || !all.Equal(lacks) {
		g.Answer = message.No
		return g
	}
	return Frame(src, w.Have)
}

// tail returns the units that bring what a receiver lacks, none if the log does
// not reach back that far. If they are more than limit, the rest is asked for again.
func tail(src *Source, lacks causal.Context, limit int) []delta.Delta {
	units, _, missing := src.Log.Answer(src.Doc, lacks, limit)
	if !missing.IsEmpty() || size(units) > limit {
		return nil
	}
	return units
}

// state answers with a sketch of a cut if there is one and it fits, else with the state.
func state(g message.Gift, src Source, w *message.Want, cut *reconcile.Cut, limit int) (message.Gift, *reconcile.Cut) {
	if cut != nil {
		if sketch := cut.Sketch(nil, src.Salt()); len(sketch) <= limit {
			g.Answer, g.Deltas = message.Sketch, []delta.Delta{sketch}
			return g, cut
		}
	}
	return Frame(src, w.Have), nil
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
// damaged; then what differs is found by comparison, or the live dots are sent with
// all payloads if that is less. So what died on one side dies on both, and of two
// payloads the same one stands on both.
func same(g message.Gift, src Source, w *message.Want, limit int) (message.Gift, *reconcile.Cut) {
	own := src.State.Context()
	if w.Digest == g.Digest || !own.Equal(w.Have) {
		g.Answer = message.Same
		return g, nil
	}
	e := estimateFor(&src, w.Have)
	e.frame = payloads(src.State, &own, max(e.compare, 0)+1)
	return state(g, src, w, e.worth(), limit)
}

// Frame answers a replica that has seen have with the state: without the payloads
// that it has, or with all of them if it should have the same and does not.
func Frame(src Source, have causal.Context) message.Gift {
	g := message.Gift{Doc: src.Doc, Digest: src.State.Digest(), Answer: message.Frame}
	if own := src.State.Context(); own.Equal(have) {
		g.Deltas = []delta.Delta{delta.AppendState(nil, src.State)}
	} else {
		g.Deltas = []delta.Delta{delta.AppendFor(nil, src.State, have)}
	}
	return g
}

// News returns what a state knows beyond common as a delta, for a replica that has
// compared its live dots with it; nil if it takes more than about limit bytes.
func News(s *kernel.State, common causal.Context, limit int) delta.Delta {
	own := s.Context()
	if beyond := own.Minus(common); payloads(s, &beyond, limit) >= limit {
		return nil
	}
	if news := delta.AppendNews(nil, s, common, causal.Context{}, causal.Context{}); len(news) <= limit {
		return news
	}
	return nil
}

func size(units []delta.Delta) (n int) {
	for _, u := range units {
		n += len(u)
	}
	return n
}

// Gaps returns the holes of a context: the events below the greatest seen of
// each actor that were not seen. What nobody has of one that has departed is none.
func Gaps(s *kernel.State) (gaps causal.Context) {
	for _, a := range s.Actors() {
		seen := s.Seen(a)
		if hi := seen.Max(); hi > seen.Prefix() && !s.IsDeparted(a) {
			gaps.Set(s.Actor(a), (causal.Ranges{{Lo: 1, Hi: hi}}).Minus(seen))
		}
	}
	return gaps
}

// HasGaps reports whether Gaps returns any, without building them.
func HasGaps(s *kernel.State) bool {
	for _, a := range s.Actors() {
		if seen := s.Seen(a); seen.Max() > seen.Prefix() && !s.IsDeparted(a) {
			return true
		}
	}
	return false
}
