package sim

import (
	"bytes"
	"slices"

	"github.com/joinery-crdt/joinery/delta"
)

// die ends a process with what is left of the tail of its disk. What waited to
// be sent never leaves.
func (w *world) die(n *node, how string) {
	d := &n.disk
	survivors, torn := d.left.records, d.left.torn
	if w.trace != nil {
		w.trace.note(w, n, how+d.sayLeft())
	}
	for _, p := range d.tail {
		kept := min(survivors, len(p.records))
		survivors -= kept
		for i := range p.records[:kept] {
			w.store(d, p, i)
			delete(d.digests, p.records[i].Doc)
		}
		w.stats.Survivors += kept
		p.records = p.records[kept:]
		if len(p.records) == 0 {
			d.settle(p)
			continue
		}
		if torn {
			w.tear(n, p.records[0])
		}
		break
	}
	w.stop(n)
}

// sayLeft says what becomes of the records that were not synced.
func (d *disk) sayLeft() (out string) {
	i := 0
	for _, p := range d.tail {
		for _, rec := range p.records {
			what := " is lost"
			switch {
			case i < d.left.records:
				what = " survives unsynced"
			case i == d.left.records && d.left.torn:
				what = " is torn"
			}
			out += ", " + contents(rec.Delta) + what
			i++
		}
	}
	return out
}

// tear writes a part of a record: it ends early, or ends in zeros.
func (w *world) tear(n *node, rec stored) {
	whole := rec.Delta
	roll := func(what uint64) float64 {
		return w.net.roll(uint64(n.index), n.starts, uint64(len(n.disk.records)), what)
	}
	cut := int(roll(31) * float64(len(whole)))
	rec.Delta = slices.Clone(whole[:cut])
	if roll(32) < 0.5 {
		rec.Delta = append(rec.Delta, make(delta.Delta, len(whole)-cut)...)
	}
	if cut == 0 || bytes.Equal(rec.Delta, whole) {
		return // nothing was written, or it can't be told from all of it
	}
	rec.torn = true
	n.disk.records = append(n.disk.records, rec)
}

// stop ends a process. What is still in the tail of its disk is lost.
func (w *world) stop(n *node) {
	if n.r != nil {
		w.count(n)
		n.disk.incarnation = n.r.Actor().Incarnation
	}
	n.r, n.online, n.inbox, n.outbox, n.paused, n.dying, n.batches = nil, false, nil, nil, false, false, nil
	d := &n.disk
	lost := d.tail
	d.tail, d.syncing, d.endsAt, d.left, d.badSync, d.badWrite = nil, 0, never, remains{}, false, false
	for _, p := range lost {
		for i := range p.records {
			w.lose(p.records[i].unit)
		}
	}
}

// reload gives a process what is on its disk, and reports whether that could be
// read. The last record may be torn and is then discarded. What survived
// unsynced is as good as synced from now on.
func (w *world) reload(n *node) bool {
	d := &n.disk
	for i := range d.records {
		rec := &d.records[i]
		switch err := n.r.Load(rec.Record); {
		case err == nil && !rec.torn:
			w.harden(rec.unit)
		case err == nil:
			w.fail(n, rec.Doc, "reload", "a torn record was taken for a whole one")
			return false
		case rec.torn && i == len(d.records)-1:
			w.stats.Torn++
			w.trace.note(w, n, "discards a torn record")
			d.records = d.records[:i]
		default:
			w.fail(n, rec.Doc, "reload", "%v", err)
			return false
		}
	}
	w.discard(n)
	return true
}
