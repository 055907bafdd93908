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

// Check calls check for each payload until one is refused, and returns that error.
func (f *Fragment) Check(check func(Entry) error) error {
	for i := range f.sections {
		c := &f.sections[i]
		w := c.walk()
		for range c.count {
			w.next()
			if err := check(Entry{w.depth, w.tag, w.op&opMark != 0, view(w.key), view(w.value)}); err != nil {
				return err
			}
		}
	}
	return nil
}
