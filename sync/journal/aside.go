package journal

import (
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Damaged is a document that was put aside.
type Damaged struct {
	Doc    string
	Number uint64 // under which its entries are kept
	Since  time.Time
	Why    string
	// Entries and Bytes are what is kept of it.
	Entries, Bytes uint64
	// Err is set if the note itself is damaged; Doc, Since and Why are unknown then.
	Err error
}

// note says what was put aside.
type note struct {
	doc  string
	when time.Time
	why  string
}

// maxWhy bounds the reason in a note, in bytes.
const maxWhy = 4 << 10

func putNote(b *store.Batch, num uint64, n note) {
	v := wire.AppendBin(make([]byte, sumSize, 64+len(n.doc)+len(n.why)), n.doc)
	v = wire.AppendUint(v, uint64(max(n.when.Unix(), 0)))
	put(b, numbered(kindAside, num), wire.AppendBin(v, n.why[:min(len(n.why), maxWhy)]))
}

func parseNote(key, value []byte) (n note, err error) {
	v, err := open(key, value)
	if err != nil {
		return n, err
	}
	r := wire.NewReader(v)
	n.doc = string(r.Bin())
	n.when = time.Unix(int64(min(r.Uint(), 1<<40)), 0)
	n.why = string(r.Bin())
	if r.Err() != nil || r.Len() > 0 || len(key) != 9 {
		return note{}, corrupt(key, "no note: %v", r.Err())
	}
	return n, nil
}

// PutAside gives a document that was found damaged up. Nothing of it is deleted:
// its entries stay as they are under its number, with a note that [Journal.Aside]
// shows, and the name is free for a new beginning. It returns what can be
// told for certain to be whole, for the state machine to load into an empty
// document; the others have to fill what is missing. The name, the note and what
// is returned, which need not be appended again, are durable when it returns.
//
// Nothing of the damaged document that is in memory may be used any more. What is
// missing may be events of the present incarnation, so nothing may be minted under
// that any more, either; a new one has to be taken.
func (j *Journal) PutAside(name string, reason error) (salvaged []replica.Record, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := j.docs[name]
	if d == nil || d.fresh {
		return nil, fmt.Errorf("journal: document %q is not in the store, so it cannot be put aside", name)
	}
	if salvaged, err = salvage(j.store, d); err != nil {
		return nil, err
	}
	var b store.Batch
	again := j.restart(&b, d, salvaged)
	if b.Err() != nil { // too much for a batch
		salvaged = nil
		b.Reset()
		again = j.restart(&b, d, nil)
	}
	putNote(&b, d.num, note{name, j.cfg.Now(), fmt.Sprint(reason)})
	if err := j.store.Apply(&b, true); err != nil {
		return nil, fmt.Errorf("journal: document %q cannot be put aside: %w", name, err)
	}
	j.next++
	j.aside = true
	j.docs[name] = again
	return salvaged, nil
}

// restart adds to a batch what makes the document one that has only these records.
func (j *Journal) restart(b *store.Batch, d *document, records []replica.Record) *document {
	again := &document{name: d.name, num: j.next, loaded: true, placed: true, fresh: len(records) == 0}
	if again.fresh {
		b.Delete(nameKey(d.name))
		return again
	}
	putName(b, d.name, again.num)
	for i := range records {
		again.put(b, &records[i])
	}
	return again
}

// Aside returns what lies aside, in the order in which the documents were made.
// It reads their entries to count them.
func (j *Journal) Aside() ([]Damaged, error) { return aside(j.store) }

func aside(r store.Reader) (list []Damaged, err error) {
	for e, err := range each(r, []byte{kindAside}, []byte{kindAside + 1}) {
		if len(e.Key) != 9 {
			if err == nil {
				continue
			}
			return list, err
		}
		x := Damaged{Number: numberOf(e.Key), Err: err}
		if err == nil {
			var n note
			n, x.Err = parseNote(e.Key, e.Value)
			x.Doc, x.Since, x.Why = n.doc, n.when, n.why
		}
		list = append(list, x)
	}
	for i := range list {
		if err := list[i].count(r); err != nil {
			return list, err
		}
	}
	return list, nil
}

// count counts the entries that can be read, and those that cannot as empty.
func (x *Damaged) count(r store.Reader) error {
	for _, kind := range []byte{kindHead, kindRecord, kindRow} {
		for e, err := range each(r, numbered(kind, x.Number), numbered(kind, x.Number+1)) {
			if len(e.Key) == 0 {
				return err
			}
			x.Entries++
			x.Bytes += uint64(len(e.Key) + len(e.Value))
		}
	}
	return nil
}
