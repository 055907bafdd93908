package catalog

import "encoding/binary"

// CellSize is how many bytes a cell takes.
const CellSize = 12

// hashes is how many cells a print has, each in a part of the table of its own.
const hashes = 4

// cell is the XOR of the prints in it, and of a check of each.
type cell struct {
	prints uint64
	check  uint32
}

// Table is an invertible Bloom lookup table of prints. Adding a print twice
// takes it out, so a table that was filled at one side and at the other holds the
// prints that only one of them has.
type Table struct {
	salt  uint64
	cells []cell // Invariant: a multiple of hashes
}

// Cells returns how many cells nearly always suffice for so many prints.
func Cells(prints int) int { return hashes * (prints*9/25 + 12) }

// NewTable returns an empty table; cells is what Cells gave. The salt must not be
// known to those who choose names and contents.
func NewTable(cells int, salt uint64) *Table {
	return &Table{salt, make([]cell, max(cells/hashes, 1)*hashes)}
}

// ParseTable reads what Append writes. It returns nil if the bytes are no table.
func ParseTable(b []byte, salt uint64) *Table {
	if len(b) == 0 || len(b)%(CellSize*hashes) != 0 {
		return nil
	}
	t := NewTable(len(b)/CellSize, salt)
	for i := range t.cells {
		c := b[i*CellSize:]
		t.cells[i] = cell{binary.BigEndian.Uint64(c), binary.BigEndian.Uint32(c[8:])}
	}
	return t
}

// Append appends the table's cells to dst.
func (t *Table) Append(dst []byte) []byte {
	for _, c := range t.cells {
		dst = binary.BigEndian.AppendUint64(dst, c.prints)
		dst = binary.BigEndian.AppendUint32(dst, c.check)
	}
	return dst
}

// Toggle adds a print, or takes it out.
func (t *Table) Toggle(print uint64) {
	h := mix(print, t.salt)
	check := uint32(mix(h, ^t.salt))
	quarter := uint64(len(t.cells) / hashes)
	for i := range uint64(hashes) {
		c := &t.cells[i*quarter+h%quarter]
		c.prints ^= print
		c.check ^= check
		h = mix(h, t.salt+i+1)
	}
}

// isPure reports whether a cell holds exactly one print, as far as the check tells.
func (t *Table) isPure(c *cell) bool {
	return c.prints != 0 && c.check == uint32(mix(mix(c.prints, t.salt), ^t.salt))
}

// Read takes all prints out of the table and returns them, or false if that
// could not be done. The table is of no use afterwards. It ends whatever the cells say.
func (t *Table) Read() ([]uint64, bool) {
	var out []uint64
	for progress := true; progress; {
		progress = false
		for i := range t.cells {
			if !t.isPure(&t.cells[i]) {
				continue
			}
			if len(out) == len(t.cells) {
				return nil, false // no honest table of that size can be read so far
			}
			out = append(out, t.cells[i].prints)
			t.Toggle(t.cells[i].prints)
			progress = true
		}
	}
	for _, c := range t.cells {
		if c != (cell{}) {
			return nil, false
		}
	}
	return out, true
}
