package joinery

import (
	"context"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/node"
)

// Batch is updates of several documents that are made at once. Each is atomic by
// itself, as by [Doc.Update], and stands or fails by itself: there is no
// transaction over documents. Readers here may see the first ones before the
// last, and other replicas may get them in any order. What a batch saves is
// waiting: with a Store, up to 128 documents share one sync of the disk.
//
// A Batch is for one goroutine, until its Commit has returned; it is then empty,
// and may be used again.
type Batch struct {
	replica *Replica
	updates []update
}

type update struct {
	doc string
	fn  func(tx *Tx) error
}

// Batch returns an empty batch.
func (r *Replica) Batch() *Batch { return &Batch{replica: r} }

// Update adds an update of a document. [Batch.Commit] runs fn, under the rules of
// [Doc.Update]. A document may be updated several times.
func (b *Batch) Update(doc string, fn func(tx *Tx) error) {
	b.updates = append(b.updates, update{doc, fn})
}

// Len returns how many updates wait.
func (b *Batch) Len() int { return len(b.updates) }

// Commit makes the updates, in the order in which they were added, and waits for
// the disk once, if there is one. If some fail it returns a [BatchError]; the
// others stand. If ctx ends before all are made the rest is [NothingWritten]; if it
// ends while they wait for the disk they are [WriteStands].
func (b *Batch) Commit(ctx context.Context) error {
	needs(ctx)
	updates := b.updates
	b.updates = nil
	writes := make([]node.DocWrite, len(updates))
	for i, u := range updates {
		d := b.replica.Doc(u.doc)
		writes[i] = node.DocWrite{Doc: u.doc, Do: func(c *crdt.Document) error { return d.group(c, u.fn) }}
	}
	out := &BatchError{Of: len(updates)}
	for i, err := range b.replica.node.WriteAll(ctx, writes) {
		if err != nil {
			e := writeError(updates[i].doc, err).(*WriteError)
			out.Failed = append(out.Failed, BatchFailure{i, e})
		}
	}
	if len(out.Failed) == 0 {
		return nil
	}
	return out
}

// BatchError says which updates of a batch failed. errors.Is and errors.As look
// at all of them.
type BatchError struct {
	Of     int            // how many updates there were
	Failed []BatchFailure // in their order; the others stand
}

// BatchFailure is one update that failed.
type BatchFailure struct {
	Index int // of the update, in the order in which they were added
	*WriteError
}

func (e *BatchError) Error() string {
	text := fmt.Sprintf("joinery: batch: %d of %d updates failed", len(e.Failed), e.Of)
	if len(e.Failed) > 0 {
		text += fmt.Sprintf("; the first, number %d: %v", e.Failed[0].Index, e.Failed[0].WriteError)
	}
	return text
}

// Unwrap returns the errors of the updates that failed.
func (e *BatchError) Unwrap() []error {
	out := make([]error, len(e.Failed))
	for i := range e.Failed {
		out[i] = e.Failed[i].WriteError
	}
	return out
}
