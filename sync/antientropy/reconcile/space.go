package reconcile

import (
	"errors"
	"sort"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// maxBlocks bounds the line, in blocks: 2^47 events.
const maxBlocks = 1 << 40

// ErrTooWide means that the common events span too many sequence numbers. No
// history that was really written does; send the whole state instead.
var ErrTooWide = errors.New("reconcile: common context spans too many events; send the whole state")

// space lays the common events of all actors on one line of blocks. A position
// is block*BlockSize + the event's place in the block.
type space struct {
	lanes  []lane
	blocks uint64 // the end of the line. Invariant: at most maxBlocks
}

// lane is the part of the line that one actor has.
type lane struct {
	actor  causal.Actor
	common causal.Ranges
	first  uint64 // number of its first block, as its actor counts
	base   uint64 // of the same, as the line counts
	end    uint64 // behind its last block, as the line counts
}

// newSpace costs O(actors), whatever their events span.
func newSpace(common *causal.Context) (space, error) {
	p := space{lanes: make([]lane, 0, common.Actors()), blocks: 1}
	for a, rs := range common.All() {
		l := lane{actor: a, common: rs, first: rs[0].Lo / kernel.BlockSize, base: p.blocks}
		n := rs.Max()/kernel.BlockSize - l.first + 1
		if n > maxBlocks-p.blocks {
			return space{}, ErrTooWide
		}
		l.end = l.base + n
		p.blocks = l.end
		p.lanes = append(p.lanes, l)
	}
	return p, nil
}

// laneOf returns the lane that a block lies in; nil for block 0 and those beyond.
func (p *space) laneOf(block uint64) *lane {
	i := sort.Search(len(p.lanes), func(i int) bool { return p.lanes[i].end > block })
	if block == 0 || i == len(p.lanes) {
		return nil
	}
	return &p.lanes[i]
}

// shift is what turns the lane's positions into sequence numbers when added.
func (l *lane) shift() uint64 { return (l.first - l.base) * kernel.BlockSize }

// dot returns the sequence number at a position and its lane, nil if no common
// event stands there.
func (p *space) dot(pos uint64) (*lane, uint64) {
	l := p.laneOf(pos / kernel.BlockSize)
	if l == nil || !l.common.Contains(pos+l.shift()) {
		return nil, 0
	}
	return l, pos + l.shift()
}

// events returns the common events at positions.
func (p *space) events(positions causal.Ranges) (c causal.Context) {
	for i := range p.lanes {
		l := &p.lanes[i]
		lo, hi := l.base*kernel.BlockSize, l.end*kernel.BlockSize-1
		var here causal.Ranges
		for len(positions) > 0 && positions[0].Lo <= hi {
			r := positions[0]
			if r.Hi >= lo {
				here = append(here, causal.Range{Lo: max(r.Lo, lo) + l.shift(), Hi: min(r.Hi, hi) + l.shift()})
			}
			if r.Hi > hi {
				break
			}
			positions = positions[1:]
		}
		if common := here.Intersect(l.common); len(common) > 0 {
			c.Set(l.actor, common)
		}
	}
	return c
}
