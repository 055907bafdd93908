package joinery

import (
	"context"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// LWWMap maps names to values, where a put and a deletion compete by time: the
// later wins, whether or not it knew of the other.
type LWWMap struct {
	target
	path []kernel.Component
}

// Name returns the map's name.
func (m LWWMap) Name() string { return m.path[len(m.path)-1].Name }

// Entry returns a handle on one entry, to be read with Get and Siblings.
func (m LWWMap) Entry(key string) Entry {
	return Entry{field{m.target, m.path, crdt.TagLWWField, key}}
}

// Put writes an entry.
func (m LWWMap) Put(ctx context.Context, key string, value any, opts ...Option) error {
	return m.Entry(key).Set(ctx, value, opts...)
}

// Delete deletes an entry. The deletion is recorded with its time.
func (m LWWMap) Delete(ctx context.Context, key string, opts ...Option) error {
	return m.Entry(key).assign(ctx, "", true, opts)
}

// Keys returns the keys of the entries, in byte order.
func (m LWWMap) Keys() (keys []string) {
	m.read(func(d *crdt.Document) {
		in, ok := d.Container(m.path)
		if !ok {
			return
		}
		for l := range d.Entries(in) {
			if l.Tag == crdt.TagLWWField && !l.Marked {
				keys = append(keys, l.Key)
			}
		}
	})
	slices.Sort(keys)
	return keys
}

// Entry is one entry of an LWWMap.
type Entry struct {
	field
}

// Set writes the entry.
func (e Entry) Set(ctx context.Context, value any, opts ...Option) error {
	v, err := e.encode(value)
	if err != nil {
		return err
	}
	return e.assign(ctx, v, false, opts)
}

// Delete deletes the entry.
func (e Entry) Delete(ctx context.Context, opts ...Option) error {
	return e.assign(ctx, "", true, opts)
}
