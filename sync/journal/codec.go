package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/joinery-crdt/joinery/sync/store"
)

// The first byte of a key.
const (
	kindMeta   = 'M'
	kindClock  = 'C'
	kindName   = 'N'
	kindHead   = 'H'
	kindRecord = 'L'
	kindRow    = 'R'
	kindAside  = 'Q'
)

func numbered(kind byte, num uint64, rest ...uint64) []byte {
	k := binary.BigEndian.AppendUint64([]byte{kind}, num)
	for _, r := range rest {
		k = binary.BigEndian.AppendUint64(k, r)
	}
	return k
}

func nameKey(doc string) []byte { return append([]byte{kindName}, doc...) }

func recordKey(num, pos uint64) []byte { return numbered(kindRecord, num, pos) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumSize is the length of the checksum in front of a value.
const sumSize = 4

// put adds a value with its checksum. value has sumSize bytes of room in front.
func put(b *store.Batch, key, value []byte) {
	binary.BigEndian.PutUint32(value, sum(key, value[sumSize:]))
	b.Put(key, value)
}

func sum(key, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, rest)
}

var errSum = errors.New("the checksum does not match")

// open checks a value's checksum and returns what it is of.
func open(key, value []byte) ([]byte, error) {
	if len(value) < sumSize || binary.BigEndian.Uint32(value) != sum(key, value[sumSize:]) {
		return nil, &store.CorruptError{Key: append([]byte(nil), key...), Err: errSum}
	}
	return value[sumSize:], nil
}

// get reads a value with a checksum.
func get(s store.Reader, key []byte) ([]byte, error) {
	v, err := s.Get(key)
	if err != nil {
		return nil, err
	}
	return open(key, v)
}

// corrupt says that what is at a key is not what was written.
func corrupt(key []byte, format string, args ...any) error {
	return &store.CorruptError{Key: append([]byte(nil), key...), Err: fmt.Errorf(format, args...)}
}

func positionOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[9:]) }
