package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/joinery-crdt/joinery/sync/store"
)

// ErrBackup means that a backup is damaged, cut short, or none at all. It comes
// with the offset at which that showed.
var ErrBackup = errors.New("journal: no whole backup")

// Parts of the stream, see FORMAT.md.
const (
	backupMagic   = "joinery backup "
	backupVersion = 1
	maxMagic      = len(backupMagic) + 12

	partBlock, partEnd = 'B', 'E'

	blockHead = 1 + 4 + 4
	endSize   = 4*8 + 4 + 4
	// blockSize is how long a block gets before the next begins.
	blockSize = 256 << 10
	// maxBlock is the longest block that can be: one entry more than needed.
	maxBlock = blockSize + 2*binary.MaxVarintLen32 + store.MaxKey + store.MaxValue
)

// end is the last part of a stream: what was in the others.
type end struct {
	entries, bytes, blocks, leftOut uint64
	chain                           uint32 // checksum over those of the blocks
}

func (e *end) append(dst []byte) []byte {
	from := len(dst)
	for _, n := range []uint64{e.entries, e.bytes, e.blocks, e.leftOut} {
		dst = binary.BigEndian.AppendUint64(dst, n)
	}
	dst = binary.BigEndian.AppendUint32(dst, e.chain)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[from:], castagnoli))
}

// link adds a block's checksum to the chain.
func (e *end) link(sum uint32) {
	e.blocks++
	e.chain = crc32.Update(e.chain, castagnoli, binary.BigEndian.AppendUint32(nil, sum))
}

// blockSum is the checksum of the block with this index.
func blockSum(index uint64, block []byte) uint32 {
	var place [12]byte
	binary.BigEndian.PutUint64(place[:], index)
	binary.BigEndian.PutUint32(place[8:], uint32(len(block)))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, block)
}

// streamReader reads a backup. All that it says is checked before it is used.
type streamReader struct {
	r      io.Reader
	offset int64
	seen   end
	last   []byte // key
	buf    bytes.Buffer
}

// damaged says what is wrong where the reader is.
func (s *streamReader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w, at byte %d: %w", ErrBackup, s.offset, fmt.Errorf(format, args...))
}

// take reads n bytes, which are valid until the next call. Memory grows with what
// is there, whatever was announced.
func (s *streamReader) take(n int) ([]byte, error) {
	s.buf.Reset()
	got, err := io.CopyN(&s.buf, s.r, int64(n))
	s.offset += got
	switch {
	case errors.Is(err, io.EOF):
		return nil, s.damaged("it ends %d bytes before its end", int64(n)-got)
	case err != nil:
		return nil, fmt.Errorf("journal: the backup cannot be read: %w", err)
	}
	return s.buf.Bytes(), nil
}

// magic reads the first line.
func (s *streamReader) magic() error {
	line, err := s.take(len(backupMagic))
	if err != nil {
		return err
	}
	if string(line) != backupMagic {
		return s.damaged("a backup begins with %q", backupMagic)
	}
	var digits strings.Builder
	for digits.Len() < maxMagic-len(backupMagic) {
		c, err := s.take(1)
		if err != nil {
			return err
		}
		if c[0] == '\n' {
			break
		}
		digits.WriteByte(c[0])
	}
	version, err := strconv.ParseUint(digits.String(), 10, 32)
	switch {
	case err != nil || version == 0:
		return s.damaged("%.12q is no version", digits.String())
	case version > backupVersion:
		return fmt.Errorf("%w: the backup has version %d, this release reads up to %d; update it", store.ErrVersion, version, backupVersion)
	}
	return nil
}

// next reads the next part. It returns a block, or nil at the end of the stream,
// which is checked then.
func (s *streamReader) next() (block []byte, err error) {
	kind, err := s.take(1)
	if err != nil {
		return nil, err
	}
	switch kind[0] {
	case partBlock:
		return s.block()
	case partEnd:
		return nil, s.end()
	}
	return nil, s.damaged("no part of a backup is of kind %#02x", kind[0])
}

func (s *streamReader) block() ([]byte, error) {
	head, err := s.take(blockHead - 1)
	if err != nil {
		return nil, err
	}
	length, sum := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	if length == 0 || length > maxBlock {
		return nil, s.damaged("a block of %d bytes", length)
	}
	block, err := s.take(int(length))
	if err != nil {
		return nil, err
	}
	if sum != blockSum(s.seen.blocks, block) {
		return nil, s.damaged("block %d: %w", s.seen.blocks, errSum)
	}
	s.seen.link(sum)
	return block, nil
}

func (s *streamReader) end() error {
	said, err := s.take(endSize)
	if err != nil {
		return err
	}
	s.seen.leftOut = binary.BigEndian.Uint64(said[24:])
	if want := s.seen.append(nil); !bytes.Equal(want, said) {
		return s.damaged("the end says that there is something else: %x, not %x", said, want)
	}
	if n, err := io.CopyN(io.Discard, s.r, 1); n > 0 {
		return s.damaged("something follows the end")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("journal: the backup cannot be read: %w", err)
	}
	return nil
}

// entries calls fn with each entry of a block.
func (s *streamReader) entries(block []byte, fn func(*store.Entry) error) error {
	for len(block) > 0 {
		var e store.Entry
		var err error
		if e, block, err = s.entry(block); err != nil {
			return err
		}
		s.seen.entries++
		s.seen.bytes += uint64(len(e.Key) + len(e.Value))
		if err := fn(&e); err != nil {
			return err
		}
	}
	return nil
}

// entry cuts the next entry off a block.
func (s *streamReader) entry(block []byte) (e store.Entry, rest []byte, err error) {
	k, n := binary.Uvarint(block)
	if n <= 0 || k == 0 || k > store.MaxKey {
		return e, nil, s.damaged("an entry with a key of %d bytes", k)
	}
	v, m := binary.Uvarint(block[n:])
	rest = block[n+max(m, 0):]
	if m <= 0 || v > store.MaxValue || k+v > uint64(len(rest)) {
		return e, nil, s.damaged("an entry of %d and %d bytes in the last %d of a block", k, v, len(rest))
	}
	e = store.Entry{Key: rest[:k:k], Value: rest[k : k+v : k+v]}
	if bytes.Compare(e.Key, s.last) <= 0 {
		return e, nil, s.damaged("key %q follows key %q", e.Key, s.last)
	}
	s.last = append(s.last[:0], e.Key...)
	return e, rest[k+v:], nil
}
