package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// The first byte of a key.
const (
	kindMeta       = 'M'
	kindClock      = 'C'
	kindName       = 'N'
	kindHead       = 'H'
	kindRecord     = 'L'
	kindRow        = 'R'
	kindSpace      = 'S'
	kindAside      = 'Q'
	kindQuarantine = 'V'
)

func numbered(kind byte, num uint64, rest ...uint64) []byte {
	k := binary.BigEndian.AppendUint64([]byte{kind}, num)
	for _, r := range rest {
		k = binary.BigEndian.AppendUint64(k, r)
	}
	return k
}

func nameKey(doc string) []byte { return append([]byte{kindName}, doc...) }

// recordKeySize is the length of every record's key.
const recordKeySize = 1 + 8 + 8

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
		return nil, &store.CorruptError{Key: bytes.Clone(key), Err: errSum}
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

// recordHead is how many bytes of a record are in front of its delta.
const recordHead = sumSize + 1

// recordValue returns what a record is stored as. The checksum is of the key and
// the kind; the delta has its own.
func recordValue(key []byte, rec *replica.Record) []byte {
	v := make([]byte, recordHead, recordHead+len(rec.Delta))
	if rec.Unit {
		v[sumSize] = 1
	}
	binary.BigEndian.PutUint32(v, sum(key, v[sumSize:recordHead]))
	return append(v, rec.Delta...)
}

// parseRecord returns a record without its document's name. The delta is a view.
func parseRecord(key, v []byte) (rec replica.Record, f *delta.Frame, err error) {
	if len(key) != recordKeySize || len(v) < recordHead || v[sumSize] > 1 {
		return rec, nil, corrupt(key, "no record")
	}
	if binary.BigEndian.Uint32(v) != sum(key, v[sumSize:recordHead]) {
		return rec, nil, &store.CorruptError{Key: bytes.Clone(key), Err: errSum}
	}
	rec = replica.Record{Unit: v[sumSize] == 1, Delta: delta.Delta(v[recordHead:])}
	if f, err = rec.Delta.Open(); err != nil {
		return rec, nil, corrupt(key, "%w", err)
	}
	return rec, f, nil
}

// corrupt says that what is at a key is not what was written.
func corrupt(key []byte, format string, args ...any) error {
	return &store.CorruptError{Key: bytes.Clone(key), Err: fmt.Errorf(format, args...)}
}

func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

func positionOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[9:]) }
