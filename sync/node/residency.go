package node

import (
	"time"

	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// residency is which documents are not in memory yet, or in part. A node with a
// store starts with all of them away. They come back in the background; what
// is asked for comes first, field by field. The node joins the others when all
// are there: before, it could not say what it lacks.
type residency struct {
	away    map[string]struct{}
	partial map[string]*journal.Loading
	total   int
	damaged int
	whole   chan struct{} // closed when all are there
}

// Bounds of what is loaded under one lock: readers and writers wait meanwhile.
const (
	rowsAtOnce    = 1024
	progressEvery = 5 * time.Second
)

// recover loads all documents, and lets the node join the others.
func (n *Node) recover() {
	start, said := time.Now(), time.Now()
	for i, doc := range n.journal.Docs() {
		if n.cfg.pause != nil {
			n.cfg.pause()
		}
		n.load(doc)
		if n.life.Err() != nil {
			return
		}
		if time.Since(said) > progressEvery {
			said = time.Now()
			n.cfg.Logger.Info("joinery: loading", "space", n.cfg.Space, "documents", i+1, "of", n.resident.total)
		}
	}
	n.mu.Lock()
	n.warm.Store(true)
	close(n.resident.whole)
	up := n.linked
	damaged := n.resident.damaged
	n.mu.Unlock()
	if n.resident.total > 0 {
		n.cfg.Logger.Info("joinery: loaded", "space", n.cfg.Space, "documents", n.resident.total, "damaged", damaged, "took", time.Since(start).Round(time.Millisecond))
	}
	if up {
		n.connect(true)
	}
}

// load brings a whole document into memory.
func (n *Node) load(doc string) {
	for done := n.warm.Load(); !done && n.life.Err() == nil; {
		n.lock()
		l := n.begin(doc)
		if done = l == nil; !done {
			done = n.more(doc, l)
		}
		n.mu.Unlock()
	}
}

// fetch brings as much of a document into memory as its places need; all of it
// if none are given.
func (n *Node) fetch(doc string, places []uint64) {
	if n.warm.Load() {
		return
	}
	if len(places) == 0 {
		n.load(doc)
		return
	}
	n.lock()
	defer n.mu.Unlock()
	for _, place := range places {
		l := n.begin(doc)
		if l == nil {
			return
		}
		if err := l.Fetch(place); err != nil {
			n.putAside(doc, err)
			return
		}
	}
}

// begin returns how far a document is, after its head and records; nil if it is
// whole. The caller holds the lock.
func (n *Node) begin(doc string) *journal.Loading {
	if _, ok := n.resident.away[doc]; !ok {
		return n.resident.partial[doc]
	}
	delete(n.resident.away, doc)
	l, err := n.journal.Load(doc)
	if err == nil {
		err = n.replay(doc, l)
	}
	if err != nil {
		n.putAside(doc, err)
		return nil
	}
	n.resident.partial[doc] = l
	return l
}

// replay gives a document its head and its records.
func (n *Node) replay(doc string, l *journal.Loading) error {
	if err := n.core.Restore(doc, l.Begin); err != nil {
		return err
	}
	for rec, err := range l.Records() {
		if err == nil {
			err = n.core.Load(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// more brings some more rows of a document back and reports whether it is whole.
// The caller holds the lock.
func (n *Node) more(doc string, l *journal.Loading) bool {
	done, err := l.Next(rowsAtOnce)
	if err != nil {
		n.putAside(doc, err)
		return true
	}
	if done {
		delete(n.resident.partial, doc)
		n.core.Restored(doc)
	}
	return done
}

// putAside gives a damaged document up: what of it is whole stays, the rest has
// to come from the others. The caller holds the lock.
func (n *Node) putAside(doc string, damage error) {
	delete(n.resident.partial, doc)
	n.resident.damaged++
	n.core.Commit(time.Now()) // fields that were there may have been written
	n.report(n.handOn())
	n.core.Discard(doc, replica.Alarm{Kind: replica.Damage, Doc: doc, Detail: damage.Error()})
	salvaged, err := any(n.journal).(interface {
		PutAside(string, error) ([]replica.Record, error)
	}).PutAside(doc, damage)
	if err != nil {
		n.cfg.Logger.Error("joinery: a damaged document could not be put aside", "space", n.cfg.Space, "document", doc, "error", err)
		return
	}
	for _, rec := range append(salvaged, n.commits.recordsOf(doc)...) {
		if err := n.core.Load(rec); err != nil {
			n.cfg.Logger.Error("joinery: a salvaged record could not be loaded", "space", n.cfg.Space, "document", doc, "error", err)
		}
	}
	n.report(n.handOn())
}

// Loading says how many documents are not in memory yet, and of how many.
func (n *Node) Loading() (left, of int) {
	if n.warm.Load() {
		return 0, 0
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.resident.away) + len(n.resident.partial), n.resident.total
}

// settle waits until all documents are in memory.
func (n *Node) settle() {
	if n.warm.Load() {
		return
	}
	select {
	case <-n.resident.whole:
	case <-n.life.Done():
	}
}
