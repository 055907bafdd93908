package node

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// binding ties messages to a space: what was said in one is no message in
// another, on whatever subject it gets there, by a mapping or by mistake.
type binding uint32

func bindTo(space string) binding { return binding(crc32.Checksum([]byte(space), castagnoli)) }

// apply turns the checksum at the end of a message into one for the space, and
// back.
func (b binding) apply(data []byte) {
	if n := len(data); n >= 4 {
		end := data[n-4:]
		binary.BigEndian.PutUint32(end, binary.BigEndian.Uint32(end)^uint32(b))
	}
}
