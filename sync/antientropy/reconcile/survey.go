package reconcile

import (
	"iter"
	"math/bits"
	"sort"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// survey is a state's live dots among the common events: 32 bytes a block that
// has any.
type survey struct {
	space
	rows []row // in the order of the line
	live uint64
}

type row struct {
	block uint64
	mask  [2]uint64
	print uint64
}

// newSurvey costs O(blocks with live dots), and the payloads of blocks in which
// dots live that are not common.
func newSurvey(s *kernel.State, common *causal.Context) (*survey, error) {
	p, err := newSpace(common)
	if err != nil {
		return nil, err
	}
	v := &survey{space: p, rows: make([]row, 0, min(p.blocks, uint64(s.Dots())))}
	for i := range p.lanes {
		if a, ok := s.Lookup(p.lanes[i].actor); ok {
			v.add(s, a, &p.lanes[i])
		}
	}
	return v, nil
}

func (v *survey) add(s *kernel.State, a kernel.Index, l *lane) {
	rest := l.common
	for b := range s.Blocks(a, causal.Range{Lo: l.common[0].Lo, Hi: l.common.Max()}) {
		lo := b.Number * kernel.BlockSize
		for len(rest) > 0 && rest[0].Hi < lo {
			rest = rest[1:]
		}
		common := within(rest, lo)
		r := row{block: b.Number - l.first + l.base, print: b.Print}
		for i := range r.mask {
			if r.mask[i] = b.Mask[i] & common[i]; r.mask[i] != b.Mask[i] {
				strip(s, a, &r.print, b.Mask[i]&^common[i], lo+uint64(i)*64)
			}
		}
		if n := r.count(); n > 0 {
			v.rows = append(v.rows, r)
			v.live += n
		}
	}
}

// within returns which of the BlockSize numbers from lo on are in rs.
func within(rs causal.Ranges, lo uint64) (mask [2]uint64) {
	for _, r := range rs {
		if r.Lo >= lo+kernel.BlockSize {
			break
		}
		from, to := max(r.Lo, lo)-lo, min(r.Hi-lo, kernel.BlockSize-1)
		for i := range mask {
			first := uint64(i) * 64
			if from < first+64 && to >= first {
				a, z := max(from, first)-first, min(to, first+63)-first
				mask[i] |= ^uint64(0) >> (63 - z) & (^uint64(0) << a)
			}
		}
	}
	return mask
}

// strip takes the fingerprints of 64 dots' live ones, as mask says, out of print.
func strip(s *kernel.State, a kernel.Index, print *uint64, mask, lo uint64) {
	for ; mask != 0; mask &= mask - 1 {
		p, _ := s.DotPrint(a, lo+uint64(bits.TrailingZeros64(mask)))
		*print ^= p
	}
}

func (r *row) count() uint64 {
	return uint64(bits.OnesCount64(r.mask[0]) + bits.OnesCount64(r.mask[1]))
}

func (r *row) has(pos uint64) bool {
	return r.mask[pos/64%2]>>(pos%64)&1 == 1
}

// from returns the rows from a block on.
func (v *survey) from(block uint64) []row {
	return v.rows[sort.Search(len(v.rows), func(i int) bool { return v.rows[i].block >= block }):]
}

// between returns the rows of the blocks lo to hi, the latter excluded.
func (v *survey) between(lo, hi uint64) []row {
	rows := v.from(lo)
	return rows[:sort.Search(len(rows), func(i int) bool { return rows[i].block >= hi })]
}

// isLive reports whether the dot at a position is live.
func (v *survey) isLive(pos uint64) bool {
	rows := v.from(pos / kernel.BlockSize)
	return len(rows) > 0 && rows[0].block == pos/kernel.BlockSize && rows[0].has(pos)
}

// positions yields those of the live dots of rows.
func positions(rows []row) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range rows {
			for w, m := range rows[i].mask {
				for ; m != 0; m &= m - 1 {
					if !yield(rows[i].block*kernel.BlockSize + uint64(w)*64 + uint64(bits.TrailingZeros64(m))) {
						return
					}
				}
			}
		}
	}
}

// ranges returns the positions of the live dots of rows.
func ranges(rows []row) (out causal.Ranges) {
	for pos := range positions(rows) {
		out = out.AddSeq(pos)
	}
	return out
}

// died returns the positions of what was live in v and is not in now.
func (v *survey) died(now *survey) (out causal.Ranges) {
	later := now.rows
	for _, r := range v.rows {
		for len(later) > 0 && later[0].block < r.block {
			later = later[1:]
		}
		if len(later) > 0 && later[0].block == r.block {
			r.mask[0] &^= later[0].mask[0]
			r.mask[1] &^= later[0].mask[1]
		}
		for pos := range positions([]row{r}) {
			out = out.AddSeq(pos)
		}
	}
	return out
}
