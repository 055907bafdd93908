package journal

import (
	"encoding/binary"

	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// rowKeySize is the length of every row's key.
const rowKeySize = 1 + 8 + 8 + 4 + 8

func rowKey(dst []byte, num, place uint64, actor uint32, seq uint64) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, kindRow), num)
	dst = binary.BigEndian.AppendUint64(dst, place)
	dst = binary.BigEndian.AppendUint32(dst, actor)
	return binary.BigEndian.AppendUint64(dst, seq)
}

// parseRowKey returns whose dot a row is of.
func parseRowKey(key []byte) (actor uint32, seq uint64) {
	return binary.BigEndian.Uint32(key[17:]), binary.BigEndian.Uint64(key[21:])
}

const (
	rowMarked = 1 << iota
	rowExpires
	rowFlags // the first number that is none
)

// appendRow appends a live dot's row, without its checksum.
func appendRow(dst []byte, s *kernel.State, l *kernel.Live) []byte {
	flags := uint64(0)
	if l.Marked {
		flags |= rowMarked
	}
	if l.Expiry != 0 {
		flags |= rowExpires
	}
	dst = wire.AppendUint(wire.AppendUint(dst, flags), uint64(l.Time))
	if l.Expiry != 0 {
		dst = wire.AppendUint(dst, uint64(l.Expiry))
	}
	path := s.Path(nil, l.Parent)
	dst = wire.AppendUint(dst, uint64(len(path)))
	for _, c := range path {
		dst = wire.AppendBytes(wire.AppendUint(dst, uint64(c.Tag)), c.Name)
	}
	dst = wire.AppendUint(dst, uint64(l.Tag))
	return wire.AppendBytes(wire.AppendBytes(dst, l.Key), l.Value)
}

// row is a row as it was read. Its strings are copies.
type row struct {
	path []kernel.Component
	kernel.Payload
}

func parseRow(key, value []byte) (row, error) {
	r := wire.NewReader(value)
	var x row
	flags := r.Uint()
	if flags >= rowFlags {
		r.Fail("flags %#x", flags)
	}
	if flags&rowMarked != 0 {
		x.Flags = kernel.Mark
	}
	x.Time = hlc.Time(r.Uint())
	if flags&rowExpires != 0 {
		x.Expiry = hlc.Time(r.Uint())
	}
	n := r.Uint()
	if n >= kernel.MaxDepth {
		r.Fail("a path of %d components", n)
		n = 0
	}
	for range n {
		x.path = append(x.path, kernel.Component{Tag: readTag(&r), Name: string(r.Bytes())})
	}
	x.Tag = readTag(&r)
	x.Key, x.Value = string(r.Bytes()), string(r.Bytes())
	if r.Err() != nil || r.Len() > 0 {
		return x, corrupt(key, "no row: %v, %d bytes left", r.Err(), r.Len())
	}
	return x, x.check(key, flags)
}

func readTag(r *wire.Reader) kernel.Tag {
	t := r.Uint()
	if t == 0 || t > 0x7f {
		r.Fail("tag %d", t)
	}
	return kernel.Tag(t)
}

// check refuses what no state holds: it could not be encoded again.
func (x *row) check(key []byte, flags uint64) error {
	names := 0
	for i := range x.path {
		names += len(x.path[i].Name)
	}
	switch {
	case len(x.Key) > kernel.MaxKey, len(x.Value) > kernel.MaxValue, names > wire.MaxPath:
		return corrupt(key, "a row above the limits")
	case x.Tag&1 == 1 && x.Value != "":
		return corrupt(key, "a value under a tag that has none")
	case x.Time > hlc.MaxTime, x.Expiry > hlc.MaxTime, flags&rowExpires != 0 && x.Expiry == 0:
		return corrupt(key, "a time out of bounds")
	case kernel.PlaceHash(x.path, x.Tag, x.Key) != placeOf(key):
		return corrupt(key, "a row of another place")
	}
	return nil
}

// payload returns what the row adds to a state, whose containers it creates by need.
func (x *row) payload(s *kernel.State) *kernel.Payload {
	x.Parent = kernel.Root
	for _, c := range x.path {
		x.Parent = s.Ensure(x.Parent, c.Tag, c.Name)
	}
	return &x.Payload
}

func placeOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[9:]) }
