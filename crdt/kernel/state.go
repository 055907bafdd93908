package kernel

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// Limits of one payload, in bytes. What is above them is refused where it is
// written and where it arrives.
const (
	MaxKey   = 4 << 10
	MaxValue = 128 << 10
)

// Index numbers the actors that a state knows. It is local to the state.
type Index uint32

// State is a replica's knowledge of one document. The zero value is empty and
// ready to use. It is not safe for concurrent use, but any number of readers
// may share it while nobody writes.
type State struct {
	actors  []actor
	byActor map[causal.Actor]Index // nil while there are few, who are found by looking at each
	leaves  slab
	paths   table
	tree    tree
	live    uint64 // XOR of the fingerprints of all live dots
	bytes   int    // of the keys and values of all live dots

	observer   Observer
	recent     Index // interned last: deltas of one actor come in a row
	idle       int32 // departed actors of which nothing lives
	suspicious bool  // see Suspect
	notice     notice
	expiring   *expiring // nil: nothing has ever expired
	journal    *journal
	partial    *partial // while it is being restored
	tracked    *tracked // nil: nobody keeps rows
	tallies    tallies
	rare       *rare // see more
}

// rare is what most states have none of.
type rare struct {
	conflicts conflicts
	noticed   []Dot   // see Notice
	vacant    []Index // of actors that were dropped
	leaving   []Index // the same, once TakeGone was called
}

// more returns what is rare, for writing.
func (s *State) more() *rare {
	if s.rare == nil {
		s.rare = &rare{}
	}
	return s.rare
}

// actor is what the state knows of one actor's events.
type actor struct {
	id    causal.Actor
	print uint64
	seen  causal.Ranges // the actor's part of the causal context
	ahead causal.Ranges // Invariant: disjoint from seen
	dots  column        // Invariant: within seen

	departed bool // see Depart
	vacant   bool // see Drop
}

// Observer is told of each place just before a live dot appears or disappears
// there, or is hidden: of its death then not any more. It may read the state.
type Observer interface {
	Touch(parent Ref, tag Tag, key string)
}

// Observe sets the observer; nil ends it.
func (s *State) Observe(o Observer) { s.observer = o }

// Intern returns the index of an actor, making it known by need.
func (s *State) Intern(id causal.Actor) Index {
	if int(s.recent) < len(s.actors) && s.actors[s.recent].id == id {
		return s.recent
	}
	if i, ok := s.Lookup(id); ok {
		s.recent = i
		return i
	}
	i := s.vacancy()
	s.actors[i] = actor{id: id, print: actorPrint(id)}
	s.index(i)
	return i
}

// fewActors is how many actors are found without a map.
const fewActors = 8

// index makes an actor known that has come.
func (s *State) index(i Index) {
	switch {
	case s.byActor != nil:
		s.byActor[s.actors[i].id] = i
	case len(s.actors) > fewActors:
		s.byActor = make(map[causal.Actor]Index, len(s.actors))
		for i := range s.actors {
			if !s.actors[i].vacant {
				s.byActor[s.actors[i].id] = Index(i)
			}
		}
	}
}

func actorPrint(id causal.Actor) uint64 {
	var b [24]byte
	copy(b[:], id.ID[:])
	binary.BigEndian.PutUint64(b[16:], id.Incarnation)
	return xxhash.Sum64(b[:])
}

// Lookup returns the index of an actor if the state knows it.
func (s *State) Lookup(id causal.Actor) (Index, bool) {
	if s.byActor != nil {
		i, ok := s.byActor[id]
		return i, ok
	}
	for i := range s.actors {
		if s.actors[i].id == id && !s.actors[i].vacant {
			return Index(i), true
		}
	}
	return 0, false
}

// Actor returns the actor with an index.
func (s *State) Actor(i Index) causal.Actor { return s.actors[i].id }

// Actors returns the indices of all known actors, ordered by actor.
func (s *State) Actors() []Index {
	out := make([]Index, 0, len(s.actors))
	for i := range s.actors {
		if !s.actors[i].vacant {
			out = append(out, Index(i))
		}
	}
	slices.SortFunc(out, func(a, b Index) int { return s.actors[a].id.Compare(s.actors[b].id) })
	return out
}

// Seen returns the actor's part of the context. Read only, until the next mutation.
func (s *State) Seen(i Index) causal.Ranges { return s.actors[i].seen }

// Ahead returns the actor's deaths ahead. Read only, until the next mutation.
func (s *State) Ahead(i Index) causal.Ranges { return s.actors[i].ahead }

// Context returns a copy of the causal context.
func (s *State) Context() causal.Context {
	var c causal.Context
	for i := range s.actors {
		c.AddRanges(s.actors[i].id, s.actors[i].seen)
	}
	return c
}

// IsEmpty reports whether the state has seen no event at all.
func (s *State) IsEmpty() bool {
	for i := range s.actors {
		if len(s.actors[i].seen) > 0 {
			return false
		}
	}
	return true
}

// Dots returns the number of live dots.
func (s *State) Dots() int { return s.leaves.live }

// Bytes returns the bytes of keys and values of the live dots.
func (s *State) Bytes() int { return s.bytes }

var hashSeed = maphash.MakeSeed()

// hash returns the path index's hash of a place. It differs between processes.
func hash(parent Ref, tag Tag, key string) uint32 {
	h := maphash.String(hashSeed, key)
	h ^= (uint64(parent)<<8 | uint64(tag)) * rootPrint
	return uint32(h ^ h>>32)
}

// head returns the first live dot at a place, or none.
func (s *State) head(h uint32, parent Ref, tag Tag, key string) leafID {
	if s.paths.dir == nil {
		return none
	}
	g := s.paths.segment(h)
	mask := uint32(len(g.slots) - 1)
	for i := h & mask; g.slots[i].leaf != none; i = (i + 1) & mask {
		if g.slots[i].hash != h {
			continue
		}
		if l := s.leaves.at(g.slots[i].leaf); l.parent == parent && l.tag == tag && l.key() == key {
			return g.slots[i].leaf
		}
	}
	return none
}

// Payload is what an event adds under its own dot. The kernel copies the
// strings.
type Payload struct {
	Parent Ref
	Tag    Tag
	Flags  Flags // of the exported ones
	Key    string
	Value  string
	Time   hlc.Time
	Expiry hlc.Time // 0 is never
}

// pack builds the one immutable string of a leaf. It always copies: key and
// value may be views of a buffer that the caller goes on using.
func (p *Payload) pack() (string, Flags) {
	var b strings.Builder
	flags := p.Flags & Mark
	if p.Expiry == 0 {
		b.Grow(len(p.Key) + len(p.Value))
		b.WriteString(p.Key)
	} else {
		b.Grow(len(p.Key) + expirySize + len(p.Value))
		b.WriteString(p.Key)
		var e [expirySize]byte
		binary.BigEndian.PutUint64(e[:], uint64(p.Expiry))
		b.Write(e[:])
		flags |= expires
	}
	b.WriteString(p.Value)
	return b.String(), flags
}

// add makes a dot live. It is neither seen nor ahead when called.
func (s *State) add(a Index, seq uint64, p *Payload) {
	if s.observer != nil {
		s.observer.Touch(p.Parent, p.Tag, p.Key)
	}
	h := hash(p.Parent, p.Tag, p.Key)
	s.insert(h, s.head(h, p.Parent, p.Tag, p.Key), a, seq, p)
}

// insert is add where the place's hash and first live dot are known.
func (s *State) insert(h uint32, head leafID, a Index, seq uint64, p *Payload) {
	id, l := s.leaves.alloc()
	l.parent = p.Parent
	if head == none {
		s.paths.insert(h, id)
		s.link(id, l)
	} else {
		s.linkSibling(s.leaves.at(head), head, id, l)
	}
	s.fill(id, l, a, seq, p)
}

// fill gives a linked leaf its dot and payload.
func (s *State) fill(id leafID, l *leaf, a Index, seq uint64, p *Payload) {
	kv, flags := p.pack()
	l.kv, l.time, l.seq, l.actor = kv, p.Time, seq, a
	l.keyLen, l.tag, l.flags = uint16(len(p.Key)), p.Tag, l.flags&isHead|flags
	print := s.print(l)
	s.live ^= print
	s.bytes += len(kv)
	x := &s.actors[a]
	if x.isIdle() {
		s.idle--
	}
	x.dots.put(seq, id, print)
	if flags&expires != 0 {
		s.expiry().add(p.Expiry, Dot{a, seq})
	}
	if l.tag == s.tallies.tag && s.tallies.number != nil {
		s.tallyAdd(id, l)
	}
	if s.notice.on {
		s.noticeLeaf(l)
	}
}

// forget takes a leaf's dot out of the dot index and the fingerprints.
func (s *State) forget(l *leaf) {
	print := s.print(l)
	if s.tracked != nil || s.partial != nil {
		s.noteGone(l, print)
	}
	s.erase(l, print)
}

// erase is forget for a dot that may go on with another payload.
func (s *State) erase(l *leaf, print uint64) {
	if len(s.tallies.at) > 0 && l.tag == s.tallies.tag {
		s.tallyDrop(l)
	}
	s.live ^= print
	s.bytes -= len(l.kv)
	x := &s.actors[l.actor]
	x.dots.remove(l.seq, print)
	if x.isIdle() {
		s.idle++
	}
	if s.expiring != nil {
		s.expiring.remove(Dot{l.actor, l.seq})
	}
}

// link puts a head at the end of its container's list.
func (s *State) link(id leafID, l *leaf) {
	l.flags |= isHead
	n := s.tree.node(l.parent)
	n.heads++
	l.prev = n.last
	if n.last != none {
		s.leaves.at(n.last).next = id
	} else {
		n.first = id
	}
	n.last = id
}

// linkSibling puts a leaf right behind the head of its place, whose own place
// in the lists stays as it is.
func (s *State) linkSibling(first *leaf, head, id leafID, l *leaf) {
	l.sibling, l.prev = first.sibling, head
	if first.sibling != none {
		s.leaves.at(first.sibling).prev = id
	}
	first.sibling = id
}

// drop ends a live dot. The caller sweeps the tree when it has done.
func (s *State) drop(id leafID) {
	l := s.leaves.at(id)
	if s.observer != nil && !s.isHidden(Dot{l.actor, l.seq}) {
		s.observer.Touch(l.parent, l.tag, l.key())
	}
	s.note(id)
	s.forget(l)
	s.detach(id, l)
}

// detach takes a leaf out of the lists and the path index and frees it.
func (s *State) detach(id leafID, l *leaf) {
	switch {
	case l.flags&isHead == 0:
		s.unlinkSibling(l)
	case l.sibling != none:
		s.promote(id, l)
	default:
		s.unlink(id, l)
	}
	s.leaves.release(id)
}

func (s *State) unlinkSibling(l *leaf) {
	s.leaves.at(l.prev).sibling = l.sibling
	if l.sibling != none {
		s.leaves.at(l.sibling).prev = l.prev
	}
}

// promote makes the second sibling the head in place of the first.
func (s *State) promote(id leafID, l *leaf) {
	heir := s.leaves.at(l.sibling)
	heir.flags |= isHead
	heir.next, heir.prev = l.next, l.prev
	s.relink(l, l.sibling, l.sibling)
	s.paths.replace(hash(l.parent, l.tag, l.key()), id, l.sibling)
}

// unlink takes the last live dot of a place out of the indices.
func (s *State) unlink(id leafID, l *leaf) {
	s.paths.remove(hash(l.parent, l.tag, l.key()), id)
	s.relink(l, l.next, l.prev)
	n := s.tree.node(l.parent)
	if n.heads--; n.heads == 0 && l.parent != Root {
		s.tree.empty = append(s.tree.empty, l.parent)
	}
}

// relink makes the neighbours of a head in its container's list point to
// others: the one before it to next, the one behind it to prev.
func (s *State) relink(l *leaf, next, prev leafID) {
	n := s.tree.node(l.parent)
	if l.prev != none {
		s.leaves.at(l.prev).next = next
	} else {
		n.first = next
	}
	if l.next != none {
		s.leaves.at(l.next).prev = prev
	} else {
		n.last = prev
	}
}

// Clone returns a copy that shares nothing that can change. The observer is
// not copied, nor are the conflicts that wait to be taken. It panics if the state is partial.
func (s *State) Clone() *State {
	if s.partial != nil {
		panic("kernel: clone of a state that is being restored")
	}
	out := &State{
		actors: slices.Clone(s.actors), byActor: maps.Clone(s.byActor),
		leaves: s.leaves.clone(), paths: s.paths.clone(), tree: s.tree.clone(),
		live: s.live, bytes: s.bytes, expiring: s.expiring.clone(),
		tallies: s.tallies.clone(), idle: s.idle,
	}
	if x := s.rare; x != nil {
		out.rare = &rare{conflicts: conflicts{count: x.conflicts.count}, vacant: slices.Concat(x.vacant, x.leaving)}
	}
	for i := range out.actors {
		a := &out.actors[i]
		a.seen, a.ahead, a.dots = slices.Clone(a.seen), slices.Clone(a.ahead), a.dots.clone()
	}
	return out
}
