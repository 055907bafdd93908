package reconcile

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// The kinds of tables.
const (
	kindCoarse = iota
	kindCells
	kindLists
	kindPrints
)

// coarse is the size in bytes, beside the sketch's, above which lists are not
// sent if nearly all buckets differ: finer buckets will do better.
const coarse = 4 << 10

// Reply is what the answerer has to say.
type Reply struct {
	// Table goes to the opener.
	Table []byte
	// Common is what both had seen when the opener took its cut. Whatever the
	// answerer has seen beyond it now is news for the opener; where both go in
	// one message, they must be of one moment.
	Common causal.Context
}

// Answer answers a sketch for the context that was sent to the opener, pulled. It costs
// O(blocks with live dots), and the live dots of the differing buckets.
func Answer(s *kernel.State, pulled causal.Context, sketch []byte) (Reply, error) {
	k, err := parseSketch(sketch, &pulled)
	if err != nil {
		return Reply{}, err
	}
	if s.IsPartial() {
		return Reply{}, ErrPartial
	}
	if own := s.Context(); !own.Covers(pulled) {
		return Reply{}, fmt.Errorf("%w: sketch for a context that was not seen here", ErrForeign)
	}
	common := pulled.Minus(k.lacks)
	v, err := newSurvey(s, &common)
	if err != nil {
		return Reply{}, err
	}
	if err := k.fits(&v.space); err != nil {
		return Reply{}, err
	}
	a := answerer{sketch: k, survey: v, s: s}
	a.compare()
	return Reply{seal(a.table(), 0), common}, nil
}

type answerer struct {
	*sketch
	*survey
	s         *kernel.State
	differing []uint64
}

// compare finds the buckets that differ.
func (a *answerer) compare() {
	theirs := bitReader{buf: a.packed}
	for i, own := range a.prints(a.survey) {
		if own != theirs.get(a.bits) {
			a.differing = append(a.differing, uint64(i))
		}
	}
}

// table chooses what says least.
func (a *answerer) table() []byte {
	const unlimited = 1 << 62
	m := uint64(len(a.differing))
	switch {
	case a.effort == thorough:
		b, _ := a.lists(kindPrints, unlimited)
		return b
	case a.effort == listed || m == 0:
		b, _ := a.lists(kindLists, unlimited)
		return b
	}
	per := cellsFor(estimate(m, a.buckets, max(a.sketch.live, a.survey.live)-min(a.sketch.live, a.survey.live)))
	if a.effort == twice {
		per *= 2
	}
	limit := packed(hashes*per, a.cellBits(m)) * 3 / 2
	isCoarse := m > a.buckets*3/4 && a.width > 1 && a.buckets < maxBuckets/2
	if isCoarse {
		limit = uint64(coarse + 2*len(a.packed))
	} else if per > maxCells {
		limit = unlimited
	}
	if b, ok := a.lists(kindLists, limit); ok {
		return b
	}
	if isCoarse {
		return wire.AppendUint(a.head(kindCoarse), m)
	}
	return a.cells(per)
}

func (a *answerer) head(kind uint64) []byte {
	return wire.AppendUint(wire.AppendUint(nil, a.salt), kind)
}

// begin returns what cells and lists begin with.
func (a *answerer) begin(kind uint64) []byte {
	dst := wire.AppendUint(a.head(kind), uint64(len(a.differing)))
	next := uint64(0)
	for _, b := range a.differing {
		dst = wire.AppendUint(dst, b-next)
		next = b + 1
	}
	return wire.AppendUint(dst, a.rest(a.survey, a.differing))
}

func (a *answerer) cells(per uint64) []byte {
	f := newFilter(a.salt, per)
	a.fill(&f, a.survey, a.differing)
	dst := wire.AppendUint(wire.AppendUint(a.begin(kindCells), f.sum), per)
	elements := a.elementBits(uint64(len(a.differing)))
	var w bitWriter
	for _, c := range f.cells {
		w.put(c.element, elements)
		w.put(c.check, checkBits)
	}
	return wire.AppendBin(dst, text(w.bytes()))
}

// lists reports false if they get longer than limit.
func (a *answerer) lists(kind, limit uint64) ([]byte, bool) {
	dst := a.begin(kind)
	for _, b := range a.differing {
		rows := a.bucket(a.survey, b)
		dst = a.appendList(dst, rows, b*a.width)
		if kind == kindPrints {
			dst = a.appendPrints(dst, rows)
		}
		if uint64(len(dst)) > limit {
			return nil, false
		}
	}
	return dst, true
}

// appendList appends the positions of live dots, counted from 1 in the bucket
// that begins with a block, in the shorter form.
func (a *answerer) appendList(dst []byte, rows []row, first uint64) []byte {
	var rs causal.Ranges
	for pos := range positions(rows) {
		rs = rs.AddSeq(pos + 1 - first*kernel.BlockSize)
	}
	mark := len(dst)
	dst = wire.AppendRanges(dst, rs)
	if len(rows) == 0 {
		return dst
	}
	if size := (rows[len(rows)-1].block - first + 1) * (kernel.BlockSize / 8); uint64(len(dst)-mark) > size+3 {
		return wire.AppendBin(dst[:mark], text(bitmap(rows, first)))
	}
	return dst
}

// appendPrints appends the short fingerprints of live dots.
func (a *answerer) appendPrints(dst []byte, rows []row) []byte {
	var w bitWriter
	for pos := range positions(rows) {
		w.put(dotPrint(a.s, a.survey, pos, a.salt), 32)
	}
	return wire.AppendBin(dst, text(w.bytes()))
}

// dotPrint returns the short fingerprint of the dot at a position that was live.
func dotPrint(s *kernel.State, v *survey, pos, salt uint64) uint64 {
	l, seq := v.dot(pos)
	i, _ := s.Lookup(l.actor)
	p, _ := s.DotPrint(i, seq)
	return mix(p, salt) >> 32
}

// elementBits returns the width of an element among m buckets.
func (k *sketch) elementBits(m uint64) uint { return uint(bitLen(m * k.span())) }

func (k *sketch) cellBits(m uint64) uint { return k.elementBits(m) + checkBits }
