package kernel

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// A state may be put back together from its context and, bit by bit, the rows
// of its live dots, and be read, written and merged into meanwhile. It is
// partial then: a dot of its context that does not live may just not be back
// yet. What dies in that time is buried, so that its row does not bring it back.

// partial is what a state that is being restored remembers.
type partial struct {
	dots   map[Dot]struct{} // that died, or were killed before their row came
	ranges map[Index]causal.Ranges
	early  map[Dot][]Version // payloads that came before the row of their dot, if it has one
}

// few is the longest range whose numbers are buried one by one.
const few = 16

// StartRestore makes the state partial. Claim the context afterwards, and Restore
// the live dots.
func (s *State) StartRestore() {
	s.partial = &partial{dots: make(map[Dot]struct{}), ranges: make(map[Index]causal.Ranges), early: make(map[Dot][]Version)}
}

// Restore puts a live dot of the context back, unless it is there or has died
// meanwhile. It returns the fingerprint of the payload, and whether the dot lives
// now: if payloads conflict, with a greater one. The observer is not told.
func (s *State) Restore(a Index, seq uint64, p *Payload) (print uint64, lives bool) {
	if id := s.actors[a].dots.get(seq); id != none {
		if l := s.leaves.at(id); l.holds(p) {
			return s.print(l), true
		}
		return s.printOf(a, seq, p), true
	}
	if s.partial.has(Dot{a, seq}) || !s.actors[a].seen.Contains(seq) {
		return s.printOf(a, seq, p), false
	}
	h := hash(p.Parent, p.Tag, p.Key)
	before := s.live
	s.insert(h, s.head(h, p.Parent, p.Tag, p.Key), a, seq, p)
	print = before ^ s.live
	if len(s.partial.early) > 0 {
		s.learnEarly(a, seq)
	}
	return print, true
}

// learnEarly merges the payloads that came before a dot's row.
func (s *State) learnEarly(a Index, seq uint64) {
	early := s.partial.early[Dot{a, seq}]
	delete(s.partial.early, Dot{a, seq})
	for i := range early {
		p := early[i].Payload
		for _, c := range early[i].Path {
			p.Parent = s.Ensure(p.Parent, c.Tag, c.Name)
		}
		s.again(a, seq, &p)
	}
}

// await keeps a payload of an event that was seen until the row of its dot
// comes, if there is one: only then the dot lives.
func (s *State) await(d Dot, p *Payload) {
	if s.partial.has(d) {
		return
	}
	v, early := s.version(p), s.partial.early[d]
	if !slices.ContainsFunc(early, v.equals) {
		s.partial.early[d] = append(early, v)
	}
}

// EndRestore says that all live dots are back. Digest and Fingerprint mean
// something from here on.
func (s *State) EndRestore() { s.partial = nil }

// IsPartial reports whether live dots may be missing.
func (s *State) IsPartial() bool { return s.partial != nil }

func (p *partial) has(d Dot) bool {
	_, ok := p.dots[d]
	return ok || p.ranges[d.Actor].Contains(d.Seq)
}

// bury notes that whatever lives in r, but for except, lives no more.
func (p *partial) bury(a Index, r causal.Range, except causal.Ranges) {
	if r.Len() > few {
		p.ranges[a] = p.ranges[a].Union(causal.Ranges{r}.Minus(except))
		return
	}
	for seq := r.Lo; seq <= r.Hi; seq++ {
		if !except.Contains(seq) {
			p.dots[Dot{a, seq}] = struct{}{}
		}
	}
}

// Gone is a dot that lived, the hash of its place, and its fingerprint. If it is
// Replaced it lived on, maybe elsewhere, with a greater payload: whoever keeps
// rows has to write that dot's again.
type Gone struct {
	Dot
	Place    uint64
	Print    uint64
	Replaced bool
}

// tracked is what is collected for somebody who keeps rows.
type tracked struct {
	gone  []Gone          // since TakeGone
	rowed []causal.Ranges // of each actor, the dots whose end is collected
}

// TrackGone makes the state collect the dots of its context that cease to live,
// for somebody who keeps rows of them. Dots that come later have no rows yet,
// and are not collected before the next TakeGone.
func (s *State) TrackGone() {
	if s.tracked == nil {
		s.tracked = &tracked{}
	}
	s.tracked.rowed = make([]causal.Ranges, len(s.actors))
	for i := range s.actors {
		s.tracked.rowed[i] = slices.Clone(s.actors[i].seen)
	}
}

// TakeGone appends what was collected since the last call, in order: the first
// entry of a dot says what there was at that call. From here on the present
// context counts, see TrackGone.
func (s *State) TakeGone(dst []Gone) []Gone {
	s.TrackGone()
	dst = append(dst, s.tracked.gone...)
	s.tracked.gone = s.tracked.gone[:0]
	if m := s.rare; m != nil {
		m.vacant, m.leaving = append(m.vacant, m.leaving...), nil // nothing names them any more
	}
	return dst
}

// hasRow reports whether a dot is one of those whose end is collected.
func (s *State) hasRow(d Dot) bool {
	return s.tracked != nil && int(d.Actor) < len(s.tracked.rowed) && s.tracked.rowed[d.Actor].Contains(d.Seq)
}

// Gone returns what the next TakeGone will. Read only, until the next mutation.
func (s *State) Gone() []Gone {
	if s.tracked == nil {
		return nil
	}
	return s.tracked.gone
}

// Print returns a live dot's fingerprint.
func (s *State) Print(l *Live) uint64 { return s.print(s.leaves.at(s.actors[l.Actor].dots.get(l.Seq))) }

// noteGone is called for each leaf whose dot ceases to live.
func (s *State) noteGone(l *leaf, print uint64) {
	d := Dot{l.actor, l.seq}
	if s.partial != nil {
		s.partial.dots[d] = struct{}{}
	}
	if s.hasRow(d) {
		s.tracked.gone = append(s.tracked.gone, Gone{Dot: d, Place: s.placeOf(l), Print: print})
	}
}

func (s *State) placeOf(l *leaf) uint64 {
	return placeHash(s.tree.nodes[l.parent].print, l.tag, l.key())
}

// Place returns the hash of a leaf's place, see [PlaceHash].
func (s *State) Place(l *Live) uint64 {
	return placeHash(s.tree.node(l.Parent).print, l.Tag, l.Key)
}

// PlaceHash returns a hash of the place (tag, key) in the container at a path.
// It is the same on every replica and for ever, so that rows can be found by it.
// Different places may share one.
func PlaceHash(path []Component, tag Tag, key string) uint64 {
	print := uint64(rootPrint)
	for _, c := range path {
		print = containerPrint(print, c.Tag, c.Name)
	}
	return placeHash(print, tag, key)
}

func containerPrint(parent uint64, tag Tag, name string) uint64 {
	return mix(xxhash.Sum64String(name)^uint64(tag), parent)
}

func placeHash(container uint64, tag Tag, key string) uint64 {
	return mix(xxhash.Sum64String(key)^uint64(tag)<<56, container)
}
