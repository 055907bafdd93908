package sim

import "math/rand/v2"

// litter gives histories much to collect: counters that are incremented again and
// again, deletions, removals, and whole documents that are emptied and filled
// anew. Explicit timestamps and clients' contexts are left out: a write that is
// older than a deletion which was collected stands, as it may. Its random source
// is its own, so that the rest of a history is the same without.
func (g *generator) litter(s *Script) {
	if !g.o.Collect {
		return
	}
	rng := rand.New(rand.NewPCG(s.Seed, 0x6c6974746572))
	s.Tuning.Collect = true
	for i := range s.Actions {
		a := &s.Actions[i]
		for j := range a.Ops {
			o := &a.Ops[j]
			switch o.At, o.Over, o.TTL = nil, nil, 0; rng.IntN(8) {
			case 0, 1:
				*o = Op{Do: Inc, Path: "x", Amount: 1 + rng.Int64N(9)}
			case 2:
				*o = Op{Do: []OpVerb{Delete, RWRemove}[rng.IntN(2)], Path: "x", Elem: string(rune('a' + rng.IntN(3)))}
			case 3:
				*o = Op{Do: []OpVerb{DWDisable, Reset}[rng.IntN(2)], Path: "x"}
			}
		}
		if len(a.Ops) > 0 && rng.IntN(6) == 0 {
			a.Do, a.Ops = Write, []Op{{Do: Prune}}
		}
	}
}
