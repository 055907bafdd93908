package replica

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Load merges a record that was kept before, without sending anything. Units
// are there for others again. It is meant for the time before the first Connect.
func (r *Replica) Load(rec Record) error {
	if rec.Forget {
		if d := r.docs[rec.Doc]; d != nil {
			r.remove(d)
		}
		return nil
	}
	f, err := rec.Delta.Open()
	if err != nil {
		return fmt.Errorf("replica: record of document %q: %w", rec.Doc, err)
	}
	if err := message.CheckName(rec.Doc); err != nil {
		return err
	}
	d := r.open(rec.Doc)
	d.copy.State().Observe(nil) // it is no news
	defer d.observe()
	if err := d.copy.MergeFrame(f); err != nil {
		return fmt.Errorf("replica: record of document %q: %w", rec.Doc, err)
	}
	if rec.Unit {
		r.log.Append(rec.Doc, rec.Delta, f.Claims())
	}
	d.restored()
	return nil
}

// Restore lets fn put back what was kept of a document, which is created by
// need, before its records are loaded. As long as a document is partial the
// replica must not go online. The document can be read and written at the places
// that are back.
func (r *Replica) Restore(doc string, fn func(*crdt.Document) error) error {
	if err := message.CheckName(doc); err != nil {
		return err
	}
	d := r.open(doc)
	d.copy.State().Observe(nil)
	defer d.observe()
	defer d.restored()
	return fn(d.copy)
}

// restored notes that the document has changed to what it was before.
func (d *document) restored() {
	d.unsettle()
	if len(d.replica.recent) < maxHints { // of many, a survey finds what the others lack
		d.tellLater()
	}
	d.settleConflicts()
	d.replica.notice(d)
}

// Restored says that a document is whole.
func (r *Replica) Restored(doc string) {
	if d := r.docs[doc]; d != nil {
		d.restored()
	}
}

// Discard forgets a document that turned out damaged while it was loaded. Its
// own events may be among what is lost, so the replica takes a new incarnation.
func (r *Replica) Discard(doc string, why Alarm) {
	if d := r.docs[doc]; d != nil {
		r.remove(d)
	}
	r.reincarnate(why)
}
