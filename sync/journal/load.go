package journal

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Loading is a document on its way back into memory: Begin, then Records, then
// rows until Next says that it is done. Fetch may be called in between. It is
// not safe for concurrent use, and the document must not be captured before it
// is done.
type Loading struct {
	// Rows and Done count the rows there are and those that are back.
	Rows, Done uint64

	reader  store.Reader
	journal *Journal // nil if nobody goes on with the document
	doc     *document
	copy    *crdt.Document
	head    *head
	index   []kernel.Index // of the head's actors
	from    []byte         // key of the next row
	print   uint64         // of the rows so far
	gone    []kernel.Gone  // rows of dots that are dead by now
	strays  [][]byte
	next    uint64 // position of the next record
	logged  int    // bytes of the records
	fetched map[uint64]struct{}
}

// Load begins to load a document. A document that is not there is empty.
func (j *Journal) Load(name string) (*Loading, error) {
	j.mu.Lock()
	d := j.docs[name]
	j.mu.Unlock()
	if d == nil {
		return &Loading{}, nil
	}
	l := &Loading{reader: j.store, journal: j, doc: d, fetched: make(map[uint64]struct{})}
	if err := l.readHead(); err != nil {
		return nil, l.error(err)
	}
	return l, nil
}

// readHead reads the head, if there is one.
func (l *Loading) readHead() error {
	key := numbered(kindHead, l.doc.num)
	v, err := get(l.reader, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := parseHead(key, v)
	if err != nil {
		return err
	}
	l.head, l.next, l.from = h, h.next, numbered(kindRow, l.doc.num)
	l.doc.size = len(v) + int(min(h.bytes, math.MaxInt32))
	return nil
}

func (l *Loading) error(err error) error {
	return fmt.Errorf("journal: document %q: %w", l.doc.name, err)
}

// Begin gives the document the state or context of its checkpoint.
func (l *Loading) Begin(d *crdt.Document) error {
	if l.head == nil {
		return nil
	}
	if !l.head.inRows() {
		if err := d.Merge(l.head.state); err != nil {
			return l.error(corrupt(numbered(kindHead, l.doc.num), "%w", err))
		}
		return nil
	}
	l.copy, l.Rows = d, l.head.rows
	s := d.State()
	s.StartRestore()
	for i := range l.head.actors {
		a := &l.head.actors[i]
		at := s.Intern(a.id)
		l.index = append(l.index, at)
		s.Claim(at, a.seen...)
		s.Kill(at, a.ahead...)
	}
	s.TrackGone()
	return nil
}

// Records yields what was appended since the checkpoint, in order. From its end
// on the document takes further records.
func (l *Loading) Records() iter.Seq2[replica.Record, error] {
	return func(yield func(replica.Record, error) bool) {
		if l.doc == nil || l.doc.fresh {
			return
		}
		for e, err := range l.reader.Scan(recordKey(l.doc.num, l.next), numbered(kindRecord, l.doc.num+1)) {
			if err != nil {
				yield(replica.Record{}, l.error(err))
				return
			}
			rec, err := l.record(&e)
			if err != nil {
				yield(rec, l.error(err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
		if l.head == nil && l.logged == 0 {
			yield(replica.Record{}, l.error(corrupt(nameKey(l.doc.name), "there is neither a checkpoint nor a record")))
			return
		}
		l.place()
	}
}

// record reads the next record. Positions have no gaps: one that is missing was
// not cut off by a crash, which takes the last ones.
func (l *Loading) record(e *store.Entry) (replica.Record, error) {
	rec, _, err := parseRecord(e.Key, e.Value)
	if err != nil {
		return rec, err
	}
	if pos := positionOf(e.Key); pos != l.next {
		return rec, corrupt(recordKey(l.doc.num, l.next), "records %d to %d are missing", l.next, pos-1)
	}
	rec.Doc, rec.Delta = l.doc.name, bytes.Clone(rec.Delta)
	l.next++
	l.logged += len(rec.Delta) + recordCost
	return rec, nil
}

// place tells the document where its next record belongs.
func (l *Loading) place() {
	if l.journal == nil {
		return
	}
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	if d := l.doc; !d.placed {
		d.pos, d.logged, d.placed = l.next, l.logged, true
	}
}

// Fetch brings back the rows of one place, for whoever wants to read or write
// there before the others are back.
func (l *Loading) Fetch(place uint64) error {
	if l.copy == nil {
		return nil
	}
	if _, ok := l.fetched[place]; ok {
		return nil
	}
	to := numbered(kindRow, l.doc.num, place+1)
	if place+1 == 0 {
		to = numbered(kindRow, l.doc.num+1)
	}
	for e, err := range l.reader.Scan(numbered(kindRow, l.doc.num, place), to) {
		if err == nil {
			_, _, err = l.restore(&e)
		}
		if err != nil {
			return l.error(err)
		}
	}
	l.copy.State().Sweep()
	l.fetched[place] = struct{}{}
	return nil
}

// Next brings back about n more rows and reports whether the document is whole.
func (l *Loading) Next(n int) (done bool, err error) {
	if l.copy == nil {
		l.finish()
		return true, nil
	}
	for e, err := range l.reader.Scan(l.from, numbered(kindRow, l.doc.num+1)) {
		if err != nil {
			return false, l.error(err)
		}
		if n--; n < 0 {
			l.from = append([]byte(nil), e.Key...)
			l.copy.State().Sweep()
			return false, nil
		}
		if err := l.take(&e); err != nil {
			return false, l.error(err)
		}
	}
	if err := l.whole(); err != nil {
		return false, l.error(err)
	}
	l.finish()
	return true, nil
}

// whole ends the restoring if exactly the rows are back that were written.
func (l *Loading) whole() error {
	key := numbered(kindHead, l.doc.num)
	switch {
	case l.Done != l.Rows:
		return corrupt(key, "%d of %d rows are there", l.Done, l.Rows)
	case l.print != l.head.print:
		return corrupt(key, "the rows are not those that were written")
	}
	s := l.copy.State()
	s.EndRestore()
	s.Sweep()
	return nil
}

// take restores a row and counts it.
func (l *Loading) take(e *store.Entry) error {
	g, lives, err := l.restore(e)
	switch {
	case err != nil:
		return err
	case g.Seq == 0:
		l.strays = append(l.strays, append([]byte(nil), e.Key...))
		return nil
	case !lives:
		l.gone = append(l.gone, g)
	}
	l.Done++
	l.print ^= g.Print
	return nil
}

// restore puts a row back and returns what it is of, and whether that lives.
// The dot is zero if the row is left over from a checkpoint that was cut short.
func (l *Loading) restore(e *store.Entry) (g kernel.Gone, lives bool, err error) {
	if len(e.Key) != rowKeySize {
		return g, false, corrupt(e.Key, "no key of a row")
	}
	v, err := open(e.Key, e.Value)
	if err != nil {
		return g, false, err
	}
	actor, seq := parseRowKey(e.Key)
	if int(actor) >= len(l.head.actors) || !l.head.actors[actor].seen.Contains(seq) {
		return g, false, nil
	}
	x, err := parseRow(e.Key, v)
	if err != nil {
		return g, false, err
	}
	s := l.copy.State()
	g = kernel.Gone{Dot: kernel.Dot{Actor: l.index[actor], Seq: seq}, Place: placeOf(e.Key)}
	g.Print, lives = s.Restore(g.Actor, seq, x.payload(s))
	return g, lives, nil
}

func (l *Loading) finish() {
	if l.journal == nil {
		return
	}
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	d := l.doc
	d.loaded = true
	if l.copy != nil {
		d.head, d.gone, d.strays = l.head, l.gone, l.strays
	}
}
