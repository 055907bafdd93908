package sim

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// end ends a process cleanly: what it wrote is recorded, all records are synced,
// and that is noted on the disk. No time passes meanwhile. If the disk fails,
// the end is no clean one.
func (w *world) end(n *node) {
	if n.r == nil || n.paused || n.dying {
		return
	}
	n.r.Commit(w.time())
	w.drain(n)
	for n.r != nil && !n.disk.isSynced() {
		w.endSync(n, true)
	}
	if n.r == nil {
		return
	}
	w.stats.Stops++
	w.stop(n)
	n.disk.clean = true
}

// lease returns the incarnation that a process may go on under, 0 for a fresh
// one. The note of a clean end is good for one start.
func (w *world) lease(n *node) (incarnation uint64) {
	d := &n.disk
	if d.clean || w.sticky {
		incarnation = d.incarnation
	}
	if n.resumed = d.clean; n.resumed {
		w.stats.Resumed++
		w.trace.note(w, n, "goes on as the actor that it was")
	}
	d.clean = false
	return incarnation
}

// restore starts a node from its first records.
func (w *world) restore(n *node, records int) {
	if n.gone {
		return
	}
	w.stats.Restores++
	w.stop(n)
	w.lossy = true
	w.rewind(n, records)
	w.start(n)
}

// rewind sets a disk back to its first records.
func (w *world) rewind(n *node, records int) {
	d := &n.disk
	old := d.records[records:]
	for i := range old {
		w.lose(old[i].unit) // if it had just survived a crash
	}
	d.records = d.records[:records:records]
	clear(d.digests)
	d.mark, d.stamp, d.clean, d.broken = 0, 0, false, nil
	w.bereave(old)
}

// forget damages all that a disk has of a document. It is noticed at the start,
// after that a part of it was read.
func (w *world) forget(n *node, doc string) {
	if n.gone {
		return
	}
	runs := n.r != nil
	w.stop(n)
	d := &n.disk
	var kept, old []stored
	for _, rec := range d.records {
		if rec.Doc == doc {
			old = append(old, rec)
		} else {
			kept = append(kept, rec)
		}
	}
	if len(old) > 0 {
		w.stats.Forgotten++
		w.lossy = true
		for i := range old {
			w.lose(old[i].unit)
		}
		d.records, d.broken = kept, append(d.broken, damaged{doc, w.readable(old)})
		delete(d.digests, doc)
		w.bereave(old)
	}
	if runs {
		w.start(n)
	}
}

// readable returns what is read of damaged records before the damage is found:
// half of them. Where releases are mixed it is nothing: units that were read stay
// in the log as they were kept, and may come again with parts of a later release.
func (w *world) readable(records []stored) []stored {
	if w.script.Tuning.Newer > 0 {
		return nil
	}
	return records[:len(records)/2]
}

// discard has a process notice which documents are damaged, after a part of them.
func (w *world) discard(n *node) {
	for _, b := range n.disk.broken {
		doc := b.doc
		for _, rec := range b.readable {
			_ = n.r.Load(rec.Record) // it may be torn
		}
		w.trace.note(w, n, "finds "+doc+" damaged")
		if w.sticky {
			continue
		}
		n.r.Discard(doc, replica.Alarm{Kind: replica.Damage, Doc: doc, Detail: "the simulator damaged it"})
	}
	n.disk.broken = nil
}

// clone runs a copy of the node's disk under its identity, and under its
// incarnation: nobody noticed that it is a copy.
func (w *world) clone(n *node) {
	if n.r == nil || n.dying {
		return
	}
	w.cloned = true
	w.twin(n, len(n.disk.records), n.r.Actor().Incarnation)
}

// copyDisk runs a copy of the beginning of the node's disk under its identity. The
// node itself may be down, and goes on from its own disk.
func (w *world) copyDisk(n *node, records int) {
	if n.gone {
		return
	}
	w.stats.Copies++
	w.copied = true
	w.twin(n, min(records, len(n.disk.records)))
}

func (w *world) twin(n *node, records int, incarnation ...uint64) {
	twin := w.add(n.id)
	twin.systems = n.systems
	twin.disk.records = append(twin.disk.records, n.disk.records[:records]...)
	twin.disk.incarnation = n.disk.incarnation
	if n.r != nil {
		twin.disk.incarnation = n.r.Actor().Incarnation
	}
	w.start(twin, incarnation...)
}

// bereave notes which units are on no disk any more now that records are gone.
// Replicas that hold them in memory may yet bring them back.
func (w *world) bereave(gone []stored) {
	left := map[string]*causal.Context{}
	for i := range gone {
		if doc := gone[i].Doc; left[doc] == nil {
			left[doc] = w.onDisk(doc)
		}
	}
	for doc, have := range left {
		for a, c := range w.ledger(doc).actors {
			for i := range c.events {
				if u := c.events[i].unit; u != nil && !have.Contains(causal.Dot{Actor: a, Seq: uint64(i) + 1}) {
					u.orphan = true
				}
			}
		}
	}
}

// onDisk returns what all disks together have of a document.
func (w *world) onDisk(doc string) *causal.Context {
	var have causal.Context
	for _, n := range w.nodes {
		for i := range n.disk.records {
			rec := &n.disk.records[i]
			if rec.Doc != doc || rec.torn {
				continue
			}
			if f, err := rec.Delta.Open(); err == nil {
				have.Join(f.Claims())
			}
		}
	}
	return &have
}

// checkPayloads demands that every dot of a record has the payload that it was
// sealed with.
func (w *world) checkPayloads(n *node, doc string, f *delta.Frame) {
	l := w.ledger(doc)
	if w.cloned || l.tainted {
		return
	}
	for add := range f.All() {
		e := l.column(add.Dot.Actor).at(add.Dot.Seq)
		p := payloadOf(&add)
		if e.unit != nil && (e.add == nil || !e.add.same(&p)) {
			w.fail(n, doc, "identity", "event %d of %v has two payloads", add.Dot.Seq, add.Dot.Actor)
			return
		}
	}
}
