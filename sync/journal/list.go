package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/store"
)

// damagedName is an entry of the list of documents whose number is unknown.
type damagedName struct {
	name  string
	value []byte // nil if it cannot be read
	err   error
}

// list reads which documents there are. Those whose entry is damaged get their
// number back if it can only be one, and are put aside else.
func (j *Journal) list(start *Start) error {
	bad, err := j.names(start)
	if err != nil {
		return err
	}
	if err := j.skipUsed(); err != nil {
		return err
	}
	for e := range each(j.store, []byte{kindQuarantine}, []byte{kindQuarantine + 1}) {
		if len(e.Key) == 9 {
			j.quarantined = binary.BigEndian.Uint64(e.Key[1:]) + 1
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return j.rename(bad, start)
}

// names reads the list of documents and returns the damaged entries.
func (j *Journal) names(start *Start) (bad []damagedName, err error) {
	taken := make(map[uint64]struct{})
	for e, err := range each(j.store, []byte{kindName}, []byte{kindName + 1}) {
		if err != nil && !errors.Is(err, store.ErrCorrupt) {
			return nil, fmt.Errorf("journal: the list of documents cannot be read: %w", err)
		}
		if len(e.Key) == 0 {
			start.Damaged = append(start.Damaged, fmt.Errorf("journal: the list of documents cannot be read to its end: %w", err))
			break
		}
		name := string(e.Key[1:])
		num, err := parseName(&e, err)
		if _, twice := taken[num]; twice && err == nil {
			err = corrupt(e.Key, "two documents with the number %d", num)
		}
		if err != nil {
			bad = append(bad, damagedName{name, bytes.Clone(e.Value), err})
			continue
		}
		taken[num] = struct{}{}
		j.docs[name] = &document{name: name, num: num}
		if num+1 > j.next {
			j.next = num + 1
		}
	}
	return bad, nil
}

// parseName returns the number in an entry of the list. err is what the store
// said of it.
func parseName(e *store.Entry, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	if err := message.CheckName(string(e.Key[1:])); err != nil {
		return 0, corrupt(e.Key, "%w", err)
	}
	v, err := open(e.Key, e.Value)
	if err == nil && len(v) != 8 {
		err = corrupt(e.Key, "a document's number has %d bytes", len(v))
	}
	if err != nil {
		return 0, err
	}
	num := binary.BigEndian.Uint64(v)
	if num >= maxNumber {
		return 0, corrupt(e.Key, "document number %d", num)
	}
	return num, nil
}

// maxNumber is above the number of any document.
const maxNumber = 1 << 62

// farther is how far numbers jump where nobody can tell which are in use.
const farther = 1 << 40

// skipUsed takes care that no new document gets a number under which there is
// data of another, whose entry in the list may be lost.
func (j *Journal) skipUsed() error {
	for _, kind := range []byte{kindHead, kindRecord, kindRow, kindAside} {
		for {
			key, err := first(j.store, numbered(kind, j.next), []byte{kind + 1})
			switch {
			case err != nil && (!errors.Is(err, store.ErrCorrupt) || j.next >= maxNumber):
				return err
			case err != nil: // what cannot be read has lower numbers, or else it is in the way again
				j.next = max(2*j.next, farther)
				continue
			case len(key) >= 9 && numberOf(key) < maxNumber:
				j.next = numberOf(key) + 1
				continue
			}
			break
		}
	}
	return nil
}

// rename gives documents whose number is unknown another one.
func (j *Journal) rename(bad []damagedName, start *Start) error {
	lost, err := orphans(j.store, j.docs)
	if err != nil && !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	var b store.Batch
	if len(bad) == 1 && len(lost) == 1 && err == nil {
		d := &document{name: bad[0].name, num: lost[0]}
		j.docs[d.name] = d
		putName(&b, d.name, d.num)
		start.Damaged = append(start.Damaged, fmt.Errorf("journal: document %q: its entry in the list was damaged and is mended: %w", d.name, bad[0].err))
		return j.store.Apply(&b, true)
	}
	for i := range bad {
		n := &bad[i]
		why := fmt.Errorf("journal: document %q: its number is lost; it is one of %d: %w", n.name, lost, n.err)
		putNote(&b, j.next, note{n.name, j.cfg.Now(), fmt.Sprintf("%v (the entry was %x)", why, n.value)})
		b.Delete(nameKey(n.name))
		j.next++
		start.Damaged = append(start.Damaged, why)
	}
	j.aside = true
	return j.store.Apply(&b, true)
}

// orphans returns the numbers under which there is data of no document and of
// none that was put aside. It goes on behind what is damaged, if it can.
func orphans(r store.Reader, docs map[string]*document) (lost []uint64, odd error) {
	known := make(map[uint64]struct{}, len(docs))
	for _, d := range docs {
		known[d.num] = struct{}{}
	}
	for _, kind := range []byte{kindAside, kindHead, kindRecord, kindRow} {
		for num, err := range numbers(r, kind) {
			if err != nil {
				odd = errors.Join(odd, err)
				continue
			}
			if _, ok := known[num]; ok {
				continue
			}
			known[num] = struct{}{}
			if kind != kindAside {
				lost = append(lost, num)
			}
		}
	}
	return lost, odd
}
