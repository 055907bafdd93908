package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
)

// SetSessions returns the reads that miss what an earlier read of the same
// process saw, or what the process had acknowledged.
func SetSessions(ops []history.Op) (problems []string) {
	for _, s := range sessionsOf(ops) {
		var must history.Elements
		s.each(func(earlier *history.Op) {
			must.Join(&earlier.Seen)
			if earlier.Func == history.Add {
				must.Put(earlier.Value)
			}
		}, func(read *history.Op) {
			if missing := must.Missing(&read.Seen); len(missing) > 0 {
				problems = append(problems, fmt.Sprintf("node %d misses %v at %v", read.Node+1, missing, read.Invoked))
			}
		})
	}
	return problems
}

// CounterSessions does the same for counters. One that is also decremented
// cannot be held to it and passes.
func CounterSessions(ops []history.Op) (problems []string) {
	if slices.ContainsFunc(ops, func(op history.Op) bool { return op.Func == history.Add && op.Value < 0 }) {
		return nil
	}
	for _, s := range sessionsOf(ops) {
		var own, seen int64
		s.each(func(earlier *history.Op) {
			seen = max(seen, earlier.Sum)
			own += earlier.Value
		}, func(read *history.Op) {
			if least := max(own, seen); read.Sum < least {
				problems = append(problems, fmt.Sprintf("node %d is at %d after %d at %v", read.Node+1, read.Sum, least, read.Invoked))
			}
		})
	}
	return problems
}

// session is what one process answered, in the order of the invocations and in
// that of the completions.
type session struct {
	begun, done []*history.Op
}

func sessionsOf(ops []history.Op) []*session {
	all := make(map[[2]int]*session)
	var order []*session
	for i := range ops {
		op := &ops[i]
		if op.Outcome != history.OK {
			continue
		}
		process := [2]int{op.Node, op.Incarnation}
		if all[process] == nil {
			all[process] = &session{}
			order = append(order, all[process])
		}
		all[process].begun = append(all[process].begun, op)
	}
	for _, s := range order {
		slices.SortFunc(s.begun, func(a, b *history.Op) int { return cmp.Compare(a.Invoked, b.Invoked) })
		s.done = slices.Clone(s.begun)
		slices.SortFunc(s.done, func(a, b *history.Op) int { return cmp.Compare(a.Completed, b.Completed) })
	}
	return order
}

// each calls read with every read, after it called ended with all that ended
// before the read began.
func (s *session) each(ended, read func(*history.Op)) {
	next := 0
	for _, op := range s.begun {
		if op.Func != history.Read {
			continue
		}
		for ; next < len(s.done) && s.done[next].Completed < op.Invoked; next++ {
			ended(s.done[next])
		}
		read(op)
	}
}
