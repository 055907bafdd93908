package checker

import (
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
)

// Range is an interval of integers, both ends included.
type Range [2]int64

// CounterResult is a judgement on a counter.
type CounterResult struct {
	Attempted     int      `json:"attempted"`
	Acknowledged  int      `json:"acknowledged"`  // by processes whose word counts
	Indeterminate int      `json:"indeterminate"` // the others, adds that failed aside
	Gone          int      `json:"gone"`          // of those: acknowledged by a process killed too soon
	Sum           int64    `json:"sum"`           // of the acknowledged adds
	Acceptable    []Range  `json:"acceptable"`    // what final reads may return
	Final         []int64  `json:"final"`         // what they returned
	Problems      []string `json:"problems"`
	Valid         bool     `json:"valid"`
}

// Counter judges a history of adds and reads.
func Counter(ops []history.Op, t *history.Timeline) CounterResult {
	r := CounterResult{Acceptable: []Range{{0, 0}}, Problems: []string{}}
	for i := range ops {
		if op := &ops[i]; op.Func == history.Add {
			r.count(op, t)
		}
	}
	for i := range r.Acceptable {
		r.Acceptable[i][0] += r.Sum
		r.Acceptable[i][1] += r.Sum
	}
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Func != history.Read || op.Outcome != history.OK:
		case op.Final:
			r.final(op)
		default:
			r.bound(op, ops)
		}
	}
	if len(r.Final) == 0 {
		r.Problems = append(r.Problems, "no final read succeeded")
	}
	r.Valid = len(r.Problems) == 0
	return r
}

func (r *CounterResult) count(op *history.Op, t *history.Timeline) {
	r.Attempted++
	switch {
	case counts(op, t):
		r.Acknowledged++
		r.Sum += op.Value
	case op.Outcome != history.Fail:
		r.Indeterminate++
		r.Acceptable = perhaps(r.Acceptable, op.Value)
		if op.Outcome == history.OK {
			r.Gone++
		}
	}
}

// perhaps returns the sums of ranges, in ascending order and apart, after an
// add that may have happened.
func perhaps(ranges []Range, delta int64) (out []Range) {
	all := slices.Clone(ranges)
	for _, a := range ranges {
		all = append(all, Range{a[0] + delta, a[1] + delta})
	}
	slices.SortFunc(all, func(a, b Range) int { return int(a[0] - b[0]) })
	for _, a := range all {
		if n := len(out); n > 0 && a[0] <= out[n-1][1]+1 {
			out[n-1][1] = max(out[n-1][1], a[1])
		} else {
			out = append(out, a)
		}
	}
	return out
}

func (r *CounterResult) final(op *history.Op) {
	r.Final = append(r.Final, op.Sum)
	if !slices.ContainsFunc(r.Acceptable, func(a Range) bool { return a[0] <= op.Sum && op.Sum <= a[1] }) {
		r.Problems = append(r.Problems, fmt.Sprintf("node %d ends at %d, acceptable is %v", op.Node+1, op.Sum, r.Acceptable))
	}
	if op.Sum != r.Final[0] {
		r.Problems = append(r.Problems, fmt.Sprintf("node %d ends at %d, another at %d", op.Node+1, op.Sum, r.Final[0]))
	}
}

// bound holds an early read to the adds that had been invoked by its end.
func (r *CounterResult) bound(read *history.Op, ops []history.Op) {
	var low, high int64
	for i := range ops {
		op := &ops[i]
		if op.Func != history.Add || op.Outcome == history.Fail || op.Invoked > read.Completed {
			continue
		}
		low += min(op.Value, 0)
		high += max(op.Value, 0)
	}
	if read.Sum < low || read.Sum > high {
		r.Problems = append(r.Problems,
			fmt.Sprintf("node %d read %d, possible was %d to %d", read.Node+1, read.Sum, low, high))
	}
}

// Ledger returns the reads whose sum is not exactly that of the worths of the
// entries that they saw.
func Ledger(ops []history.Op, worth func(entry int64) int64) (problems []string) {
	for i := range ops {
		op := &ops[i]
		if op.Func != history.Read || op.Outcome != history.OK {
			continue
		}
		var sum int64
		op.Seen.Each(func(v int64) { sum += worth(v) })
		if sum != op.Sum {
			problems = append(problems, fmt.Sprintf("node %d read %d with entries worth %d", op.Node+1, op.Sum, sum))
		}
	}
	return problems
}
