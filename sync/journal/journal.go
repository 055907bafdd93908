package journal

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Errors of Open.
var (
	// ErrIdentity means that the store is another replica's.
	ErrIdentity = errors.New("journal: the store belongs to another replica")
	// ErrSpace means that the store is of another space.
	ErrSpace = errors.New("journal: the store holds another space")
)

// Config says how a journal is opened.
type Config struct {
	// ID is who the replica has to be; zero is whoever the store says.
	ID causal.ID
	// Space is the space that the store has to be of; "" takes any. An empty store
	// becomes one of it.
	Space string
	// NewID is who it becomes if ID is zero and the store is empty. Required then.
	NewID causal.ID
	// SmallState is up to what size, in bytes, a document's checkpoint is one
	// encoded state. Default 64 KiB.
	SmallState int
	// MinRecords is how many bytes of records a document has at least before a
	// checkpoint pays. Default 16 KiB.
	MinRecords int
	// Now tells the time for notes on damage. Default time.Now.
	Now func() time.Time
}

// Start is what a replica has to know of its earlier life.
type Start struct {
	ID causal.ID
	// Incarnation is that of the earlier start if the replica may go on under it,
	// else 0.
	Incarnation uint64
	// Mark is the greatest timestamp that it may have given out.
	Mark hlc.Time
	// Floor is the greatest number that Incarnation gave to an event of a document
	// that was forgotten.
	Floor uint64
	// Copied is set if the files were copied, restored or moved since the earlier
	// start. What the replica did after the copy was made is unknown to it.
	Copied bool
	// Damaged is what was found damaged and does not keep the replica from going
	// on: see [Journal.Aside]. If there is any, it goes on under a new incarnation.
	Damaged []error
}

// Journal is one replica's store. Its methods may be called concurrently; what
// belongs to one document must come in the order in which it happened.
type Journal struct {
	store store.Store
	cfg   Config

	mu    sync.Mutex
	meta  meta
	clock clock
	docs  map[string]*document
	next  uint64 // number of the next new document
	due   []*document
	batch store.Batch
	aside bool // a document was put aside since the start

	quarantined uint64 // payloads in quarantine, and number of the next
}

// document is what the journal knows of one document.
type document struct {
	name    string
	num     uint64
	pos     uint64 // of the next record
	logged  int    // bytes of the records that no checkpoint covers
	size    int    // bytes of the last checkpoint
	fresh   bool   // its name is not in the store yet
	due     bool
	loaded  bool
	placed  bool // pos is known: its records were read, or it has none
	pending bool // a checkpoint is under way

	forgotten bool // nothing of it is to be kept

	// For documents whose last checkpoint is in rows.
	head   *head
	gone   []kernel.Gone      // dead dots that have a row, besides those that the state collects
	early  map[causal.Dot]int // how much of what the state collects of a dot is from before its row was written
	strays [][]byte           // keys of rows that belong to no checkpoint
}

// Open opens the journal in a store, which the caller goes on owning, and takes
// back, durably, the note that the last start ended cleanly. A damaged entry
// does not keep it from opening, unless it is the one that says who the replica
// is: see Start.Damaged.
func Open(s store.Store, cfg Config) (*Journal, Start, error) {
	if cfg.SmallState == 0 {
		cfg.SmallState = 64 << 10
	}
	if cfg.MinRecords == 0 {
		cfg.MinRecords = 16 << 10
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	j := &Journal{store: s, cfg: cfg, docs: make(map[string]*document)}
	start, err := j.begin()
	if err != nil {
		return nil, start, err
	}
	if err := j.list(&start); err != nil {
		return nil, start, err
	}
	if len(start.Damaged) > 0 {
		start.Incarnation = 0
	}
	return j, start, nil
}

// begin finds out who the replica is and consumes the note of a clean end.
func (j *Journal) begin() (start Start, err error) {
	old, err := readMeta(j.store)
	if err != nil {
		return start, err
	}
	last, err := readClock(j.store)
	if start.Mark, start.Floor = last.mark, last.floor; errors.Is(err, store.ErrCorrupt) {
		start.Damaged = append(start.Damaged, fmt.Errorf("journal: the clock's mark is lost, timestamps begin again at the time of day: %w", err))
	} else if err != nil {
		return start, err
	}
	if err := j.checkSpace(); err != nil {
		return start, err
	}
	origin, err := j.store.Origin()
	if err != nil {
		return start, err
	}
	start.ID = j.cfg.ID
	if start.ID.IsZero() {
		start.ID = j.cfg.NewID
	}
	if old != nil {
		if !j.cfg.ID.IsZero() && old.id != j.cfg.ID {
			return start, fmt.Errorf("%w: it is of %v, not of %v", ErrIdentity, old.id, j.cfg.ID)
		}
		start.ID = old.id
		start.Copied = old.origin != origin
		if old.clean && !start.Copied {
			start.Incarnation = old.incarnation
		}
	}
	if start.ID.IsZero() {
		return start, errors.New("journal: the store is empty and no ID was given")
	}
	if origin, err = j.store.NewOrigin(); err != nil {
		return start, err
	}
	j.meta, j.clock = meta{format: format, id: start.ID, origin: origin}, last
	return start, j.writeMeta()
}

func (j *Journal) writeMeta() error {
	var b store.Batch
	j.meta.put(&b)
	if j.cfg.Space != "" {
		putSpace(&b, j.cfg.Space)
	}
	return j.store.Apply(&b, true)
}

// Docs returns the names of all documents in byte order.
func (j *Journal) Docs() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	names := make([]string, 0, len(j.docs))
	for name := range j.docs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Life is what goes with records: as whom the replica mints dots, and its clock.
type Life struct {
	Incarnation uint64
	Mark        hlc.Time
	Floor       uint64
}

// Append keeps records. With sync they are on the disk when it returns, with all
// that was appended before. Checkpoints that were captured after these records
// were made are handed in with them. An error means that nothing is known of
// the fate of the records and that no more are taken.
func (j *Journal) Append(records []replica.Record, life Life, sync bool, captured ...*Checkpoint) error {
	j.mu.Lock()
	b := &j.batch
	b.Reset()
	if life.Incarnation != j.meta.incarnation {
		j.meta.incarnation = life.Incarnation
		j.meta.put(b)
	}
	if life.Mark > j.clock.mark || life.Floor != j.clock.floor {
		j.clock = clock{max(life.Mark, j.clock.mark), life.Floor}
		j.clock.put(b)
	}
	for i := range records {
		if err := j.append(b, &records[i]); err != nil {
			j.mu.Unlock()
			return err
		}
	}
	for _, c := range captured {
		c.next, c.covered = c.doc.pos, c.doc.logged
	}
	if b.Len() == 0 {
		j.mu.Unlock()
		if sync {
			return j.store.Sync()
		}
		return nil
	}
	err := j.store.Apply(b, false)
	if b.Bytes() > maxSpare {
		j.batch = store.Batch{}
	}
	j.mu.Unlock()
	if err == nil && sync {
		err = j.store.Sync()
	}
	return err
}

// maxSpare bounds the memory that is kept for the next batch, in bytes, about.
const maxSpare = 256 << 10

func (j *Journal) append(b *store.Batch, rec *replica.Record) error {
	d := j.docs[rec.Doc]
	if rec.Forget {
		j.forget(b, d)
		return nil
	}
	if d == nil {
		d = j.add(rec.Doc)
	}
	if !d.placed {
		return fmt.Errorf("journal: a record of document %q, whose records were not loaded; Load it or put it aside first", rec.Doc)
	}
	if d.fresh {
		d.fresh = false
		putName(b, d.name, d.num)
	}
	d.put(b, rec)
	if !d.due && d.loaded && d.logged > j.limit(d) {
		d.due = true
		j.due = append(j.due, d)
	}
	return nil
}

// add makes a document that is not in the store yet.
func (j *Journal) add(name string) *document {
	d := &document{name: name, num: j.next, loaded: true, placed: true, fresh: true}
	j.next++
	j.docs[name] = d
	return d
}

// put adds the document's next record.
func (d *document) put(b *store.Batch, rec *replica.Record) {
	key := recordKey(d.num, d.pos)
	b.Put(key, recordValue(key, rec))
	d.pos++
	d.logged += len(rec.Delta) + recordCost
}

// recordCost is what a record takes besides its delta, in bytes, about.
const recordCost = 32

// limit is how many bytes of records a document may have before a checkpoint
// pays: writing a whole state again is worth less often than writing rows.
func (j *Journal) limit(d *document) int {
	part := 2
	if d.head != nil {
		part = 8
	}
	return max(j.cfg.MinRecords, d.size/part)
}

// Due returns a document whose records are worth a checkpoint, and forgets it.
func (j *Journal) Due() (name string, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.due) > 0 {
		d := j.due[0]
		j.due = j.due[1:]
		d.due = false
		if !d.pending && j.docs[d.name] == d {
			return d.name, true
		}
	}
	return "", false
}

// Close makes everything durable and notes that the replica ended cleanly, so
// that it may go on under its incarnation. Call it after the last Append, and
// only if the replica mints nothing more. After a document was put aside nothing
// is noted: what is missing of it may be events of this very incarnation.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.store.Sync(); err != nil {
		return err
	}
	if j.aside {
		return nil
	}
	j.meta.clean = true
	return j.writeMeta()
}
