package sim

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
)

// A replica that can't send what it has to commit records its events one by one
// or a few at a time, and later seals them together with others. The ledger has
// them as the units that were recorded, and of what is sealed only the rest.

// firstNew returns the first of the events that is in no unit yet.
func (c *column) firstNew(own causal.Range) uint64 {
	for c.at(own.Lo).unit != nil && own.Lo < own.Hi {
		own.Lo++
	}
	return own.Lo
}

// kills returns what the events below first died of, or killed.
func (c *column) kills(events causal.Ranges, first uint64) map[causal.Dot]bool {
	killed := map[causal.Dot]bool{}
	for _, r := range events {
		for seq := r.Lo; seq <= min(r.Hi, first-1); seq++ {
			if u := c.at(seq).unit; u != nil {
				for _, d := range u.kills {
					killed[causal.Dot{Actor: d.col.actor, Seq: d.seq}] = true
				}
			}
		}
	}
	return killed
}

// superseded returns the events below first whose payloads a unit leaves out,
// though they had been recorded with them: it kills them.
func (c *column) superseded(own causal.Range, first uint64, f *delta.Frame) (kills []deadDot) {
	if first == own.Lo {
		return nil
	}
	lives := map[uint64]bool{}
	for add := range f.All() {
		lives[add.Dot.Seq] = true
	}
	for seq := own.Lo; seq < first; seq++ {
		if c.at(seq).add != nil && !lives[seq] {
			kills = append(kills, deadDot{c, seq})
		}
	}
	return kills
}
