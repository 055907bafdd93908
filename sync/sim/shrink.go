package sim

import (
	"slices"
	"time"
)

// maxShrinkRuns bounds how often Shrink plays a script.
const maxShrinkRuns = 3000

// Shrink returns a smaller script that fails in the same kind of check: without
// the actions, ops and faults that do not matter. A script that does not fail
// is returned as it is.
func Shrink(s *Script) *Script { return shrink(s, Run) }

// shrink is Shrink with another way to play a script.
func shrink(s *Script, play func(*Script) *Result) *Script {
	r := play(s)
	if r.Failure == nil {
		return s
	}
	k := &shrinker{play: play, best: s, kind: r.Failure.Kind}
	for smaller := true; smaller && k.runs < maxShrinkRuns; {
		smaller = k.dropActions() || k.simplify() || k.dropOps()
	}
	return k.best
}

type shrinker struct {
	play func(*Script) *Result
	best *Script
	kind string
	runs int
}

// try keeps a script if it still fails in the same way.
func (k *shrinker) try(s *Script) bool {
	if k.runs++; k.runs > maxShrinkRuns {
		return false
	}
	r := k.play(s)
	if r.Failure == nil || r.Failure.Kind != k.kind {
		return false
	}
	k.best = s
	return true
}

// dropActions tries to do without actions: halves, then quarters, down to one.
func (k *shrinker) dropActions() (dropped bool) {
	for size := len(k.best.Actions); size > 0; size /= 2 {
		for from := 0; from+size <= len(k.best.Actions); {
			s := *k.best
			s.Actions = slices.Concat(s.Actions[:from], s.Actions[from+size:])
			if k.try(&s) {
				dropped = true
			} else {
				from += size
			}
		}
	}
	return dropped
}

// simplify tries a calmer network, fewer replicas and plainer settings.
func (k *shrinker) simplify() (simpler bool) {
	for _, change := range []func(*Script){
		func(s *Script) { s.Net.Loss = 0 },
		func(s *Script) { s.Net.Duplicate = 0 },
		func(s *Script) { s.Net.Echo = false },
		func(s *Script) { s.Net.DelayMin, s.Net.DelayMax = time.Millisecond, time.Millisecond },
		func(s *Script) { s.Net.DelayMax = min(s.Net.DelayMax, 5*time.Millisecond) },
		func(s *Script) { s.Disk = Disk{} },
		func(s *Script) { s.Disk.Slow = 0 },
		func(s *Script) { s.Tuning = Tuning{} },
		func(s *Script) { s.Tuning.Systems, s.Tuning.Loop = 0, false },
		func(s *Script) { s.Tuning.Budget = 0 },
		func(s *Script) { s.Tuning.Systems, s.Tuning.Loop = min(s.Tuning.Systems, 2), false },
		func(s *Script) { s.Replicas = max(s.Replicas-1, 1) },
		func(s *Script) { s.Seed &= 0xff },
		func(s *Script) { s.round(10 * time.Millisecond) },
		func(s *Script) { s.round(time.Millisecond) },
	} {
		s := *k.best
		s.Actions = slices.Clone(s.Actions)
		change(&s)
		if s.String() != k.best.String() && k.try(&s) {
			simpler = true
		}
	}
	return simpler
}

func (s *Script) round(to time.Duration) {
	for i := range s.Actions {
		s.Actions[i].At = s.Actions[i].At.Round(to)
	}
}

// dropOps tries to do without ops of groups and without their options.
func (k *shrinker) dropOps() (dropped bool) {
	for i := 0; i < len(k.best.Actions); i++ {
		for j := 0; j < len(k.best.Actions[i].Ops); j++ {
			dropped = k.plainer(i, j, func(o *Op) { o.At = nil }) || dropped
			dropped = k.plainer(i, j, func(o *Op) { o.Over = nil }) || dropped
			dropped = k.plainer(i, j, func(o *Op) { o.Size = 0 }) || dropped
			if len(k.best.Actions[i].Ops) < 2 {
				continue
			}
			s := k.copyOf(i)
			s.Actions[i].Ops = slices.Delete(s.Actions[i].Ops, j, j+1)
			dropped = k.try(s) || dropped
		}
	}
	return dropped
}

// plainer tries a change of one op.
func (k *shrinker) plainer(i, j int, change func(*Op)) bool {
	s := k.copyOf(i)
	change(&s.Actions[i].Ops[j])
	return s.Actions[i].Ops[j] != k.best.Actions[i].Ops[j] && k.try(s)
}

// copyOf returns a copy of the best script in which one action may be changed.
func (k *shrinker) copyOf(i int) *Script {
	s := *k.best
	s.Actions = slices.Clone(s.Actions)
	s.Actions[i].Ops = slices.Clone(s.Actions[i].Ops)
	return &s
}
