package sim

import (
	"math/rand/v2"
	"slices"
)

// isDevice reports whether a replica may speak for itself alone.
func (s *Script) isDevice(i int) bool {
	return i < s.Replicas && i >= s.Replicas-s.Tuning.Devices
}

// restrict makes a device of one replica, in histories in which nobody loses what
// others have got: a device may not give it back. Nor may one of two devices give
// what the other wrote, so there is one. Its random source is its own, so that the
// rest of a history is the same without.
func (g *generator) restrict(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x646576696365))
	if rng.IntN(2) == 0 || s.Disk != (Disk{}) || s.Tuning.Systems > 1 || slices.ContainsFunc(s.Actions, losesData) {
		return
	}
	s.Tuning.Devices = 1
}

func losesData(a Action) bool {
	return slices.Contains([]Verb{Restore, Wipe, Forget, Copy, Clone, Leave, Tear, FailWrite, FailSync}, a.Do)
}
