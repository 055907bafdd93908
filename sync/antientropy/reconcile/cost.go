package reconcile

import (
	"math/bits"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// What a cut takes in memory, in bytes, besides what its contexts do.
const (
	rowBytes   = 32
	rangeBytes = 16
)

// Size returns about how many bytes of memory the cut takes.
func (c *Cut) Size() int {
	n := cap(c.rows)*rowBytes + len(c.last.packed)
	for _, known := range []*causal.Context{&c.common, &c.lacks} {
		for _, rs := range known.All() {
			n += 64 + 2*rangeBytes*len(rs)
		}
	}
	return n
}

// Named returns about how many bytes it takes to name all live common dots one
// by one, as a frame for a receiver that has them does. It costs O(blocks).
func (c *Cut) Named() int {
	runs, last := 0, row{}
	for _, r := range c.rows {
		carry := uint64(0) // whether the dot before the word is live
		if last.block+1 == r.block {
			carry = last.mask[1] >> 63
		}
		for _, m := range r.mask {
			runs += bits.OnesCount64(m &^ (m<<1 | carry))
			carry = m >> 63
		}
		last = r
	}
	return 2 * runs // gap and length; a byte each, mostly
}

// Live returns how many live dots the two have in common here.
func (c *Cut) Live() uint64 { return c.live }

// Cost returns about how many bytes a comparison takes if it goes well: the next
// sketch, its table and the deaths found.
func (c *Cut) Cost() int {
	width, digits := shape(c.guess, c.live, c.blocks, c.effort)
	buckets := (c.blocks-1)/width + 1
	n := int(packed(buckets, digits)) + 40
	for _, rs := range c.lacks.All() {
		n += 20 + 4*len(rs)
	}
	differ := min(c.guess, c.live, 1<<20)
	element := uint(bitLen(min(differ, buckets)*width<<7)) + checkBits
	return n + int(packed(hashes*cellsFor(differ), element)) + 3*int(differ)
}
