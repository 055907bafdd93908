package kernel

import (
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
}

// few is the longest range whose numbers are buried one by one.
const few = 16

// StartRestore makes the state partial. Claim the context afterwards, and Restore
// the live dots.
func (s *State) StartRestore() {
	s.partial = &partial{dots: make(map[Dot]struct{}), ranges: make(map[Index]causal.Ranges)}
}

// Restore puts a live dot of the context back, unless it is there or has died
// meanwhile. It returns the dot's fingerprint, and whether it lives now. The
// observer is not told.
func (s *State) Restore(a Index, seq uint64, p *Payload) (print uint64, lives bool) {
	if id := s.actors[a].dots.get(seq); id != none {
		return s.print(s.leaves.at(id)), true
	}
	if s.partial.has(Dot{a, seq}) || !s.actors[a].seen.Contains(seq) {
		kv, flags := p.pack()
		s.tree.node(Root) // there may be nothing yet
		return s.print(&leaf{kv: kv, time: p.Time, seq: seq, actor: a, parent: p.Parent, keyLen: uint16(len(p.Key)), tag: p.Tag, flags: flags}), false
	}
	h := hash(p.Parent, p.Tag, p.Key)
	before := s.live
	s.insert(h, s.head(h, p.Parent, p.Tag, p.Key), a, seq, p)
	return before ^ s.live, true
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

// Gone is a dot that lived, the hash of its place, and its fingerprint.
type Gone struct {
	Dot
	Place uint64
	Print uint64
}

// TrackGone makes the state collect the dots that cease to live, for somebody
// who keeps rows of them.
func (s *State) TrackGone() { s.tracking = true }

// TakeGone appends what was collected since the last call. A dot may be among
// it although it lives: a group that was rolled back brought it back.
func (s *State) TakeGone(dst []Gone) []Gone {
	dst = append(dst, s.gone...)
	s.gone = s.gone[:0]
	return dst
}

// Gone returns what the next TakeGone will. Read only, until the next mutation.
func (s *State) Gone() []Gone { return s.gone }

// Print returns a live dot's fingerprint.
func (s *State) Print(l *Live) uint64 { return s.print(s.leaves.at(s.actors[l.Actor].dots.get(l.Seq))) }

// noteGone is called for each leaf whose dot ceases to live.
func (s *State) noteGone(l *leaf, print uint64) {
	d := Dot{l.actor, l.seq}
	if s.partial != nil {
		s.partial.dots[d] = struct{}{}
	}
	if s.tracking {
		s.gone = append(s.gone, Gone{d, placeHash(s.tree.nodes[l.parent].print, l.tag, l.key()), print})
	}
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
