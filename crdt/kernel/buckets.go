package kernel

import (
	"iter"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// BlockSize is how many consecutive sequence numbers a Block spans.
const BlockSize = 1 << blockBits

// Block is the live dots of one actor among BlockSize consecutive sequence
// numbers, the first of them a multiple of BlockSize.
type Block struct {
	Number uint64    // the first sequence number divided by BlockSize
	Mask   [2]uint64 // bit i is set if Number*BlockSize+i is live
	Print  uint64    // XOR of the fingerprints of its live dots
}

// Blocks yields the actor's blocks with live dots that r touches, in order, each
// whole. It costs O(blocks) and looks at no payload. The state must not be mutated
// meanwhile.
func (s *State) Blocks(a Index, r causal.Range) iter.Seq[Block] {
	return func(yield func(Block) bool) {
		c := &s.actors[a].dots
		for i := c.search(r.Lo >> blockBits); i < len(c.blocks) && c.blocks[i].number <= r.Hi>>blockBits; i++ {
			b := &c.blocks[i]
			if len(b.ids) > 0 && !yield(Block{b.number, b.mask, b.print}) {
				return
			}
		}
	}
}

// DotPrint returns the fingerprint of a dot and whether it is live, in
// O(size of its payload).
func (s *State) DotPrint(a Index, seq uint64) (uint64, bool) {
	id := s.actors[a].dots.get(seq)
	if id == none {
		return 0, false
	}
	return s.print(s.leaves.at(id)), true
}
