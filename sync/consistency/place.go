package consistency

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// MaxWeight bounds a voter's weight: placing a document costs as many hashes
// as all weights together.
const MaxWeight = 64

// Place chooses the n owners of a document, the first of them foremost, by
// rendezvous hashing: each candidate draws from the document's name and its own
// id, and the greatest draws win. So who joins takes over only documents that
// it wins, and who leaves gives up only its own. A candidate of weight w draws w
// times, and so wins in proportion. Sites are served in turn: no site gets a
// second copy before each has one.
//
// All replicas choose the same from the same candidates, in whatever order.
// With fewer candidates than n all are owners. The result is the caller's.
func Place(doc string, n int, candidates []Voter) []Voter {
	ranked := make([]draw, len(candidates))
	for i, c := range candidates {
		ranked[i] = draw{c, score(doc, c)}
	}
	slices.SortFunc(ranked, func(a, b draw) int {
		return cmp.Or(cmp.Compare(b.score, a.score), a.ID.Compare(b.ID))
	})
	return spread(ranked, min(n, len(ranked)))
}

type draw struct {
	Voter
	score uint64
}

// score is the greatest of a voter's draws. Whole numbers, unlike logarithms,
// are the same on every machine.
func score(doc string, v Voter) (best uint64) {
	key := make([]byte, 0, 64+len(doc))
	key = append(key, v.ID[:]...)
	key = append(key, 0) // the number of the draw
	key = append(key, doc...)
	for i := range min(max(v.Weight, 1), MaxWeight) {
		key[len(v.ID)] = byte(i)
		best = max(best, xxhash.Sum64(key))
	}
	return best
}

// spread takes n in the order of their rank, each site's next in each round.
func spread(ranked []draw, n int) []Voter {
	out := make([]Voter, 0, n)
	for round := 1; len(out) < n; round++ {
		copies := make(map[string]int)
		for _, c := range ranked {
			if copies[c.Site]++; copies[c.Site] == round && len(out) < n {
				out = append(out, c.Voter)
			}
		}
	}
	return out
}
