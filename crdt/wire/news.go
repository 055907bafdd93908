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

// AppendDeaths appends a fragment that claims nothing and says that dots are dead.
func AppendDeaths(dst []byte, deaths *causal.Context) ([]byte, Form) {
	dst = AppendUint(dst, uint64(deaths.Actors()))
	for a := range deaths.All() {
		dst = AppendActor(dst, a)
	}
	for _, rs := range deaths.All() {
		dst = AppendRanges(dst, nil)
		dst = AppendRanges(dst, rs)
		dst = AppendUint(dst, 0)
	}
	return dst, 0
}
