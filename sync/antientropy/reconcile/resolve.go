package reconcile

import (
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Plan says how both sides become equal, as far as the cut goes. News are what a state
// holds beyond Common (delta.AppendNews). The opener makes its own, with the deaths
// There and the Conflicts once more; then it merges the answerer's, of the moment of
// its table, with the deaths Here, in one step (delta.Frame.WithDeaths).
// The answerer merges the opener's news. Either side claims what it thus learns.
type Plan struct {
	Common    causal.Context // seen by both when the cut was taken
	Here      causal.Context // live here, dead there
	There     causal.Context // live there, dead here by now
	Conflicts causal.Context // live in both, with different payloads
	Suspect   bool           // there are such, but which is not known
}

// Resolve reads a table. s is the state that the cut was taken of, as it is now.
// The plan may be carried out as long as s is not mutated. After ErrAgain the
// cut is ready for another Sketch. It costs O(blocks with live dots), and the live
// dots of the differing buckets.
func (c *Cut) Resolve(s *kernel.State, table []byte) (Plan, error) {
	r := unseal(table)
	if salt := r.Uint(); !c.open || r.Err() == nil && salt != c.last.salt {
		return Plan{}, ErrForeign
	}
	p := resolver{Cut: c, s: s}
	again := p.read(&r)
	if r.Err() == nil && r.Len() > 0 {
		r.Fail("%d bytes behind the end", r.Len())
	}
	if r.Err() != nil {
		return Plan{}, r.Err()
	}
	if again {
		return Plan{}, c.raise(p.coarse)
	}
	return p.plan()
}

// raise prepares for the next sketch.
func (c *Cut) raise(coarse bool) error {
	c.open = false
	switch {
	case c.made == MaxSketches || c.effort == thorough && !coarse:
		c.made = MaxSketches
		return ErrExhausted
	case coarse:
		c.guess = max(min(c.guess, 1<<40)*8, 2*c.last.buckets)
	default:
		c.effort++
	}
	return ErrAgain
}

type resolver struct {
	*Cut
	s         *kernel.State
	coarse    bool
	differing []uint64
	here      causal.Ranges // positions, as all below
	there     causal.Ranges
	conflicts causal.Ranges
	suspect   bool
}

// read reports whether the table does not suffice.
func (p *resolver) read(r *wire.Reader) (again bool) {
	kind := r.Uint()
	if kind == kindCoarse {
		r.Uint()
		p.coarse = true
		return true
	}
	p.readDiffering(r)
	rest := r.Uint()
	if r.Err() != nil {
		return false
	}
	found := true
	switch kind {
	case kindCells:
		found = p.readCells(r)
	case kindLists, kindPrints:
		p.readLists(r, kind == kindPrints)
	default:
		r.Fail("table of kind %d", kind)
	}
	return !found || rest != p.last.rest(p.survey, p.differing)
}

func (p *resolver) readDiffering(r *wire.Reader) {
	m := r.Uint()
	if m > uint64(r.Len()) || m > p.last.buckets {
		r.Fail("%d differing buckets of %d in %d bytes", m, p.last.buckets, r.Len())
		return
	}
	p.differing = make([]uint64, 0, m)
	next := uint64(0)
	for range m {
		skipped := r.Uint()
		if skipped >= p.last.buckets-next {
			r.Fail("bucket behind the last")
			return
		}
		p.differing = append(p.differing, next+skipped)
		next += skipped + 1
		if next == p.last.buckets && uint64(len(p.differing)) < m {
			r.Fail("bucket behind the last")
			return
		}
	}
}

// readCells reports whether the table could be read.
func (p *resolver) readCells(r *wire.Reader) bool {
	sum, per := r.Uint(), r.Uint()
	b := r.Bin()
	m := uint64(len(p.differing))
	if m == 0 || per == 0 || per > maxCells || packed(hashes*per, p.last.cellBits(m)) != uint64(len(b)) {
		r.Fail("%d cells a hash in %d bytes", per, len(b))
		return false
	}
	f := newFilter(p.last.salt, per)
	in := bitReader{buf: b}
	for i := range f.cells {
		f.cells[i] = cell{in.get(p.last.elementBits(m)), in.get(checkBits)}
	}
	f.sum = sum
	p.last.fill(&f, p.survey, p.differing)
	elements, ok := f.decode(m * p.last.span())
	return ok && p.place(elements)
}

// place sorts elements by the side on which they are live. It reports false if one
// names no common event.
func (p *resolver) place(elements []uint64) bool {
	slices.Sort(elements)
	span, next := p.last.span(), 0
	for _, e := range elements {
		n := (e - 1) / span
		p.suspect = p.suspect || n > uint64(next)
		next = int(n) + 1
		pos := p.differing[n]*span + (e-1)%span
		if l, _ := p.dot(pos); l == nil {
			return false
		}
		if p.isLive(pos) {
			p.here = p.here.AddSeq(pos)
		} else {
			p.there = p.there.AddSeq(pos)
		}
	}
	p.suspect = p.suspect || next < len(p.differing)
	return true
}

func (p *resolver) readLists(r *wire.Reader, prints bool) {
	for _, b := range p.differing {
		first := b * p.last.span()
		theirs := readList(r, p.last.span())
		for i := range theirs {
			theirs[i].Lo += first - 1
			theirs[i].Hi += first - 1
		}
		own := ranges(p.last.bucket(p.survey, b))
		here, there := own.Minus(theirs), theirs.Minus(own)
		p.here, p.there = p.here.Union(here), p.there.Union(there)
		if prints {
			p.readPrints(r, theirs)
		} else {
			p.suspect = p.suspect || len(here)+len(there) == 0
		}
		if r.Err() != nil {
			return
		}
	}
}

// readPrints finds the dots that both have with different payloads.
func (p *resolver) readPrints(r *wire.Reader, theirs causal.Ranges) {
	b := r.Bin()
	if n := theirs.Count(); len(b)%4 != 0 || n != uint64(len(b)/4) {
		r.Fail("%d bytes of fingerprints for %d dots", len(b), n)
		return
	}
	in := bitReader{buf: b}
	for pos := range theirs.All() {
		print := in.get(32)
		if !p.isLive(pos) {
			continue
		}
		l, seq := p.dot(pos)
		a, _ := p.s.Lookup(l.actor)
		if p.s.IsLive(a, seq) && dotPrint(p.s, p.survey, pos, p.last.salt) != print {
			p.conflicts = p.conflicts.AddSeq(pos)
		}
	}
}

// plan turns positions into events, and adds what has died here since the cut.
func (p *resolver) plan() (Plan, error) {
	if p.s.Fingerprint() != p.print {
		now, err := newSurvey(p.s, &p.common)
		if err != nil {
			return Plan{}, fmt.Errorf("reconcile: state is not that of the cut: %w", err)
		}
		p.there = p.there.Union(p.died(now).Minus(p.here))
	}
	return Plan{
		Common: p.common, Here: p.events(p.here), There: p.events(p.there),
		Conflicts: p.events(p.conflicts), Suspect: p.suspect,
	}, nil
}
