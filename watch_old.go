package joinery

import (
	"strings"

	"github.com/joinery-crdt/joinery/sync/node"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// maxOld bounds the bytes that a watch remembers, and oldCost is what a place
// costs besides its name and value.
const (
	maxOld  = 64 << 20
	oldCost = 160
)

// shown is what a watch last gave out of every place where something was.
//
// Invariant: unless it is partial, nothing was at the places that are not known.
type shown struct {
	known   map[string]found
	bytes   int
	partial bool
}

// swap remembers a reading and returns the one before it, false if it was forgotten.
func (s *shown) swap(doc string, r *reading) (before found, ok bool) {
	key := string(node.AppendPlace(nil, &replica.Change{Doc: doc, Path: r.path, Tag: r.tag, Key: r.key}))
	before, known := s.known[key]
	if known {
		s.bytes -= oldCost + len(key) + len(before.value)
		delete(s.known, key)
	}
	ok = known || !s.partial
	if !r.exists {
		return before, ok
	}
	cost := oldCost + len(key) + len(r.value)
	if s.bytes+cost > maxOld {
		s.partial = true
		return before, ok
	}
	after := r.found
	after.value = strings.Clone(after.value) // not the memory around it
	s.bytes += cost
	s.known[key] = after
	return before, ok
}

func newShown() *shown { return &shown{known: make(map[string]found)} }
