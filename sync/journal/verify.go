package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Report is what a check of stored data found.
type Report struct {
	Documents int
	Dots      uint64 // live ones
	Records   uint64
	Rows      uint64 // of checkpoints
	Strays    uint64 // rows left over from checkpoints that were cut short; harmless
	Entries   uint64 // of all kinds
	Bytes     uint64 // of keys and values
	Aside     []Damaged
	// Problems are those found first; More is how many others there are.
	Problems []Problem
	More     int
}

// Verify reads all that a replica keeps and checks it: that each entry is
// what was written and where it belongs; that each document can be put
// together from its head, rows and records; that they agree, with no dot under two
// payloads; and that units hold all that they claim. What was put aside is counted
// only. It takes the memory of one document at a time.
//
// r is the store of a replica that is not running, or a snapshot of one that is.
// Damage is in the report. An error means that the check could not be ended.
func Verify(ctx context.Context, r store.Reader, progress func(Progress)) (Report, error) {
	v := &verifier{reader: r, meter: meter{ctx: ctx, tell: progress}, docs: make(map[string]*document)}
	err := v.run()
	v.report.Entries, v.report.Bytes = v.meter.Entries, v.meter.Bytes
	return v.report, err
}

// verifier is a check under way.
type verifier struct {
	reader store.Reader
	meter  meter
	report Report
	docs   map[string]*document
}

func (v *verifier) problem(doc string, key []byte, err error) {
	if len(v.report.Problems) == maxProblems {
		v.report.More++
		return
	}
	v.report.Problems = append(v.report.Problems, Problem{doc, slices.Clone(key), err})
}

func (v *verifier) run() error {
	for _, step := range []func() error{v.identity, v.list, v.documents, v.aside, v.lost, v.foreign} {
		if err := step(); err != nil {
			return err
		}
	}
	return v.meter.report()
}

// scan is each for entries that belong to a document, or to none. Those that
// cannot be read, and what check refuses, become problems.
func (v *verifier) scan(doc string, from, to []byte, check func(*store.Entry) error) error {
	for e, err := range each(v.reader, from, to) {
		if len(e.Key) == 0 && !errors.Is(err, store.ErrCorrupt) {
			return err
		}
		if stop := v.meter.add(&e); stop != nil {
			return stop
		}
		if err == nil {
			err = check(&e)
		}
		if err != nil {
			v.problem(doc, e.Key, err)
		}
	}
	return nil
}

// identity checks the entries that there are one of.
func (v *verifier) identity() error {
	m, err := readMeta(v.reader)
	switch {
	case errors.Is(err, store.ErrVersion):
		return err
	case err != nil:
		v.problem("", metaKey, err)
	case m == nil:
		v.problem("", metaKey, errors.New("the store is empty"))
	}
	if _, err := readClock(v.reader); err != nil {
		v.problem("", clockKey, err)
	}
	for _, key := range [][]byte{metaKey, clockKey} {
		if err := v.scan("", key, after(key), accept); err != nil {
			return err
		}
	}
	return nil
}

// accept is the check of entries that are checked elsewhere.
func accept(*store.Entry) error { return nil }

// list reads the names.
func (v *verifier) list() error {
	taken := make(map[uint64]string)
	err := v.scan("", []byte{kindName}, []byte{kindName + 1}, func(e *store.Entry) error {
		name := string(e.Key[1:])
		num, err := parseName(e, nil)
		if err != nil {
			return err
		}
		if other, twice := taken[num]; twice {
			return fmt.Errorf("documents %q and %q have the number %d", other, name, num)
		}
		taken[num] = name
		v.docs[name] = &document{name: name, num: num}
		return nil
	})
	v.meter.Total = len(v.docs)
	return err
}

func (v *verifier) documents() error {
	docs := make([]*document, 0, len(v.docs))
	for _, d := range v.docs {
		docs = append(docs, d)
	}
	slices.SortFunc(docs, func(a, b *document) int { return strings.Compare(a.name, b.name) })
	for _, d := range docs {
		c := check{verifier: v, load: &Loading{reader: v.reader, doc: d}}
		if err := c.run(); err != nil {
			return err
		}
		v.report.Documents++
		v.meter.Documents++
		if err := v.meter.report(); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) aside() (err error) {
	err = v.scan("", []byte{kindAside}, []byte{kindAside + 1}, func(e *store.Entry) error {
		_, err := parseNote(e.Key, e.Value)
		return err
	})
	if err != nil {
		return err
	}
	err = v.scan("", spaceKey, after(spaceKey), func(e *store.Entry) error {
		_, err := open(e.Key, e.Value)
		return err
	})
	if err != nil {
		return err
	}
	err = v.scan("", []byte{kindQuarantine}, []byte{kindQuarantine + 1}, func(e *store.Entry) error {
		_, err := parseQuarantined(e)
		return err
	})
	if err != nil {
		return err
	}
	if v.report.Aside, err = aside(v.reader); err != nil {
		return unlessCorrupt(err)
	}
	for i := range v.report.Aside {
		v.meter.Entries += v.report.Aside[i].Entries
		v.meter.Bytes += v.report.Aside[i].Bytes
	}
	return nil
}

// lost looks for data under numbers that no document has.
func (v *verifier) lost() error {
	lost, err := orphans(v.reader, v.docs)
	if err != nil && !errors.Is(err, store.ErrCorrupt) {
		return err
	} else if err != nil {
		v.problem("", nil, err)
	}
	for _, num := range lost {
		x := Damaged{Number: num}
		if err := x.count(v.reader); err != nil {
			return unlessCorrupt(err)
		}
		v.meter.Entries += x.Entries
		v.meter.Bytes += x.Bytes
		v.problem("", nil, fmt.Errorf("%d entries with %d bytes have the number %d, which no document has: the entry of its name is damaged or lost", x.Entries, x.Bytes, num))
	}
	return nil
}

// foreign looks for entries that no journal writes.
func (v *verifier) foreign() error {
	kinds := []byte{kindClock, kindHead, kindRecord, kindMeta, kindName, kindAside, kindRow, kindSpace, kindQuarantine}
	unknown := func(*store.Entry) error { return errors.New("no key of a journal") }
	from := []byte{0}
	for _, kind := range kinds {
		if err := v.scan("", from, []byte{kind}, unknown); err != nil {
			return err
		}
		if from = []byte{kind + 1}; kind == kindClock || kind == kindMeta || kind == kindSpace {
			from = after([]byte{kind})
		}
	}
	return v.scan("", from, nil, unknown)
}

// check is that of one document.
type check struct {
	*verifier
	load  *Loading
	doc   crdt.Document
	found int // problems before it
}

func (c *check) run() error {
	d := c.load.doc
	c.found = len(c.report.Problems) + c.report.More
	if err := c.load.readHead(); errors.Is(err, store.ErrCorrupt) {
		c.problem(d.name, numbered(kindHead, d.num), err)
	} else if err != nil {
		return err
	}
	if err := c.load.Begin(&c.doc); err != nil {
		c.problem(d.name, numbered(kindHead, d.num), err)
	}
	for _, step := range []func() error{c.head, c.rows, c.records} {
		if err := step(); err != nil {
			return err
		}
	}
	c.whole()
	return nil
}

// sound reports whether nothing was found wrong with the document.
func (c *check) sound() bool { return len(c.report.Problems)+c.report.More == c.found }

func (c *check) head() error {
	num := c.load.doc.num
	return c.scan(c.load.doc.name, numbered(kindHead, num), numbered(kindHead, num+1), func(e *store.Entry) error {
		if len(e.Key) != 9 {
			return errors.New("no key of a head")
		}
		return nil
	})
}

// rows puts the rows back as they were when the head was written, before the
// records change anything.
func (c *check) rows() error {
	l, num := c.load, c.load.doc.num
	err := c.scan(l.doc.name, numbered(kindRow, num), numbered(kindRow, num+1), func(e *store.Entry) error {
		if l.copy != nil {
			return l.take(e)
		}
		c.report.Strays++
		_, err := open(e.Key, e.Value)
		return err
	})
	c.report.Rows += l.Done
	c.report.Strays += uint64(len(l.strays))
	if err != nil || l.copy == nil {
		return err
	}
	if err := l.whole(); err != nil {
		c.problem(l.doc.name, numbered(kindHead, num), err)
		l.copy.State().EndRestore()
	}
	return nil
}

func (c *check) records() error {
	l, num := c.load, c.load.doc.num
	err := c.scan(l.doc.name, numbered(kindRecord, num), numbered(kindRecord, num+1), func(e *store.Entry) error {
		rec, err := l.record(e)
		if err != nil {
			if len(e.Key) == recordKeySize {
				l.next = positionOf(e.Key) + 1
			}
			return err
		}
		c.report.Records++
		return c.merge(rec)
	})
	if err == nil && l.head == nil && c.sound() && l.logged == 0 {
		c.problem(l.doc.name, nameKey(l.doc.name), errors.New("there is neither a checkpoint nor a record"))
	}
	return err
}

// merge merges a record and checks that a unit needs nothing else.
func (c *check) merge(rec replica.Record) error {
	f, err := rec.Delta.Open()
	if err != nil {
		return err
	}
	if rec.Unit && !f.Fits(&kernel.State{}) {
		return fmt.Errorf("a unit that is not closed: %w", delta.ErrUnfit)
	}
	return c.doc.MergeFrame(f)
}

// whole checks the document that was put together.
func (c *check) whole() {
	s := c.doc.State()
	c.report.Dots += uint64(s.Dots())
	if n := s.Conflicts(); n > 0 {
		c.problem(c.load.doc.name, nil, fmt.Errorf("%d times one dot has two payloads", n))
	}
	if !c.sound() {
		return
	}
	if err := s.Verify(); err != nil {
		c.problem(c.load.doc.name, nil, err)
	}
}
