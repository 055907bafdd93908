package crdt

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Admit is the check of a type that has one kind of payload, all at the top of
// the document: it refuses those with another tag, and those whose key or value
// the functions refuse.
func Admit(e wire.Entry, tag kernel.Tag, key, value func(string) error) error {
	if e.Depth > 0 || e.Tag != tag || e.Marked && !hasMarks(tag) {
		return fmt.Errorf("%w: tag %d at depth %d, want tag %d", ErrForeign, e.Tag, e.Depth, tag)
	}
	if err := key(e.Key); err != nil {
		return fmt.Errorf("%w: key %.40q: %w", ErrForeign, e.Key, err)
	}
	if e.Marked && e.Value == "" {
		return nil
	}
	if err := value(e.Value); err != nil {
		return fmt.Errorf("%w: value at %.40q: %w", ErrForeign, e.Key, err)
	}
	return nil
}

// hasMarks reports whether marked payloads have a meaning under a tag.
func hasMarks(t kernel.Tag) bool { return t == TagRWElem || t == TagDWFlag || t == TagLWWField }

// isIncrement accepts the value of a counter payload.
func isIncrement(s string) error {
	if isFold(s) {
		_, err := readFold(s)
		return err
	}
	r := wire.NewReader([]byte(s))
	r.Int()
	if r.Err() == nil && r.Len() > 0 {
		r.Fail("%d bytes behind the end", r.Len())
	}
	return r.Err()
}
