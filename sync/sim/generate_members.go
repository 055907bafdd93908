package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// meet has the replicas of a history keep a membership, of some of all histories and
// of those that are about it. In the latter members come, leave, are fenced and come
// back, and are given up. Its random source is its own. Where an identity is used twice
// members only fence their namesakes.
func (g *generator) meet(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x6d656d62))
	s.Tuning.Members = g.o.Membership || rng.IntN(3) == 0
	if g.o.Membership {
		s.Tuning.Devices, s.Tuning.Systems, s.Tuning.Budget, s.Tuning.Collect = 0, 0, 0, false
	}
	if s.Tuning.Devices+s.Tuning.Systems+s.Tuning.Budget > 0 || s.Tuning.Collect || g.faults.Clones || s.Tuning.Newer > 0 || s.hasIdentityFaults() {
		s.Tuning.Members = false
	}
	if !g.o.Membership || !s.Tuning.Members {
		return
	}
	s.Expect.Within = max(s.Expect.Within, Bound) + membersBound
	for range rng.IntN(8) {
		a := Action{At: time.Duration(rng.Int64N(int64(g.span) + 1)).Truncate(100 * time.Microsecond), Node: rng.IntN(g.nodes), Peer: rng.IntN(g.nodes)}
		a.Do = []Verb{Arrive, Arrive, Retire, Retire, Fence, Lose, Leave, Restart}[rng.IntN(8)]
		s.Actions = append(s.Actions, a)
	}
	slices.SortStableFunc(s.Actions, func(a, b Action) int { return int(a.At - b.At) })
}

// membersBound is how much longer convergence may take where members come and go: what
// a newcomer says counts once the others have the membership from it.
const membersBound = 5 * time.Second

// hasIdentityFaults reports whether disks are set back, copied or damaged, which the
// membership does not notice: whoever was set back may bring back what all others have
// forgotten. Nor does it go with replicas that change what they hold.
func (s *Script) hasIdentityFaults() bool {
	return slices.ContainsFunc(s.Actions, func(a Action) bool {
		return a.Do == Restore || a.Do == Clone || a.Do == Copy || a.Do == Wipe || a.Do == Forget || a.Do == Interest
	})
}
