package kernel

import (
	"cmp"
	"slices"
)

// A dot has one payload, as long as no identity is used twice. If one is, two
// replicas may hold different payloads under one dot. So payloads under a dot
// are ordered: by fingerprint, then by their bytes. The chain of a dot is then
//
//	unknown < live(p) < live(q) < dead
//
// for p before q, and merging is still the maximum: it commutes, associates and
// repeats, and whoever has met both payloads has the same. Which one is greater
// means nothing. The other one is handed out with the next TakeConflicts.

// Bounds of the conflicts that wait to be taken; those above it are counted only.
const (
	maxConflicts     = 1024
	maxConflictBytes = 4 << 20 // of keys, values and names of paths
)

// Version is a payload with the path of its container in place of Parent, so
// that it outlives the container.
type Version struct {
	Path []Component
	Payload
}

// Conflict is a dot that came with two payloads. Stands is the one that the
// state has now; if Dead is set, none: the dot was said to be dead by somebody
// whose events do not explain it, see Suspect. Other is the one that the state
// does not have, or has no more.
type Conflict struct {
	Dot
	Stands Version
	Other  Version
	Dead   bool
}

type conflicts struct {
	count uint64
	bytes int
	taken []Conflict
}

// Conflicts returns how often a merge met a second payload under a dot, or a
// suspicious death.
func (s *State) Conflicts() uint64 {
	if s.rare == nil {
		return 0
	}
	return s.rare.conflicts.count
}

// TakeConflicts returns the conflicts that were met since the last call, up to
// 1,024 and 4 MiB. Conflicts counts those above it, too. One that is met again
// is there again.
func (s *State) TakeConflicts() []Conflict {
	if s.rare == nil {
		return nil
	}
	c := &s.rare.conflicts
	out := c.taken
	c.taken, c.bytes = nil, 0
	return out
}

func (c *conflicts) add(x Conflict) {
	c.count++
	size := x.Stands.size() + x.Other.size()
	if len(c.taken) < maxConflicts && c.bytes+size <= maxConflictBytes {
		c.taken = append(c.taken, x)
		c.bytes += size
	}
}

// Suspect says that what is merged until it is called with false claims nothing
// new. Every death in it should have been known then, so live dots that die by it
// are conflicts: somebody has used an identity twice, or has lost data.
func (s *State) Suspect(on bool) { s.suspicious = on }

func (s *State) suspectDeath(id leafID) {
	l := s.view(id)
	p := l.Payload()
	s.more().conflicts.add(Conflict{Dot: Dot{l.Actor, l.Seq}, Other: s.version(&p), Dead: true})
}

// again merges a payload of an event that was seen already.
func (s *State) again(a Index, seq uint64, p *Payload) {
	id := s.actors[a].dots.get(seq)
	switch {
	case id == none && s.partial != nil:
		s.await(Dot{a, seq}, p)
	case id != none && !s.leaves.at(id).holds(p):
		s.contend(a, seq, id, p)
	}
}

// contend lets a second payload under a live dot stand if it is the greater one.
func (s *State) contend(a Index, seq uint64, id leafID, p *Payload) {
	l := s.view(id)
	old := l.Payload()
	c := Conflict{Dot: Dot{a, seq}, Stands: s.version(&old), Other: s.version(p)}
	if s.outranks(a, seq, p, id) {
		c.Stands, c.Other = c.Other, c.Stands
		s.replace(a, seq, id, p)
	}
	s.more().conflicts.add(c)
}

func (s *State) outranks(a Index, seq uint64, p *Payload, id leafID) bool {
	if c := cmp.Compare(s.printOf(a, seq, p), s.print(s.leaves.at(id))); c != 0 {
		return c > 0
	}
	l := s.view(id)
	old := l.Payload()
	x, y := s.version(p), s.version(&old)
	return x.compare(&y) > 0
}

// replace puts another payload in place of a live dot's.
func (s *State) replace(a Index, seq uint64, id leafID, p *Payload) {
	l := s.leaves.at(id)
	if s.observer != nil {
		s.observer.Touch(l.parent, l.tag, l.key())
	}
	print := s.print(l)
	if s.hasRow(Dot{a, seq}) {
		s.tracked.gone = append(s.tracked.gone, Gone{Dot: Dot{a, seq}, Place: s.placeOf(l), Print: print, Replaced: true})
	}
	s.erase(l, print)
	s.detach(id, l)
	s.add(a, seq, p)
}

// holds reports whether the leaf has this payload.
func (l *leaf) holds(p *Payload) bool {
	return l.time == p.Time && l.flags&Mark == p.Flags&Mark && l.expiry() == p.Expiry &&
		l.tag == p.Tag && l.key() == p.Key && l.value() == p.Value && l.parent == p.Parent
}

// printOf returns the fingerprint of a dot that would live with this payload.
func (s *State) printOf(a Index, seq uint64, p *Payload) uint64 {
	kv, flags := p.pack()
	s.tree.node(Root) // there may be nothing yet
	return s.print(&leaf{kv: kv, time: p.Time, seq: seq, actor: a, parent: p.Parent, keyLen: uint16(len(p.Key)), tag: p.Tag, flags: flags})
}

// version returns a copy of the payload that shares nothing that may change.
func (s *State) version(p *Payload) Version {
	v := Version{Path: s.Path(nil, p.Parent), Payload: *p}
	kv, _ := p.pack()
	v.Parent, v.Key, v.Value, v.Flags = Root, kv[:len(p.Key)], kv[len(kv)-len(p.Value):], p.Flags&Mark
	return v
}

func (v *Version) size() int {
	n := len(v.Key) + len(v.Value)
	for i := range v.Path {
		n += len(v.Path[i].Name)
	}
	return n
}

func (v Version) equals(w Version) bool { return v.compare(&w) == 0 }

// compare orders versions by all that is in them.
func (v *Version) compare(w *Version) int {
	path := slices.CompareFunc(v.Path, w.Path, func(a, b Component) int {
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Name, b.Name))
	})
	return cmp.Or(path, cmp.Compare(v.Tag, w.Tag), cmp.Compare(v.Key, w.Key), cmp.Compare(v.Value, w.Value),
		cmp.Compare(v.Time, w.Time), cmp.Compare(v.Expiry, w.Expiry), cmp.Compare(v.Flags, w.Flags))
}
