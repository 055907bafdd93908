package node

import (
	"context"
	"errors"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
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
		if n.load(n.life, doc) != nil {
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
	damaged := n.resident.damaged
	n.joinHeld() // as the links are now
	if n.resident.total > 0 {
		n.cfg.Logger.Info("joinery: loaded", "space", n.cfg.Space, "documents", n.resident.total, "damaged", damaged, "took", time.Since(start).Round(time.Millisecond))
	}
}

// load brings a whole document into memory.
func (n *Node) load(ctx context.Context, doc string) error {
	for done := n.warm.Load(); !done; {
		if err := errors.Join(ctx.Err(), n.life.Err()); err != nil {
			return err
		}
		n.lock()
		l := n.begin(doc)
		if done = l == nil; !done {
			done = n.more(doc, l)
		}
		n.mu.Unlock()
	}
	return nil
}

// fetch brings as much of a document into memory as its places need; all of it
// if none are given. It fails if ctx ends before.
func (n *Node) fetch(ctx context.Context, doc string, places []uint64) error {
	if n.warm.Load() {
		return nil
	}
	if len(places) == 0 {
		return n.load(ctx, doc)
	}
	n.lock()
	defer n.mu.Unlock()
	for _, place := range places {
		l := n.begin(doc)
		if l == nil {
			break
		}
		if err := l.Fetch(place); err != nil {
			n.giveUp(doc, err)
			break
		}
	}
	return ctx.Err()
}

// fetchLapsed brings a document that has expired as a whole into memory: the
// next write removes all that is in it.
func (n *Node) fetchLapsed(ctx context.Context, doc string) error {
	if n.warm.Load() {
		return nil
	}
	lapsed := false
	n.look(doc, func(d *crdt.Document) { lapsed = d != nil && d.Lapsed() })
	if !lapsed {
		return nil
	}
	return n.load(ctx, doc)
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
		n.giveUp(doc, err)
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
		if err != nil {
			return err
		}
		if err := n.core.Load(rec); err != nil { // its checksum holds, but it does not go with the others
			return &store.CorruptError{Err: err}
		}
	}
	return nil
}

// more brings some more rows of a document back and reports whether it is whole.
// The caller holds the lock.
func (n *Node) more(doc string, l *journal.Loading) bool {
	done, err := l.Next(rowsAtOnce)
	if err != nil {
		n.giveUp(doc, err)
		return true
	}
	if done {
		delete(n.resident.partial, doc)
		n.core.Restored(doc)
	}
	return done
}

// giveUp ends the loading of a document. One that is damaged is put aside; any
// other error is the store's, and the node is read-only from here on: it can
// not tell what it has. The caller holds the lock.
func (n *Node) giveUp(doc string, err error) {
	if errors.Is(err, store.ErrCorrupt) {
		err = n.putAside(doc, err)
	}
	if err != nil {
		n.cfg.Logger.Error("joinery: a document could not be loaded; the replica is read-only and silent", "space", n.cfg.Space, "document", doc, "error", err)
		n.commits.fail(err)
	}
}

// putAside gives a damaged document up: what of it is whole stays, the rest has
// to come from the others.
func (n *Node) putAside(doc string, damage error) error {
	n.core.Commit(time.Now()) // fields that were there may have been written
	n.report(n.handOn())
	salvaged, err := n.journal.PutAside(doc, damage)
	if err != nil {
		return err
	}
	delete(n.resident.partial, doc)
	n.resident.damaged++
	n.core.Discard(doc, replica.Alarm{Kind: replica.Damage, Doc: doc, Detail: damage.Error()})
	for _, rec := range append(salvaged, n.commits.recordsOf(doc)...) {
		if err := n.core.Load(rec); err != nil {
			n.cfg.Logger.Error("joinery: a salvaged record could not be loaded", "space", n.cfg.Space, "document", doc, "error", err)
		}
	}
	n.report(n.handOn())
	return nil
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

// Loaded returns when all documents are in memory.
func (n *Node) Loaded(ctx context.Context) error {
	if err := n.settle(ctx); err != nil {
		return err
	}
	if !n.warm.Load() {
		return ErrClosed
	}
	return nil
}

// settle waits until all documents are in memory.
func (n *Node) settle(ctx context.Context) error {
	if n.warm.Load() {
		return nil
	}
	select {
	case <-n.resident.whole:
	case <-n.life.Done():
	case <-ctx.Done():
	}
	return ctx.Err()
}
