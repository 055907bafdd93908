package delta

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/wire"
)

// ErrParts means that no frame can hold the parts: two have one ID, or they are
// too long.
var ErrParts = errors.New("delta: parts that no frame can hold")

// maxPartHead is how many bytes a part has besides its data, at most.
const maxPartHead = 9 + 5

// WithParts returns the delta with these optional parts, in any order, in place
// of those that it has; without any it takes them away. What the delta says
// stays the same. The delta is validated whole and left as it is. The error
// wraps those of Open, or ErrParts.
func (d Delta) WithParts(parts []Part) (Delta, error) {
	var f Frame
	if err := d.OpenInto(&f); err != nil {
		return nil, err
	}
	content, err := d.content()
	if err != nil {
		return nil, err
	}
	features, r := content[0], wire.NewReader(content[bodyOffset:])
	if features&hasParts != 0 {
		readParts(&r)
	}
	parts, size, err := ordered(parts)
	if err != nil {
		return nil, err
	}
	body := r.Rest()
	if size += maxHeader + len(body); size > MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes with the frame, the limit is %d", ErrParts, size, MaxFrame)
	}
	dst := make([]byte, maxHeader, size)
	features &^= hasParts
	if len(parts) > 0 {
		features |= hasParts
		dst = appendParts(dst, parts)
	}
	return seal(append(dst, body...), 0, features), nil
}

// ordered returns the parts by ID, and how many bytes they take at most.
func ordered(parts []Part) (sorted []Part, size int, err error) {
	sorted = slices.SortedFunc(slices.Values(parts), func(a, b Part) int { return cmp.Compare(a.ID, b.ID) })
	size = 9
	for i, p := range sorted {
		if i > 0 && sorted[i-1].ID == p.ID {
			return nil, 0, fmt.Errorf("%w: two have the id %d", ErrParts, p.ID)
		}
		if size += maxPartHead + len(p.Data); size > MaxFrame {
			return nil, 0, fmt.Errorf("%w: more than %d bytes", ErrParts, MaxFrame)
		}
	}
	return sorted, size, nil
}

func appendParts(dst []byte, parts []Part) []byte {
	dst = wire.AppendUint(dst, uint64(len(parts)))
	for _, p := range parts {
		dst = wire.AppendBin(wire.AppendUint(dst, p.ID), string(p.Data))
	}
	return dst
}
