package sim

import (
	"math/rand/v2"
	"time"
)

// wearOut gives half of the histories disks that take time and fail, and has the
// replicas of half of them commit their writes. Its random source is its own, so
// that the rest of a history is the same without.
func (g *generator) wearOut(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x6469736b))
	if !g.o.Faults.Disk || g.calm {
		return
	}
	if commit := []int{0, 0, 1, 3}[rng.IntN(4)]; s.Tuning.MaxMessage == 0 {
		s.Tuning.Commit = commit
	}
	if rng.IntN(2) == 0 {
		return
	}
	s.Disk = Disk{
		Sync: []time.Duration{time.Millisecond, 5 * time.Millisecond, 40 * time.Millisecond}[rng.IntN(3)],
		Slow: []float64{0, 0.05, 0.3}[rng.IntN(3)],
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Do != Write || rng.IntN(100) >= g.trouble {
			continue
		}
		*a = diskFault(rng, a.At, a.Node)
		if i > 0 && rng.IntN(2) == 0 { // while what was just written waits for its sync
			before := &s.Actions[i-1]
			soon := before.At + time.Duration(rng.Int64N(int64(s.Disk.Sync))).Truncate(100*time.Microsecond)
			a.Node, a.At = before.Node, min(a.At, soon)
		}
	}
}

// diskFaults are the troubles with disks to choose from. Who is down comes up
// again more often than not.
var diskFaults = []Verb{Crash, Tear, Tear, FailWrite, FailSync, Stall, Stall, Restart, Restart, Restart, Restart, Restart, Restart}

func diskFault(rng *rand.Rand, at time.Duration, node int) Action {
	a := Action{At: at, Node: node, Do: diskFaults[rng.IntN(len(diskFaults))]}
	switch a.Do {
	case Stall:
		a.Time = time.Duration(1+rng.IntN(800)) * time.Millisecond
	case Crash, Tear, FailWrite, FailSync:
		a.Amount = []int{0, 0, 0, 1, 1, 2, 4}[rng.IntN(7)]
	}
	return a
}
