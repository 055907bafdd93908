package checker

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
)

// staleFrom is the stable latency from which an element counts as stale, as in
// Jepsen, which counts in whole milliseconds.
const staleFrom = time.Millisecond

// SetResult is a judgement on a set.
type SetResult struct {
	Attempted     int `json:"attempted"`
	Acknowledged  int `json:"acknowledged"`  // by processes whose word counts
	Indeterminate int `json:"indeterminate"` // the others, adds that failed aside
	Stable        int `json:"stable"`
	Stale         int `json:"stale"`      // stable, but not at once
	NeverRead     int `json:"never_read"` // without proof that it should have been
	// Gone is how many were acknowledged by a process that was killed before
	// it could spread them, and not seen again. It is part of NeverRead.
	Gone       int       `json:"gone"`
	Lost       []int64   `json:"lost"`
	Unexpected []int64   `json:"unexpected"` // read without or before an add
	Duplicated []int64   `json:"duplicated"` // twice in one read
	Stability  Latencies `json:"stable_latency"`
	// Steady is the same, but for reads by processes that had just taken the
	// place of a killed one, which miss everything for a moment.
	Steady Latencies `json:"stable_latency_but_for_restarts"`
	Valid  bool      `json:"valid"`
}

// element is what is known of one element.
type element struct {
	add     *history.Op
	known   time.Duration
	isKnown bool
	present int // the last read that has it, as an index; -1 for none
	absent  int // the last that has not
	lacking int // the last that has not, by a process that had not just been restarted
	missed  bool
}

// SetFull judges a history of adds, each of an element of its own, and reads.
func SetFull(ops []history.Op, t *history.Timeline) SetResult {
	r := SetResult{Lost: []int64{}}
	reads := readsOf(ops)
	elements := make(map[int64]*element)
	for i := range ops {
		if op := &ops[i]; op.Func == history.Add {
			r.count(op, t)
			elements[op.Value] = &element{add: op}
		}
	}
	r.expect(reads, elements)
	var all, steady []time.Duration
	for _, v := range inOrder(elements) {
		e := elements[v]
		e.find(v, reads, t)
		if r.judge(v, e, reads, t) {
			all = append(all, e.latency(e.absent, reads))
			steady = append(steady, e.latency(e.lacking, reads))
		}
	}
	r.Stability, r.Steady = latenciesOf(all), latenciesOf(steady)
	r.Valid = len(r.Lost)+len(r.Unexpected)+len(r.Duplicated) == 0 && r.Stable > 0
	return r
}

// readsOf returns the reads that succeeded, in the order of their invocations.
func readsOf(ops []history.Op) (reads []*history.Op) {
	for i := range ops {
		if ops[i].Func == history.Read && ops[i].Outcome == history.OK {
			reads = append(reads, &ops[i])
		}
	}
	slices.SortStableFunc(reads, func(a, b *history.Op) int { return int(a.Invoked - b.Invoked) })
	return reads
}

func inOrder(elements map[int64]*element) (order []int64) {
	for v := range elements {
		order = append(order, v)
	}
	slices.Sort(order)
	return order
}

// counts reports whether what an operation says counts: it succeeded, and what
// the process held then has spread.
func counts(op *history.Op, t *history.Timeline) bool {
	return op.Outcome == history.OK && t.Spread(op.Node, op.Incarnation, op.Completed)
}

func (r *SetResult) count(op *history.Op, t *history.Timeline) {
	r.Attempted++
	switch {
	case counts(op, t):
		r.Acknowledged++
	case op.Outcome != history.Fail:
		r.Indeterminate++
	}
}

// expect finds what reads should not have returned.
func (r *SetResult) expect(reads []*history.Op, elements map[int64]*element) {
	unexpected := make(map[int64]bool)
	duplicated := make(map[int64]bool)
	for _, op := range reads {
		for _, v := range op.Seen.Strange {
			unexpected[v] = true
		}
		for _, v := range op.Seen.Repeated {
			duplicated[v] = true
		}
		op.Seen.Each(func(v int64) {
			e := elements[v]
			if e == nil || e.add.Outcome == history.Fail || op.Completed < e.add.Invoked {
				unexpected[v] = true
			}
		})
	}
	r.Unexpected, r.Duplicated = keys(unexpected), keys(duplicated)
}

func keys(m map[int64]bool) []int64 {
	out := make([]int64, 0, len(m))
	for v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// find looks for the element in the reads.
func (e *element) find(v int64, reads []*history.Op, t *history.Timeline) {
	e.learn(v, reads, t)
	e.present, e.absent, e.lacking = -1, -1, -1
	for i := len(reads) - 1; i >= 0 && min(e.present, e.absent, e.lacking) < 0; i-- {
		op := reads[i]
		switch {
		case op.Completed < e.add.Invoked:
		case op.Seen.Has(v):
			e.present = max(e.present, i)
		default:
			e.absent = max(e.absent, i)
			e.missed = e.missed || op.Final
			if !t.Restarted(op.Node, op.Incarnation, op.Invoked) {
				e.lacking = max(e.lacking, i)
			}
		}
	}
}

// learn finds the moment from which the element is known.
func (e *element) learn(v int64, reads []*history.Op, t *history.Timeline) {
	if counts(e.add, t) {
		e.known, e.isKnown = e.add.Completed, true
	}
	for _, op := range reads {
		if e.isKnown && op.Invoked > e.known {
			return
		}
		if op.Seen.Has(v) && (!e.isKnown || op.Completed < e.known) && counts(op, t) {
			e.known, e.isKnown = op.Completed, true
		}
	}
}

// latency is how long after it was known the element was missed by a read.
func (e *element) latency(read int, reads []*history.Op) time.Duration {
	if read < 0 || !e.isKnown {
		return 0
	}
	return max(0, reads[read].Invoked-e.known)
}

// judge decides what became of an element, and reports whether it is stable.
func (r *SetResult) judge(v int64, e *element, reads []*history.Op, t *history.Timeline) bool {
	late := e.latency(e.absent, reads)
	switch {
	case late > 0 && (e.missed || e.absent > e.present):
		r.Lost = append(r.Lost, v)
	case e.isKnown && e.present > e.absent:
		r.Stable++
		if late >= staleFrom {
			r.Stale++
		}
		return true
	case e.add.Outcome != history.Fail:
		r.NeverRead++
		if e.add.Outcome == history.OK && !counts(e.add, t) {
			r.Gone++
		}
	}
	return false
}
