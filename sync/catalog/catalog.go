package catalog

import (
	"iter"
	"slices"
	"strings"
)

// Entry is one document. Name is not to be changed, nor Print but by SetPrint.
type Entry[V any] struct {
	Name  string
	Print uint64 // 0: it does not count
	Value V
}

// Catalog is a list of documents by name, in byte order. The zero value is
// empty. It costs about 45 bytes a document besides its name, and a change costs
// O(log n). It is not safe for concurrent use.
type Catalog[V any] struct {
	chunks []*chunk[V]
	size   int
	sum    uint64
}

// chunk is a run of entries.
//
// Invariant: it is sorted and holds 1 to maxChunk entries.
type chunk[V any] struct {
	entries []Entry[V]
	sum     uint64 // XOR of their prints
}

const maxChunk = 256

// Len returns how many documents there are.
func (c *Catalog[V]) Len() int { return c.size }

// Sum returns the XOR of all prints.
func (c *Catalog[V]) Sum() uint64 { return c.sum }

// place is where an entry is: its chunk, and its index in there.
type place struct{ chunk, index int }

// find returns where a name is, or would be, and whether it is there.
func (c *Catalog[V]) find(name string) (place, bool) {
	i, found := slices.BinarySearchFunc(c.chunks, name, func(k *chunk[V], name string) int {
		return strings.Compare(k.entries[0].Name, name)
	})
	if found {
		return place{i, 0}, true
	}
	if i == 0 {
		return place{}, false
	}
	j, found := c.chunks[i-1].find(name)
	return place{i - 1, j}, found
}

func (k *chunk[V]) find(name string) (int, bool) {
	return slices.BinarySearchFunc(k.entries, name, func(e Entry[V], name string) int { return strings.Compare(e.Name, name) })
}

// Get returns a document's entry, nil if it is not there. It is good until the
// next Put or Remove.
func (c *Catalog[V]) Get(name string) *Entry[V] {
	p, ok := c.find(name)
	if !ok {
		return nil
	}
	return &c.chunks[p.chunk].entries[p.index]
}

// Put adds a document with a print of 0, or gives the one of that name another value.
func (c *Catalog[V]) Put(name string, v V) {
	p, ok := c.find(name)
	if ok {
		c.chunks[p.chunk].entries[p.index].Value = v
		return
	}
	c.size++
	if len(c.chunks) == 0 {
		c.chunks = append(c.chunks, &chunk[V]{})
	}
	k := c.chunks[p.chunk]
	if len(k.entries) == maxChunk {
		k, p = c.split(p)
	}
	k.entries = slices.Insert(k.entries, p.index, Entry[V]{Name: name, Value: v})
}

// split makes room in a full chunk, and returns where the place is then. Names
// that come in order leave full chunks behind.
func (c *Catalog[V]) split(p place) (*chunk[V], place) {
	k, half := c.chunks[p.chunk], maxChunk/2
	if p.index == maxChunk && p.chunk == len(c.chunks)-1 {
		half = maxChunk
	}
	upper := &chunk[V]{entries: slices.Clone(k.entries[half:])}
	for i := range upper.entries {
		upper.sum ^= upper.entries[i].Print
	}
	k.sum ^= upper.sum
	clear(k.entries[half:])
	k.entries = k.entries[:half]
	c.chunks = slices.Insert(c.chunks, p.chunk+1, upper)
	if p.index < half || half == maxChunk/2 && p.index == half {
		return k, p
	}
	return upper, place{p.chunk + 1, p.index - half}
}

// SetPrint changes a document's print. It panics if there is no such document.
func (c *Catalog[V]) SetPrint(name string, print uint64) {
	p, ok := c.find(name)
	if !ok {
		panic("catalog: print of a document that is not there")
	}
	k := c.chunks[p.chunk]
	change := k.entries[p.index].Print ^ print
	k.entries[p.index].Print = print
	k.sum ^= change
	c.sum ^= change
}

// Remove takes a document out, if it is there.
func (c *Catalog[V]) Remove(name string) {
	p, ok := c.find(name)
	if !ok {
		return
	}
	k := c.chunks[p.chunk]
	print := k.entries[p.index].Print
	k.entries = slices.Delete(k.entries, p.index, p.index+1)
	k.sum ^= print
	c.sum ^= print
	c.size--
	c.shrink(p.chunk)
}

// shrink drops a chunk that has become empty, or joins it with the next.
func (c *Catalog[V]) shrink(i int) {
	k := c.chunks[i]
	switch {
	case len(k.entries) == 0:
		c.chunks = slices.Delete(c.chunks, i, i+1)
	case i+1 < len(c.chunks) && len(k.entries)+len(c.chunks[i+1].entries) <= maxChunk/2:
		next := c.chunks[i+1]
		k.entries = append(k.entries, next.entries...)
		k.sum ^= next.sum
		c.chunks = slices.Delete(c.chunks, i+1, i+2)
	}
}

// From yields the entries from a name on, in order. The catalog must not be
// changed meanwhile, but for prints.
func (c *Catalog[V]) From(name string) iter.Seq[*Entry[V]] {
	return func(yield func(*Entry[V]) bool) {
		p, _ := c.find(name)
		for i := p.chunk; i < len(c.chunks); i++ {
			k := c.chunks[i].entries
			for j := p.index; j < len(k); j++ {
				if !yield(&k[j]) {
					return
				}
			}
			p.index = 0
		}
	}
}

// Range returns the XOR of the prints of the documents from lo to hi, hi
// excluded, and how many there are; an empty hi is the end. It costs
// O(log n + n/256).
func (c *Catalog[V]) Range(lo, hi string) (sum uint64, count int) {
	from, _ := c.find(lo)
	return c.between(from, c.end(hi))
}

// end returns the place behind the last name below hi.
func (c *Catalog[V]) end(hi string) place {
	if hi == "" {
		return place{len(c.chunks), 0}
	}
	p, _ := c.find(hi)
	return p
}

func (c *Catalog[V]) between(from, to place) (sum uint64, count int) {
	for i := from.chunk; i < len(c.chunks) && i <= to.chunk; i++ {
		k := c.chunks[i]
		lo, hi := 0, len(k.entries)
		if i == from.chunk {
			lo = from.index
		}
		if i == to.chunk {
			hi = to.index
		}
		if lo == 0 && hi == len(k.entries) {
			sum, count = sum^k.sum, count+hi
			continue
		}
		for j := lo; j < hi; j++ {
			sum, count = sum^k.entries[j].Print, count+1
		}
	}
	return sum, count
}
