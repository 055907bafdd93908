package journal

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Checkpoint is one that is under way.
type Checkpoint struct {
	journal *Journal
	doc     *document
	head    *head
	next    uint64         // position of the first record that it does not cover
	covered int            // bytes of those that it covers
	came    causal.Context // dots whose rows are to be written, if live
	gone    []kernel.Gone  // dots whose rows are to be deleted
	again   []rewritten    // rows of dots that have another payload than they had
	batch   store.Batch

	wrote causal.Context     // of came, looked at so far
	early map[causal.Dot]int // of came, how often gone before they were looked at
	known int                // how many of the state's gone are accounted for
}

// rewritten is a row that takes another's place when the head is written.
type rewritten struct {
	key, row []byte
	print    uint64
}

// Doc returns the name of the document.
func (c *Checkpoint) Doc() string { return c.doc.name }

// Capture begins a checkpoint of a document that is whole in memory and all of
// whose events are in records. Nobody may write the document meanwhile. The
// checkpoint goes into the Append of the last of those records, and is then to
// be written. It returns nil if one is under way already.
func (j *Journal) Capture(name string, d *crdt.Document) *Checkpoint {
	j.mu.Lock()
	defer j.mu.Unlock()
	doc := j.docs[name]
	if doc == nil || doc.pending || !doc.loaded {
		return nil
	}
	doc.pending = true
	c := &Checkpoint{journal: j, doc: doc, head: &head{}}
	if doc.head == nil && d.State().Dots() <= j.cfg.SmallState/minRow {
		if state := d.AppendState(nil); len(state) <= j.cfg.SmallState {
			c.head.state = state
			return c
		}
	}
	c.captureRows(d)
	return c
}

// minRow is the least that a live dot takes in an encoded state, in bytes.
const minRow = 4

func (c *Checkpoint) captureRows(d *crdt.Document) {
	s, doc := d.State(), c.doc
	var known causal.Context
	if old := doc.head; old != nil {
		known = old.context()
		c.head.actors = append(c.head.actors, old.actors...)
		c.head.rows, c.head.bytes, c.head.print = old.rows, old.bytes, old.print
	} else {
		s.TrackGone()
	}
	c.head.capture(s)
	now := c.head.context()
	c.came, c.early = now.Minus(known), make(map[causal.Dot]int)
	c.captureGone(s, known)
}

// captureGone finds out which rows are to be deleted or to be written again. Of
// all that is said of a dot since its row was written, the first says what is
// in the row.
func (c *Checkpoint) captureGone(s *kernel.State, known causal.Context) {
	doc := c.doc
	listed := make(map[causal.Dot]struct{})
	for _, g := range s.TakeGone(doc.gone) {
		name := s.NameOf(g.Dot)
		_, twice := listed[name]
		live := s.IsLive(g.Actor, g.Seq)
		switch {
		case doc.early[name] > 0:
			doc.early[name]--
			continue
		case twice, live && !g.Replaced, !known.Contains(name):
			continue
		}
		listed[name] = struct{}{}
		if live {
			c.rewrite(s, g.Dot)
		}
		g.Actor = kernel.Index(c.head.index(name.Actor))
		c.gone = append(c.gone, g)
	}
	doc.gone, doc.early = nil, nil
}

// rewrite captures the row of a dot whose payload was replaced.
func (c *Checkpoint) rewrite(s *kernel.State, d kernel.Dot) {
	for l := range s.Between(d.Actor, causal.Range{Lo: d.Seq, Hi: d.Seq}) {
		key, row := c.row(s, &l, c.head.index(s.Actor(d.Actor)))
		c.again = append(c.again, rewritten{key, row, s.Print(&l)})
	}
}

// row returns the row of a live dot, with room for its checksum.
func (c *Checkpoint) row(s *kernel.State, l *kernel.Live, index uint32) (key, row []byte) {
	key = rowKey(nil, c.doc.num, s.Place(l), index, l.Seq)
	return key, appendRow(make([]byte, sumSize, 64+len(l.Key)+len(l.Value)), s, l)
}

// add adds a row to the batch and to the head's sums.
func (c *Checkpoint) add(key, row []byte, print uint64) {
	c.head.rows++
	c.head.bytes += uint64(len(key) + len(row))
	c.head.print ^= print
	put(&c.batch, key, row)
}

func (h *head) context() (ctx causal.Context) {
	for i := range h.actors {
		ctx.AddRanges(h.actors[i].id, h.actors[i].seen)
	}
	return ctx
}

// rowsAtOnce bounds how many rows are read under one lock.
const rowsAtOnce = 512

// Write writes the checkpoint. read is called again and again to look at the
// document while nobody writes it, each time for a short while. settle is called
// once and returns when the records of all that was written until then are
// appended: what died since the capture has no row, so its killer must be in a
// record before the head says that the dot had been.
func (c *Checkpoint) Write(read func(func(*crdt.Document)), settle func() error) error {
	err := c.write(read, settle)
	j := c.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	d := c.doc
	if err != nil {
		// The document gets no further checkpoint: what this one was to delete is
		// not known any more. The next start finds out.
		return fmt.Errorf("journal: checkpoint of document %q: %w", d.name, err)
	}
	d.pending = false
	return nil
}

func (c *Checkpoint) write(read func(func(*crdt.Document)), settle func() error) error {
	if c.head.inRows() {
		c.clean()
		for a, rs := range c.came.All() {
			for _, r := range rs {
				if err := c.writeRows(read, a, r); err != nil {
					return err
				}
			}
		}
		if err := settle(); err != nil {
			return err
		}
	}
	return c.finish()
}

// clean deletes what checkpoints that were cut short have left.
func (c *Checkpoint) clean() {
	if c.doc.head == nil {
		c.batch.DeleteRange(numbered(kindRow, c.doc.num), numbered(kindRow, c.doc.num+1))
	}
	for _, key := range c.doc.strays {
		c.batch.Delete(key)
	}
}

// writeRows writes the rows of an actor's dots in r that live now.
func (c *Checkpoint) writeRows(read func(func(*crdt.Document)), a causal.Actor, r causal.Range) error {
	index := c.head.index(a)
	for from := r.Lo; from <= r.Hi; {
		read(func(d *crdt.Document) { from = c.collect(d, a, index, causal.Range{Lo: from, Hi: r.Hi}) })
		if err := c.journal.store.Apply(&c.batch, false); err != nil {
			return err
		}
		c.batch.Reset()
	}
	return nil
}

// collect puts rows into the batch and returns the first number behind.
func (c *Checkpoint) collect(d *crdt.Document, a causal.Actor, index uint32, r causal.Range) uint64 {
	if d == nil {
		return r.Hi + 1
	}
	s := d.State()
	c.account(s)
	at, ok := s.Lookup(a)
	if !ok {
		return r.Hi + 1
	}
	next, n := r.Hi+1, 0
	for l := range s.Between(at, r) {
		if n++; n > rowsAtOnce {
			next = l.Seq
			break
		}
		key, row := c.row(s, &l, index)
		c.add(key, row, s.Print(&l))
	}
	c.wrote.AddRange(a, causal.Range{Lo: r.Lo, Hi: next - 1})
	return next
}

// account notes what is said of dots from before their row is written.
func (c *Checkpoint) account(s *kernel.State) {
	gone := s.Gone()
	for _, g := range gone[min(c.known, len(gone)):] {
		if name := s.NameOf(g.Dot); c.came.Contains(name) && !c.wrote.Contains(name) {
			c.early[name]++
		}
	}
	c.known = len(gone)
}

// finish writes the head, deletes dead rows and covered records, in one batch.
func (c *Checkpoint) finish() error {
	j, d, b := c.journal, c.doc, &c.batch
	j.mu.Lock()
	defer j.mu.Unlock()
	if d.forgotten {
		b.Reset()
		if again := j.docs[d.name]; again == nil || again.fresh {
			b.Delete(nameKey(d.name))
		}
		d.erase(b)
		return j.store.Apply(b, false)
	}
	if j.docs[d.name] != d {
		return errors.New("it was put aside meanwhile")
	}
	average := c.head.bytes / max(c.head.rows, 1)
	for _, g := range c.gone {
		b.Delete(rowKey(nil, d.num, g.Place, uint32(g.Actor), g.Seq))
		c.head.rows--
		c.head.print ^= g.Print
		c.head.bytes -= min(average, c.head.bytes)
	}
	for i := range c.again {
		c.add(c.again[i].key, c.again[i].row, c.again[i].print)
	}
	c.head.next = c.next
	key, value := numbered(kindHead, d.num), c.head.append(make([]byte, sumSize, 256+len(c.head.state)))
	put(b, key, value)
	b.DeleteRange(recordKey(d.num, 0), recordKey(d.num, c.next))
	if err := j.store.Apply(b, false); err != nil {
		return err
	}
	d.size = len(value) + int(c.head.bytes)
	d.logged -= c.covered
	if c.head.inRows() {
		d.head, d.early, d.strays = c.head, c.early, nil
	}
	return nil
}
