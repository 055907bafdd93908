package reconcile

// hashes is how many cells an element has.
const hashes = 4

// checkBits is the width of a cell's check.
const checkBits = 16

// maxCells bounds the cells per hash: a quarter's number takes 16 bits of the hash.
const maxCells = 1 << 14

// filter is an invertible Bloom lookup table of elements 1 and above. Adding an
// element twice takes it out again, so the XOR of two filters is that of the
// difference of their sets.
type filter struct {
	salt  uint64
	per   uint64 // cells per hash
	cells []cell
	sum   uint64 // XOR of all hashes: says that what was read off is all
}

type cell struct {
	element uint64
	check   uint64
}

func newFilter(salt, per uint64) filter {
	return filter{salt: salt, per: per, cells: make([]cell, hashes*per)}
}

func check(hash uint64) uint64 { return hash * 0x9e3779b97f4a7c15 >> (64 - checkBits) }

// place returns the j-th cell of a hash.
func (f *filter) place(hash uint64, j int) uint64 {
	return uint64(j)*f.per + hash>>(16*j)&0xffff*f.per>>16
}

// toggle adds an element or takes it out.
func (f *filter) toggle(element uint64) {
	h := mix(element, f.salt)
	f.sum ^= h
	c := check(h)
	for j := range hashes {
		p := &f.cells[f.place(h, j)]
		p.element ^= element
		p.check ^= c
	}
}

// decode takes out all elements, none above limit, and returns them in no order. It
// reports false if that is not possible. It takes O(cells), whatever is in them.
func (f *filter) decode(limit uint64) ([]uint64, bool) {
	var out []uint64
	next := make([]uint64, len(f.cells), 2*len(f.cells))
	for i := range next {
		next[i] = uint64(i)
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		e := f.cells[i].element
		if !f.isPure(i, limit) {
			continue
		}
		if len(out) == len(f.cells) { // a table holds no more than it has cells
			return nil, false
		}
		out = append(out, e)
		f.toggle(e)
		for j, h := 0, mix(e, f.salt); j < hashes; j++ {
			next = append(next, f.place(h, j))
		}
	}
	return out, f.isEmpty()
}

// isPure reports whether a cell holds one element.
func (f *filter) isPure(i, limit uint64) bool {
	c := f.cells[i]
	if c.element == 0 || c.element > limit {
		return false
	}
	h := mix(c.element, f.salt)
	return check(h) == c.check && f.place(h, int(i/f.per)) == i
}

func (f *filter) isEmpty() bool {
	for _, c := range f.cells {
		if c != (cell{}) {
			return false
		}
	}
	return f.sum == 0
}
