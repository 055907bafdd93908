package checker

import (
	"slices"
	"time"
)

// Latencies sums up durations.
type Latencies struct {
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// latenciesOf sorts the durations. Quantiles are by nearest rank.
func latenciesOf(all []time.Duration) (l Latencies) {
	if len(all) == 0 {
		return l
	}
	slices.Sort(all)
	rank := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1] }
	return Latencies{rank(50), rank(99), all[len(all)-1]}
}
