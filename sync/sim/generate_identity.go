package sim

import (
	"math/rand/v2"
	"slices"
)

// endanger gives histories replicas that stop cleanly and go on as the actors
// that they were, and disks that are copied, set back, emptied and damaged. Its
// random source is its own, so that the rest of a history is the same without.
func (g *generator) endanger(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x6c65617365))
	if !g.o.Faults.Identity || g.calm || !g.o.Focus && rng.IntN(4) > 0 {
		return
	}
	copies := 0
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Do != Write || rng.IntN(100) >= max(g.trouble, 15) {
			continue
		}
		doc := a.Doc
		*a = Action{At: a.At, Node: rng.IntN(g.nodes), Do: identityFaults[rng.IntN(len(identityFaults))]}
		if i > 0 && rng.IntN(2) == 0 { // to whom something has just happened
			a.Node = s.Actions[i-1].Node
		}
		switch a.Do {
		case Forget:
			a.Doc = doc
		case Restore:
			a.Amount = rng.IntN(12)
		case Copy:
			if copies++; copies > g.o.MaxReplicas/2 {
				a.Do = Stop
				continue
			}
			g.nodes++
			a.Amount = []int{rng.IntN(12), 1000}[rng.IntN(2)]
		}
	}
	strikes := func(a Action) bool { return a.Do == Copy || a.Do == Wipe } // others may find nothing to lose
	if g.o.Focus && !slices.ContainsFunc(s.Actions, strikes) {
		a := &s.Actions[len(s.Actions)/2]
		*a = Action{At: a.At, Node: a.Node, Do: []Verb{Copy, Wipe}[rng.IntN(2)], Amount: 1000}
	}
}

// identityFaults are the troubles with who a replica is to choose from.
var identityFaults = []Verb{
	Stop, Stop, Stop, Stop, Stop, Restart, Restart, Restart, Restart, Restart, Restart, Restart,
	Crash, Restore, Restore, Copy, Copy, Wipe, Forget, Forget,
}
