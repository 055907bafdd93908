package crdt

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Container returns the container at a path, if anything lives in it.
func (d *Document) Container(path []kernel.Component) (kernel.Ref, bool) {
	r := kernel.Root
	for _, c := range path {
		var ok bool
		if r, ok = d.state.Find(r, c.Tag, c.Name); !ok {
			return 0, false
		}
	}
	return r, true
}

// Ensure returns the container at a path, creating it by need. The Ref is good
// for the next write alone.
func (d *Document) Ensure(path []kernel.Component) (kernel.Ref, error) {
	if err := CheckPath(path); err != nil {
		return 0, err
	}
	r := kernel.Root
	for _, c := range path {
		r = d.state.Ensure(r, c.Tag, c.Name)
	}
	return r, nil
}

// CheckPath returns an error if a path is above the limits.
func CheckPath(path []kernel.Component) error {
	if len(path) >= kernel.MaxDepth {
		return fmt.Errorf("%w: path of %d levels, the limit is %d", ErrTooLarge, len(path), kernel.MaxDepth-1)
	}
	size := 0
	for _, c := range path {
		if size += len(c.Name); len(c.Name) > kernel.MaxKey {
			return fmt.Errorf("%w: name of %d bytes, the limit is %d", ErrTooLarge, len(c.Name), kernel.MaxKey)
		}
	}
	if size > wire.MaxPath {
		return fmt.Errorf("%w: path of %d bytes, the limit is %d", ErrTooLarge, size, wire.MaxPath)
	}
	return nil
}
