package journal

import (
	"context"

	"github.com/joinery-crdt/joinery/sync/store"
)

// Progress says how far a long operation is.
type Progress struct {
	Entries uint64 // read so far
	Bytes   uint64 // of their keys and values
	// Documents are those that were checked, of Total. Backups do not know them.
	Documents, Total int
}

// Problem is damage that was found.
type Problem struct {
	Doc string // empty if it belongs to no document, or nobody knows to which
	Key []byte // nil if it is not known
	Err error
}

// Error returns what is wrong, with the document.
func (p Problem) Error() string {
	if p.Doc == "" {
		return "journal: " + p.Err.Error()
	}
	return "journal: document " + p.Doc + ": " + p.Err.Error()
}

// maxProblems bounds a list of problems.
const maxProblems = 1000

// progressEvery is after how many entries progress is told and the context
// looked at.
const progressEvery = 4096

// meter counts what is read.
type meter struct {
	Progress
	ctx  context.Context
	tell func(Progress)
}

// add counts an entry. It returns an error if the operation is to end.
func (m *meter) add(e *store.Entry) error {
	m.Entries++
	m.Bytes += uint64(len(e.Key) + len(e.Value))
	if m.Entries%progressEvery != 0 {
		return nil
	}
	return m.report()
}

func (m *meter) report() error {
	if m.tell != nil {
		m.tell(m.Progress)
	}
	return m.ctx.Err()
}
