package kernel

// table maps 32-bit hashes to leaf numbers by extendible hashing: a directory
// of small open-addressing segments, so that growing never moves more than one
// segment at a time and no write waits for a rehash of the whole.
//
// The top bits of a hash choose the segment, the low bits the slot in it.
type table struct {
	dir   []*segment
	depth uint8 // Invariant: len(dir) == 1<<depth
}

type segment struct {
	slots []slot // Invariant: the length is a power of two
	used  int32
	depth uint8 // directory bits that all its hashes share
}

// slot is empty if leaf is none.
type slot struct {
	hash uint32
	leaf leafID
}

const (
	minSlots = 2
	maxSlots = 1024
)

// full reports whether a segment is to grow: at 7/8, and while one slot is left,
// at which searches end.
func (g *segment) full() bool { return int(g.used) >= len(g.slots)-max(len(g.slots)/8, 1) }

func (t *table) segment(hash uint32) *segment {
	// A shift by 32 gives 0 in Go, which is the only entry at depth 0.
	return t.dir[hash>>(32-t.depth)]
}

// insert adds a leaf whose hash may stand in the table already.
func (t *table) insert(hash uint32, id leafID) {
	if t.dir == nil {
		t.dir = []*segment{newSegment(minSlots, 0)}
	}
	g := t.segment(hash)
	for g.full() {
		if len(g.slots) < maxSlots || g.depth >= 22 {
			g.grow()
		} else {
			t.split(hash, g)
			g = t.segment(hash)
		}
	}
	g.put(slot{hash, id})
}

func newSegment(slots int, depth uint8) *segment {
	return &segment{slots: make([]slot, slots), depth: depth}
}

func (g *segment) put(s slot) {
	mask := uint32(len(g.slots) - 1)
	i := s.hash & mask
	for g.slots[i].leaf != none {
		i = (i + 1) & mask
	}
	g.slots[i] = s
	g.used++
}

func (g *segment) grow() {
	old := g.slots
	g.slots, g.used = make([]slot, 2*len(old)), 0
	for _, s := range old {
		if s.leaf != none {
			g.put(s)
		}
	}
}

// split replaces g by two segments that differ in one more directory bit.
func (t *table) split(hash uint32, g *segment) {
	if g.depth == t.depth {
		t.double()
	}
	halves := [2]*segment{newSegment(len(g.slots), g.depth+1), newSegment(len(g.slots), g.depth+1)}
	for _, s := range g.slots {
		if s.leaf != none {
			halves[s.hash>>(31-g.depth)&1].put(s)
		}
	}
	span := 1 << (t.depth - g.depth)
	first := int(hash>>(32-t.depth)) &^ (span - 1)
	for i := range span {
		t.dir[first+i] = halves[i*2/span]
	}
}

func (t *table) double() {
	dir := make([]*segment, 2*len(t.dir))
	for i, g := range t.dir {
		dir[2*i], dir[2*i+1] = g, g
	}
	t.dir, t.depth = dir, t.depth+1
}

// replace points the slot of old to id.
func (t *table) replace(hash uint32, old, id leafID) {
	g := t.segment(hash)
	g.slots[g.find(hash, old)].leaf = id
}

// remove takes the slot of a leaf out and closes the gap that it leaves.
func (t *table) remove(hash uint32, id leafID) {
	g := t.segment(hash)
	mask := uint32(len(g.slots) - 1)
	hole := g.find(hash, id)
	for i := (hole + 1) & mask; g.slots[i].leaf != none; i = (i + 1) & mask {
		// A slot may move back to the hole unless its home lies behind the hole.
		if home := g.slots[i].hash & mask; (i-home)&mask >= (i-hole)&mask {
			g.slots[hole], hole = g.slots[i], i
		}
	}
	g.slots[hole] = slot{}
	g.used--
}

// find returns the slot of a leaf that is there.
func (g *segment) find(hash uint32, id leafID) uint32 {
	mask := uint32(len(g.slots) - 1)
	i := hash & mask
	for g.slots[i].leaf != id {
		if g.slots[i].leaf == none {
			panic("kernel: leaf is not in the path index")
		}
		i = (i + 1) & mask
	}
	return i
}

// clone returns a copy that shares nothing.
func (t *table) clone() table {
	if t.dir == nil {
		return table{}
	}
	out := table{dir: make([]*segment, len(t.dir)), depth: t.depth}
	for i, g := range t.dir {
		if i > 0 && g == t.dir[i-1] {
			out.dir[i] = out.dir[i-1]
			continue
		}
		out.dir[i] = &segment{slots: append([]slot(nil), g.slots...), used: g.used, depth: g.depth}
	}
	return out
}
