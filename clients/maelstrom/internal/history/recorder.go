package history

import (
	"slices"
	"sync"
	"time"
)

// Recorder collects operations and changes. Its methods are safe for
// concurrent use.
type Recorder struct {
	start time.Time

	mu      sync.Mutex
	ops     []Op
	changes []Change
}

// NewRecorder returns a recorder whose clock starts now.
func NewRecorder() *Recorder { return &Recorder{start: time.Now()} }

// Now returns the time of the run.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Invoke notes that an operation begins and returns its number. Until it is
// completed its outcome is Info.
func (r *Recorder) Invoke(op Op) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	op.Invoked, op.Outcome = r.Now(), Info
	r.ops = append(r.ops, op)
	return len(r.ops) - 1
}

// Complete notes the end of an operation. fn sets what is known of it.
func (r *Recorder) Complete(number int, fn func(op *Op)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	op := &r.ops[number]
	fn(op)
	op.Completed = r.Now()
}

// Change notes a change, as of now.
func (r *Recorder) Change(kind ChangeKind, node, peer int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, Change{r.Now(), kind, node, peer})
}

// Ops returns the operations in the order of their invocations. The caller owns
// the slice.
func (r *Recorder) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ops)
}

// Changes returns the changes in their order. The caller owns the slice.
func (r *Recorder) Changes() []Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.changes)
}
