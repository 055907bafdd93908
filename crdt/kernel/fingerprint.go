package kernel

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Fingerprints are 64-bit hashes of (dot, path, payload), equal on every
// replica and combined by XOR. They find differences that accidents make; they
// are no defence against a peer that chooses its inputs.

const (
	rootPrint = 0x9e3779b97f4a7c15
	prime     = 0xd6e8feb86659fd93
)

// mix folds two words into one; it is not commutative.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^rootPrint, b^prime)
	return hi ^ lo
}

// print returns the fingerprint of a leaf.
func (s *State) print(l *leaf) uint64 {
	h := mix(xxhash.Sum64String(l.kv), s.tree.nodes[l.parent].print)
	h = mix(h, s.actors[l.actor].print)
	h = mix(h^l.seq, uint64(l.time))
	return mix(h, uint64(l.keyLen)<<16|uint64(l.tag)<<8|uint64(l.flags&^isHead))
}

// Fingerprint returns the combined fingerprint of all live dots, in O(1).
func (s *State) Fingerprint() uint64 { return s.live }

// Digest returns a hash of the whole state: of the context and of the live
// dots. Replicas with equal digests hold the same. Deaths ahead do not count,
// they are news about dots outside the context; nor do the events of departed
// actors of which nothing lives, see [State.Depart]. It costs O(actors + gaps).
func (s *State) Digest() uint64 {
	var sum uint64
	for i := range s.actors {
		a := &s.actors[i]
		if a.isIdle() {
			continue
		}
		for _, r := range a.seen {
			sum += mix(mix(a.print, r.Lo), r.Hi)
		}
	}
	return mix(sum, s.live)
}
