package wire

import "github.com/joinery-crdt/joinery/crdt/kernel"

// Entry is what a type wants to know of a payload before it is merged. The
// strings are views of the fragment's bytes.
type Entry struct {
	Depth  int // components of the path above its own
	Tag    kernel.Tag
	Marked bool
	Key    string
	Value  string
}

// Check looks at a payload and may refuse it, and so the fragment that it is
// in. The strings of the entry are good during the call.
type Check func(Entry) error
