package replica

import (
	"fmt"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
)

// maxDrifting bounds the writers that are remembered for their clocks.
const maxDrifting = 64

// Drifting is a writer whose timestamps are further ahead of this replica's clock
// than MaxDrift: one of the two clocks is wrong, or a program gave a timestamp of
// its own.
type Drifting struct {
	ID    causal.ID
	Ahead time.Duration // of its last such timestamp, when it came
	When  time.Time     // it came, by this replica's monotonic time
}

// Drifting returns the writers whose last timestamps were too far ahead, by ID.
func (r *Replica) Drifting() []Drifting {
	out := make([]Drifting, 0, len(r.drifting))
	for _, d := range r.drifting {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Drifting) int { return a.ID.Compare(b.ID) })
	return out
}

// noteDrift reports, once for each writer, that timestamps from the future arrive,
// and forgets writers whose timestamps are not from there any more.
func (r *Replica) noteDrift(d *document, f *delta.Frame) {
	ahead := r.clock.Observe(f.Latest())
	if ahead == 0 {
		r.endDrift(f)
		return
	}
	r.stats.Drifts++
	id, known := latestWriter(f), false
	if _, known = r.drifting[id]; !known && len(r.drifting) >= maxDrifting {
		return
	}
	if r.drifting == nil {
		r.drifting = make(map[causal.ID]Drifting)
	}
	r.drifting[id] = Drifting{ID: id, Ahead: ahead, When: r.now}
	if !known {
		r.alarm(Alarm{Kind: Drift, Doc: d.name, Peer: id, Detail: fmt.Sprintf(
			"a timestamp of replica %v is %v ahead of this replica's clock; it was merged, the clock does not follow", id, ahead)})
	}
}

// latestWriter returns who gave the greatest timestamp.
func latestWriter(f *delta.Frame) (id causal.ID) {
	for add := range f.All() {
		if add.Time == f.Latest() {
			id = add.Dot.Actor.ID
		}
	}
	return id
}

func (r *Replica) endDrift(f *delta.Frame) {
	if len(r.drifting) == 0 {
		return
	}
	for add := range f.All() {
		if add.Time != 0 {
			delete(r.drifting, add.Dot.Actor.ID)
		}
	}
}
