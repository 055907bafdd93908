package kernel

import (
	"encoding/binary"

	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// leafID numbers a leaf in the slabs; none is no leaf.
type leafID uint32

const none leafID = 0

// leaf is one live dot with its payload. Leaves at one path form a chain of
// siblings; the first of them, the head, stands in the path index and in its
// container's list.
type leaf struct {
	kv      string // key, then the expiry if there is one, then value; immutable
	time    hlc.Time
	seq     uint64
	actor   Index
	parent  Ref
	sibling leafID // next live dot at the same path
	next    leafID // of heads: the next in the container's list
	prev    leafID // of heads: the previous there; of others: the sibling before
	keyLen  uint16
	tag     Tag
	flags   Flags
}

// Flags qualify a payload.
type Flags uint8

const (
	// Mark makes a payload the negative of its tag: a deletion in an LWW map, a
	// removal in a remove-wins set, a disabled disable-wins flag.
	Mark Flags = 1 << iota
	// expires is set if the kv string holds an expiry.
	expires
	// isHead is set in the first of the siblings. It is no part of the payload.
	isHead
)

const expirySize = 8

func (l *leaf) key() string { return l.kv[:l.keyLen] }

func (l *leaf) value() string {
	if l.flags&expires != 0 {
		return l.kv[int(l.keyLen)+expirySize:]
	}
	return l.kv[l.keyLen:]
}

func (l *leaf) expiry() hlc.Time {
	if l.flags&expires == 0 {
		return 0
	}
	return hlc.Time(binary.BigEndian.Uint64([]byte(l.kv[l.keyLen : int(l.keyLen)+expirySize])))
}

// slab hands out leaves by number from chunks that never move, so that growing
// copies nothing but the first, small chunk.
type slab struct {
	chunks [][]leaf
	free   leafID // chain of freed leaves through sibling
	used   leafID // numbers given out so far, number 0 included
	live   int
}

const chunkBits = 10

func (s *slab) at(id leafID) *leaf {
	return &s.chunks[id>>chunkBits][id&(1<<chunkBits-1)]
}

func (s *slab) alloc() (leafID, *leaf) {
	s.live++
	if id := s.free; id != none {
		l := s.at(id)
		s.free = l.sibling
		l.sibling = none
		return id, l
	}
	if s.used == none {
		s.used = 1
	}
	id := s.used
	s.used++
	s.reserve(int(id >> chunkBits))
	return id, s.at(id)
}

// reserve makes room in the chunk for one more leaf.
func (s *slab) reserve(chunk int) {
	if chunk == len(s.chunks) {
		size := 1 << chunkBits
		if chunk == 0 {
			size = 2
		}
		s.chunks = append(s.chunks, make([]leaf, size))
	}
	if c := s.chunks[chunk]; int(s.used)-chunk<<chunkBits > len(c) {
		grown := make([]leaf, min(len(c)+len(c)/2+1, 1<<chunkBits))
		copy(grown, c)
		s.chunks[chunk] = grown
	}
}

func (s *slab) release(id leafID) {
	*s.at(id) = leaf{sibling: s.free}
	s.free = id
	s.live--
}

func (s *slab) clone() slab {
	out := *s
	out.chunks = make([][]leaf, len(s.chunks))
	for i, c := range s.chunks {
		out.chunks[i] = append([]leaf(nil), c...)
	}
	return out
}
