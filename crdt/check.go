package crdt

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Only returns a Check that admits only payloads at the top of the document,
// with this tag, whose key and value the functions accept.
func Only(tag kernel.Tag, key, value func(string) error) Check {
	return func(depth int, got kernel.Tag, k, v string) error {
		if depth > 0 || got != tag {
			return fmt.Errorf("%w: tag %d at depth %d, want tag %d", ErrForeign, got, depth, tag)
		}
		if err := key(k); err != nil {
			return fmt.Errorf("%w: key %.40q: %w", ErrForeign, k, err)
		}
		if err := value(v); err != nil {
			return fmt.Errorf("%w: value at %.40q: %w", ErrForeign, k, err)
		}
		return nil
	}
}

// isIncrement accepts the value of a counter payload.
func isIncrement(s string) error {
	r := wire.NewReader([]byte(s))
	r.Int()
	if r.Err() == nil && r.Len() > 0 {
		r.Fail("%d bytes behind the end", r.Len())
	}
	return r.Err()
}
