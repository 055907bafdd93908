package crdt

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Only returns a Check that admits only payloads at the top of the document,
// with this tag, whose key and value the functions accept.
func Only(tag kernel.Tag, key, value func(string) error) Check {
	return func(e wire.Entry) error {
		if e.Depth > 0 || e.Tag != tag || e.Marked && !hasMarks(tag) {
			return fmt.Errorf("%w: tag %d at depth %d, want tag %d", ErrForeign, e.Tag, e.Depth, tag)
		}
		if err := key(e.Key); err != nil {
			return fmt.Errorf("%w: key %.40q: %w", ErrForeign, e.Key, err)
		}
		accept := value
		if e.Marked {
			accept = codec.Empty
		}
		if err := accept(e.Value); err != nil {
			return fmt.Errorf("%w: value at %.40q: %w", ErrForeign, e.Key, err)
		}
		return nil
	}
}

// hasMarks reports whether marked payloads have a meaning under a tag.
func hasMarks(t kernel.Tag) bool { return t == TagRWElem || t == TagDWFlag || t == TagLWWField }

// isIncrement accepts the value of a counter payload.
func isIncrement(s string) error {
	r := wire.NewReader([]byte(s))
	r.Int()
	if r.Err() == nil && r.Len() > 0 {
		r.Fail("%d bytes behind the end", r.Len())
	}
	return r.Err()
}
