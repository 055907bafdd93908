package reconcile

import (
	"encoding/binary"
	"math/bits"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

const blockBytes = kernel.BlockSize / 8

func bitLen(n uint64) int { return bits.Len64(n) }

// bitmap returns a bit a position from block first to that of the last row, two
// big-endian words a block.
func bitmap(rows []row, first uint64) []byte {
	out := make([]byte, (rows[len(rows)-1].block-first+1)*blockBytes)
	for i := range rows {
		at := out[(rows[i].block-first)*blockBytes:]
		binary.BigEndian.PutUint64(at, rows[i].mask[0])
		binary.BigEndian.PutUint64(at[8:], rows[i].mask[1])
	}
	return out
}

// readList reads what appendList writes: positions counted from 1, none above span.
func readList(r *wire.Reader, span uint64) (rs causal.Ranges) {
	if c := r.Peek(); c < 0xc4 || c > 0xc6 {
		rs = wire.ReadRanges(r)
	} else if b := r.Bin(); len(b)%blockBytes != 0 {
		r.Fail("bitmap of %d bytes", len(b))
	} else {
		for i := 0; i < len(b); i += 8 {
			for m := binary.BigEndian.Uint64(b[i:]); m != 0; m &= m - 1 {
				rs = rs.AddSeq(uint64(i)*8 + uint64(bits.TrailingZeros64(m)) + 1)
			}
		}
	}
	if rs.Max() > span {
		r.Fail("dot behind the end of its bucket")
		return nil
	}
	return rs
}
