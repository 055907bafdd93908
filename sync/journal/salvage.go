package journal

import (
	"bytes"
	"errors"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// salvage returns what is whole of a damaged document, as records. They claim only
// events all of whose effects they hold, so whoever merges them into an empty
// document knows less than the document did, and nothing that is not so:
//
//   - The state in a head is whole, or does not open.
//   - Rows with their head: what the context claims and no row is of, is dead. A
//     row that cannot be read is of a dot that lives, so it has killed nothing that
//     is counted, and its event is left out of the claims. That holds only
//     if all rows are there, readable or not.
//   - A record is closed unless it leaves out what its receiver had; then it is
//     whole after those that fill that in.
func salvage(r store.Reader, d *document) ([]replica.Record, error) {
	s := salvager{reader: r, doc: d}
	if err := s.head(); err != nil {
		return nil, err
	}
	return s.records, s.log()
}

// salvager collects records.
type salvager struct {
	reader  store.Reader
	doc     *document
	state   kernel.State // of what was collected
	records []replica.Record
}

// keep collects a delta if it is whole after those before it.
func (s *salvager) keep(rec replica.Record, f *delta.Frame) {
	if f.Merge(&s.state) == nil {
		rec.Doc = s.doc.name
		s.records = append(s.records, rec)
	}
}

// head collects the checkpoint. Only an error that is no damage ends it.
func (s *salvager) head() error {
	l := &Loading{reader: s.reader, doc: &document{name: s.doc.name, num: s.doc.num}}
	err := l.readHead()
	if err != nil || l.head == nil {
		return unlessCorrupt(err)
	}
	state := l.head.state
	if l.head.inRows() {
		if state, err = l.remains(); err != nil {
			return err
		}
	}
	if f, err := state.Open(); err == nil {
		s.keep(replica.Record{Delta: state}, f)
	}
	return nil
}

// maxSalvage bounds the rows that are salvaged, in bytes: they are encoded as one
// state in memory.
const maxSalvage = 256 << 20

// remains returns a state of the rows that can be read, nil if rows are missing.
func (l *Loading) remains() (delta.Delta, error) {
	var d crdt.Document
	if l.head.bytes > maxSalvage || l.Begin(&d) != nil {
		return nil, nil
	}
	var broken []causal.Dot
	for e, err := range each(l.reader, l.from, numbered(kindRow, l.doc.num+1)) {
		if len(e.Key) == 0 {
			return nil, unlessCorrupt(err)
		}
		if err == nil {
			err = l.take(&e)
		}
		if err == nil {
			continue
		}
		if dot, ok := l.head.dotOf(e.Key); ok {
			l.Done++
			broken = append(broken, dot)
		}
	}
	if l.Done != l.Rows || len(broken) == 0 && l.print != l.head.print {
		return nil, nil
	}
	s := d.State()
	s.EndRestore()
	for _, dot := range broken {
		s.Forget(s.Intern(dot.Actor), causal.Range{Lo: dot.Seq, Hi: dot.Seq})
	}
	s.Sweep()
	return delta.AppendState(nil, s), nil
}

// dotOf returns the dot of a row's key, if the head claims it.
func (h *head) dotOf(key []byte) (causal.Dot, bool) {
	if len(key) != rowKeySize {
		return causal.Dot{}, false
	}
	actor, seq := parseRowKey(key)
	if int(actor) >= len(h.actors) || !h.actors[actor].seen.Contains(seq) {
		return causal.Dot{}, false
	}
	return causal.Dot{Actor: h.actors[actor].id, Seq: seq}, true
}

// log collects the records that can be opened.
func (s *salvager) log() error {
	for e, err := range each(s.reader, numbered(kindRecord, s.doc.num), numbered(kindRecord, s.doc.num+1)) {
		if len(e.Key) == 0 {
			return unlessCorrupt(err)
		}
		if err != nil {
			continue
		}
		if rec, f, err := parseRecord(e.Key, bytes.Clone(e.Value)); err == nil {
			s.keep(rec, f)
		}
	}
	return nil
}

func unlessCorrupt(err error) error {
	if errors.Is(err, store.ErrCorrupt) {
		return nil
	}
	return err
}
