package kernel

import (
	"math/bits"
	"slices"
	"sort"
)

// blockBits is the logarithm of the sequence numbers that a block spans.
const blockBits = 7

// column is one actor's index from sequence number to leaf: the live dots in
// order. It costs about 5 bytes a live dot where they are dense.
//
// Invariant: blocks are sorted by number; a block's ids are in the order of
// the bits in its mask.
type column struct {
	blocks []block
	empty  int // blocks without a live dot, swept when they are the majority
}

// block holds the live dots among 128 consecutive sequence numbers.
type block struct {
	number uint64
	mask   [2]uint64
	print  uint64 // XOR of the fingerprints of its live dots
	ids    []leafID
}

// rank returns how many live dots of the block stand before offset o, and
// whether o itself is live.
func (b *block) rank(o uint) (int, bool) {
	word, bit := o>>6, o&63
	n := bits.OnesCount64(b.mask[word] & (1<<bit - 1))
	if word == 1 {
		n += bits.OnesCount64(b.mask[0])
	}
	return n, b.mask[word]>>bit&1 == 1
}

func offset(seq uint64) uint { return uint(seq & (1<<blockBits - 1)) }

// search returns the index of the first block numbered n or above. Blocks are
// dense for most actors, so the place is guessed first.
func (c *column) search(n uint64) int {
	last := len(c.blocks) - 1
	if last < 0 || c.blocks[last].number < n {
		return last + 1
	}
	if c.blocks[last].number == n {
		return last
	}
	if first := c.blocks[0].number; n >= first {
		if i := n - first; i < uint64(len(c.blocks)) && c.blocks[i].number == n {
			return int(i)
		}
	}
	return sort.Search(len(c.blocks), func(i int) bool { return c.blocks[i].number >= n })
}

// get returns the leaf of a live dot, or none.
func (c *column) get(seq uint64) leafID {
	i := c.search(seq >> blockBits)
	if i == len(c.blocks) || c.blocks[i].number != seq>>blockBits {
		return none
	}
	b := &c.blocks[i]
	if r, ok := b.rank(offset(seq)); ok {
		return b.ids[r]
	}
	return none
}

// put adds a dot that is not there.
func (c *column) put(seq uint64, id leafID, print uint64) {
	n := seq >> blockBits
	i := c.search(n)
	if i == len(c.blocks) || c.blocks[i].number != n {
		c.blocks = slices.Insert(c.blocks, i, block{number: n})
		c.empty++
	}
	b := &c.blocks[i]
	if len(b.ids) == 0 {
		c.empty--
	}
	o := offset(seq)
	r, _ := b.rank(o)
	if r == len(b.ids) {
		b.ids = append(b.ids, id)
	} else {
		b.ids = slices.Insert(b.ids, r, id)
	}
	b.mask[o>>6] |= 1 << (o & 63)
	b.print ^= print
}

// reprint notes that the fingerprint of a live dot changed by so many bits.
func (c *column) reprint(seq, change uint64) { c.blocks[c.search(seq>>blockBits)].print ^= change }

// remove takes a live dot out.
func (c *column) remove(seq uint64, print uint64) {
	i := c.search(seq >> blockBits)
	b := &c.blocks[i]
	o := offset(seq)
	r, ok := b.rank(o)
	if !ok {
		panic("kernel: dot is not in the dot index")
	}
	b.ids = slices.Delete(b.ids, r, r+1)
	b.mask[o>>6] &^= 1 << (o & 63)
	b.print ^= print
	if len(b.ids) == 0 {
		if i < len(c.blocks)-1 { // the last one will be needed again soon
			b.ids = nil
		}
		c.empty++
		c.sweep()
	}
}

// sweep drops the empty blocks when they outnumber the others.
func (c *column) sweep() {
	if c.empty <= len(c.blocks)/2 || c.empty < 8 {
		return
	}
	c.blocks = slices.DeleteFunc(c.blocks, func(b block) bool { return len(b.ids) == 0 })
	if cap(c.blocks) > 4*len(c.blocks) {
		c.blocks = slices.Clone(c.blocks)
	}
	c.empty = 0
}

// each calls yield for the live dots lo to hi in order, until it returns false.
func (c *column) each(lo, hi uint64, yield func(seq uint64, id leafID) bool) bool {
	for i := c.search(lo >> blockBits); i < len(c.blocks) && c.blocks[i].number <= hi>>blockBits; i++ {
		if !c.blocks[i].each(lo, hi, yield) {
			return false
		}
	}
	return true
}

// count returns the number of live dots lo to hi.
func (c *column) count(lo, hi uint64) (n int) {
	for i := c.search(lo >> blockBits); i < len(c.blocks) && c.blocks[i].number <= hi>>blockBits; i++ {
		b := &c.blocks[i]
		if b.number > lo>>blockBits && b.number < hi>>blockBits {
			n += len(b.ids)
			continue
		}
		b.each(lo, hi, func(uint64, leafID) bool { n++; return true })
	}
	return n
}

func (b *block) each(lo, hi uint64, yield func(seq uint64, id leafID) bool) bool {
	r := 0
	for word := range uint64(2) {
		for m := b.mask[word]; m != 0; m &= m - 1 {
			seq := b.number<<blockBits | word<<6 | uint64(bits.TrailingZeros64(m))
			if seq >= lo && seq <= hi && !yield(seq, b.ids[r]) {
				return false
			}
			r++
		}
	}
	return true
}

func (c *column) clone() column {
	out := column{blocks: slices.Clone(c.blocks), empty: c.empty}
	for i := range out.blocks {
		out.blocks[i].ids = slices.Clone(out.blocks[i].ids)
	}
	return out
}
