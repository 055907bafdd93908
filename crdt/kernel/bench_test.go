package kernel

import (
	"encoding/binary"
	"testing"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// benchKeys is few enough for what is measured to be found in caches, as it is when a
// write has just touched it.
const benchKeys = 1 << 10

func benchState() (*State, Index) {
	s := &State{}
	a := s.Intern(causal.Actor{ID: causal.ID{1}, Incarnation: 7})
	for n := range uint64(benchKeys) {
		overwrite(s, a, n)
	}
	return s, a
}

func overwrite(s *State, a Index, n uint64) {
	key := binary.BigEndian.AppendUint32(nil, uint32(n%benchKeys))
	s.Assign(a, s.Next(a), &Payload{Tag: 2, Key: string(key), Value: "a value of some length"}, nil)
}

// BenchmarkOverwrite answers: what does a write cost that replaces another?
func BenchmarkOverwrite(b *testing.B) {
	s, a := benchState()
	for n := range uint64(b.N) {
		overwrite(s, a, n)
	}
}

// BenchmarkFingerprintUpkeep answers: what of that is for fingerprints? A write that
// replaces another hashes both payloads, and folds them into those of their blocks
// and of the state.
func BenchmarkFingerprintUpkeep(b *testing.B) {
	s, a := benchState()
	c := &s.actors[a].dots
	var ids []leafID
	c.each(1, benchKeys, func(_ uint64, id leafID) bool {
		ids = append(ids, id)
		return true
	})
	b.ResetTimer()
	for n := range b.N {
		dead, born := ids[n%benchKeys], ids[(n+benchKeys/2)%benchKeys]
		for _, id := range [2]leafID{dead, born} {
			l := s.leaves.at(id)
			print := s.print(l)
			s.live ^= print
			c.blocks[l.seq>>blockBits%uint64(len(c.blocks))].print ^= print
		}
	}
}
