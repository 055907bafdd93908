package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// disk is what a replica writes to. Outputs wait in its tail until a sync has
// ended that began after they were written; one sync may be for many of them.
// A crash leaves what is durable and any number of records of the tail, from
// its beginning.
type disk struct {
	records []stored
	digests map[string]uint64 // of documents as the records have them, where known
	mark    hlc.Time          // of the clock, as of the records
	stamp   hlc.Time          // greatest timestamp of the replica's writes, as of the records

	// incarnation is that of the last process. The next one may go on under it if
	// clean, which copies and damaged disks are not.
	incarnation uint64
	contexts    map[string]*causal.Context // of documents, as the records have them
	clean       bool
	broken      []damaged

	tail    []*pending
	syncing int           // outputs of the tail that the sync under way is for
	endsAt  time.Duration // of that sync; never if there is none
	syncs   uint64        // so far
	stalled time.Duration // no sync ends before

	// What the next fault does.
	badSync, badWrite bool
	left              remains
}

// stored is a record with the unit that its replica sealed in it, nil if it
// came from elsewhere.
type stored struct {
	replica.Record
	unit *unit
	torn bool // a part of it was never written
}

// damaged is a document that nothing can be relied upon of.
type damaged struct {
	doc      string
	readable []stored // what is read before the damage is found
}

// pending is an output that was written and not carried out: its messages wait
// for its records and for all that was written before.
type pending struct {
	records  []stored
	messages []replica.Outgoing
	digests  []digest // of the documents that the records are of
	mark     hlc.Time
	stamp    hlc.Time
}

// digest is that of a document once it was sealed.
type digest struct {
	doc   string
	is    uint64
	known bool
}

// remains says how much of what was not synced outlives its process.
type remains struct {
	records int
	torn    bool // and a part of the next one
}

func newDisk() disk { return disk{digests: make(map[string]uint64), endsAt: never} }

// isSynced reports whether everything that was written is durable.
func (d *disk) isSynced() bool { return len(d.tail) == 0 }

// unsynced returns how many records are in the tail.
func (d *disk) unsynced() (n int) {
	for _, p := range d.tail {
		n += len(p.records)
	}
	return n
}

// commit writes an output. It is carried out once it is synced.
func (w *world) commit(n *node, p *pending) {
	if w.hasty {
		w.release(n, p)
		p.messages = nil
	}
	n.disk.tail = append(n.disk.tail, p)
	if n.disk.endsAt == never {
		w.beginSync(n, false)
	}
}

// beginSync syncs what is in the tail, some of which may have waited for that.
// Messages before which nothing waits leave.
func (w *world) beginSync(n *node, waited bool) {
	d := &n.disk
	for len(d.tail) > 0 && len(d.tail[0].records) == 0 {
		p := d.tail[0]
		d.tail = d.tail[1:]
		w.release(n, p)
	}
	if len(d.tail) == 0 {
		d.tail = nil
		return
	}
	d.syncs++
	d.syncing = len(d.tail)
	if delay := w.syncTime(n); delay > 0 {
		w.scheduleSync(n, w.now+delay)
		return
	}
	w.endSync(n, waited)
}

func (w *world) scheduleSync(n *node, at time.Duration) {
	n.disk.endsAt = at
	w.queue.push(job{at: at, kind: synced, node: n.index})
}

// slowness is how many times longer than usual a slow sync takes.
const slowness = 50

// syncTime returns how long the next sync takes. It depends on the seed, the
// replica and how many there were before.
func (w *world) syncTime(n *node) time.Duration {
	if w.isCalm {
		return 0
	}
	roll := func(what uint64) float64 { return w.net.roll(uint64(n.index), n.disk.syncs, what) }
	most := w.script.Disk.Sync
	if roll(21) < w.script.Disk.Slow {
		most *= slowness
	}
	delay := time.Duration(roll(22) * float64(most)).Truncate(time.Microsecond)
	return max(delay, n.disk.stalled-w.now)
}

// endSync makes durable what the sync was for and lets its messages leave.
func (w *world) endSync(n *node, waited bool) {
	d := &n.disk
	d.endsAt = never
	if d.badSync {
		w.stats.DiskErrors++
		w.die(n, "cannot sync and stops")
		return
	}
	done := d.tail[:d.syncing]
	d.tail, d.syncing = d.tail[d.syncing:], 0
	if waited {
		w.noteSync(n, done)
	}
	for _, p := range done {
		for i := range p.records {
			w.store(d, p, i)
			w.harden(p.records[i].unit)
		}
		d.settle(p)
		w.release(n, p)
	}
	if waited {
		w.beginSync(n, true)
	}
}

// noteSync draws and counts a sync that something waited for.
func (w *world) noteSync(n *node, done []*pending) {
	w.hash = mix(w.hash, uint64(w.now), uint64(n.index), uint64(len(done)))
	w.stats.Syncs++
	if len(done) > 1 {
		w.stats.Grouped += len(done)
	}
	if w.trace != nil {
		w.trace.note(w, n, "has synced "+sayRecords(done))
	}
}

// store puts the i-th record of an output on the disk for good. The clock's
// mark is written before the first of them.
func (w *world) store(d *disk, p *pending, i int) {
	if p.records[i].Forget && w.choosy {
		w.erase(d, p.records[i].Doc)
		return
	}
	d.records = append(d.records, p.records[i])
	d.note(&p.records[i])
	d.mark, d.stamp = p.mark, p.stamp
}

// erase deletes what a disk has of a document that its replica gave up. If the disk
// of whoever said that it holds the same was set back since, nobody may have it any more.
func (w *world) erase(d *disk, doc string) {
	of := func(s stored) bool { return s.Doc == doc }
	var gone []stored
	for _, s := range d.records {
		if of(s) {
			gone = append(gone, s)
		}
	}
	d.records = slices.DeleteFunc(d.records, of)
	delete(d.digests, doc)
	if w.lossy {
		w.bereave(gone)
	}
}

// settle notes what documents look like with all records of an output.
func (d *disk) settle(p *pending) {
	for _, x := range p.digests {
		if x.known {
			d.digests[x.doc] = x.is
		} else {
			delete(d.digests, x.doc)
		}
	}
}

// release hands an output's messages to the network. A paused process sends
// them when it goes on; those of one that is offline by now are gone.
func (w *world) release(n *node, p *pending) {
	if n.paused {
		n.outbox = append(n.outbox, p.messages...)
		return
	}
	for i := range p.messages {
		if n.online {
			w.send(n, &p.messages[i])
		}
	}
}

// stall keeps a disk from ending any sync for a while.
func (w *world) stall(n *node, until time.Duration) {
	d := &n.disk
	d.stalled = max(d.stalled, until)
	if d.endsAt != never && d.endsAt < d.stalled {
		w.scheduleSync(n, d.stalled)
	}
}

// calmDisk ends all faults of a disk and syncs what waits.
func (w *world) calmDisk(n *node) {
	n.disk.badSync, n.disk.badWrite = false, false
	for n.r != nil && !n.disk.isSynced() {
		w.endSync(n, true)
	}
}

// sayRecords says which events outputs wrote, by replica.
func sayRecords(outputs []*pending) string {
	var out []string
	for _, p := range outputs {
		for i := range p.records {
			out = append(out, contents(p.records[i].Delta))
		}
	}
	return strings.Join(out, " ")
}
