package wire

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// AppendNews appends what the state knows beyond known as one fragment, for a
// receiver that has seen known and whose live dots among it have been compared
// with the state's: deaths are those that are dead here. Events of again are claimed
// and sent once more although they are known; the state must have seen them.
//
// It is right only if deaths is complete. Whoever receives it needs no more than to
// have seen known, now or earlier.
func AppendNews(dst []byte, s *kernel.State, known, deaths, again *causal.Context) ([]byte, Form) {
	var news []section
	for _, a := range s.Actors() {
		id := s.Actor(a)
		n := section{actor: id, claims: s.Seen(a).Minus(known.Of(id)).Union(again.Of(id))}
		n.deaths = slices.Clone(s.Ahead(a)).Union(deaths.Of(id)).Minus(n.claims)
		if len(n.claims)+len(n.deaths) > 0 {
			news = append(news, n)
		}
	}
	dst = AppendUint(dst, uint64(len(news)))
	for i := range news {
		dst = AppendActor(dst, news[i].actor)
	}
	w := writer{s: s}
	for i := range news {
		a, _ := s.Lookup(news[i].actor)
		dst = AppendRanges(dst, news[i].claims)
		dst = AppendRanges(dst, news[i].deaths)
		dst = w.section(dst, a, news[i].claims, nil)
	}
	return dst, 0
}

// AppendWith appends the fragment with further deaths, so that one merge does
// both. It reports false for other forms than that of news, whose Form is 0.
func (f *Fragment) AppendWith(dst []byte, deaths *causal.Context) ([]byte, bool) {
	all := make([]section, 0, len(f.sections)+deaths.Actors())
	for i := range f.sections {
		s := f.sections[i]
		if s.base != 0 || len(s.kept) > 0 {
			return dst, false
		}
		s.deaths = slices.Clone(s.deaths).Union(deaths.Of(s.actor)).Minus(s.claims)
		all = append(all, s)
	}
	byActor := func(s section, a causal.Actor) int { return s.actor.Compare(a) }
	for a, rs := range deaths.All() {
		if _, ok := slices.BinarySearchFunc(f.sections, a, byActor); !ok {
			all = append(all, section{actor: a, deaths: rs})
		}
	}
	slices.SortFunc(all, func(s, t section) int { return s.actor.Compare(t.actor) })
	dst = AppendUint(dst, uint64(len(all)))
	for i := range all {
		dst = AppendActor(dst, all[i].actor)
	}
	for i := range all {
		dst = AppendRanges(dst, all[i].claims)
		dst = AppendRanges(dst, all[i].deaths)
		dst = append(AppendUint(dst, uint64(all[i].count)), all[i].adds...)
	}
	return dst, true
}
