package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrMalformed is wrapped by every error about bytes that are not what their
// format demands.
var ErrMalformed = errors.New("wire: malformed")

// The msgpack type bytes that the hot codec uses.
const (
	fixStr   = 0xa0
	codeBin  = 0xc4 // then 8, 16 and 32 bit lengths
	codeUint = 0xcc // then 8, 16, 32 and 64 bits
	codeInt  = 0xd0
	codeStr  = 0xd9
)

// AppendUint appends v as the shortest msgpack integer.
func AppendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(dst, byte(v))
	case v <= math.MaxUint8:
		return append(dst, codeUint, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeUint+1), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, codeUint+2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeUint+3), v)
}

// AppendInt appends v as the shortest msgpack integer.
func AppendInt(dst []byte, v int64) []byte {
	switch {
	case v >= 0:
		return AppendUint(dst, uint64(v))
	case v >= -32:
		return append(dst, byte(v))
	case v >= math.MinInt8:
		return append(dst, codeInt, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, codeInt+1), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, codeInt+2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeInt+3), uint64(v))
}

// AppendBytes appends s as a msgpack string if it is valid UTF-8, else as binary.
func AppendBytes(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		return AppendBin(dst, s)
	}
	if len(s) < 32 {
		return append(append(dst, fixStr|byte(len(s))), s...)
	}
	return append(appendLength(dst, codeStr, len(s)), s...)
}

// AppendBin appends s as msgpack binary.
func AppendBin(dst []byte, s string) []byte {
	return append(appendLength(dst, codeBin, len(s)), s...)
}

func appendLength(dst []byte, code byte, n int) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(dst, code, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, code+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, code+2), uint32(n))
}

// Reader reads msgpack from bytes that are not trusted. It never allocates and
// never reads beyond its input; only shortest forms pass. After the first
// error it stays where it is and returns zero values.
type Reader struct {
	b     []byte
	off   int
	valid bool // the bytes were read once without an error
	err   error
}

// NewReader returns a reader over b. What it returns are views of b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Len returns the number of bytes left, 0 after an error.
func (r *Reader) Len() int {
	if r.err != nil {
		return 0
	}
	return len(r.b) - r.off
}

// Rest returns the bytes left and consumes them.
func (r *Reader) Rest() []byte { return r.Take(r.Len()) }

// Fail records an error at the reader's position unless there is one already.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrMalformed, r.off, fmt.Sprintf(format, args...))
	}
}

// Take returns the next n bytes.
func (r *Reader) Take(n int) []byte {
	if n < 0 || n > r.Len() {
		r.Fail("%d bytes wanted, %d left", n, r.Len())
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off : r.off]
}

// Peek returns the next byte without consuming it; 0xc1, which msgpack never
// uses, at the end.
func (r *Reader) Peek() byte {
	if r.Len() == 0 {
		return 0xc1
	}
	return r.b[r.off]
}

func (r *Reader) big(size int) uint64 {
	b := r.Take(size)
	if b == nil {
		return 0
	}
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	}
	return binary.BigEndian.Uint64(b)
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 {
	c := r.Peek()
	if c < 0x80 && r.err == nil {
		r.off++
		return uint64(c)
	}
	if c < codeUint || c > codeUint+3 {
		r.Fail("unsigned integer wanted, found type %#02x", c)
		return 0
	}
	r.off++
	v := r.big(1 << (c - codeUint))
	if shortest := [4]uint64{0x80, math.MaxUint8 + 1, math.MaxUint16 + 1, math.MaxUint32 + 1}; v < shortest[c-codeUint] {
		r.Fail("integer %d is not in its shortest form", v)
		return 0
	}
	return v
}

// Uvarint reads a number in 7-bit groups, the least significant first, as
// binary.AppendUvarint writes it. The header of a run holds two of these: it is
// no msgpack but a layout of its own, and the shorter by them.
func (r *Reader) Uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b[r.off:])
	if n <= 0 || n > 1 && r.b[r.off+n-1] == 0 {
		r.Fail("number in 7-bit groups wanted, in its shortest form")
		return 0
	}
	r.off += n
	return v
}

// Int reads a signed integer.
func (r *Reader) Int() int64 {
	c := r.Peek()
	switch {
	case c >= 0xe0 && r.err == nil:
		r.off++
		return int64(int8(c))
	case c >= codeInt && c <= codeInt+3:
		return r.negative(c)
	}
	v := r.Uint()
	if v > math.MaxInt64 {
		r.Fail("integer %d is above 63 bits", v)
		return 0
	}
	return int64(v)
}

func (r *Reader) negative(c byte) int64 {
	r.off++
	size := 1 << (c - codeInt)
	shift := 64 - 8*size
	v := int64(r.big(size)<<shift) >> shift
	if shortest := [4]int64{-32, math.MinInt8, math.MinInt16, math.MinInt32}; v >= shortest[c-codeInt] {
		r.Fail("integer %d is not in its shortest form", v)
		return 0
	}
	return v
}

// Bin reads binary.
func (r *Reader) Bin() []byte {
	if at := r.off + 1; r.err == nil && at < len(r.b) && r.b[r.off] == codeBin { // most are short
		if end := at + 1 + int(r.b[at]); end <= len(r.b) {
			r.off = end
			return r.b[at+1 : end : end]
		}
	}
	return r.bin()
}

func (r *Reader) bin() []byte {
	c := r.Peek()
	if c < codeBin || c > codeBin+2 {
		r.Fail("binary wanted, found type %#02x", c)
		return nil
	}
	r.off++
	return r.sized(int(c-codeBin), [3]uint64{0, math.MaxUint8 + 1, math.MaxUint16 + 1})
}

// Bytes reads what AppendBytes writes: a string, or binary that is no UTF-8.
func (r *Reader) Bytes() []byte {
	if r.err == nil && r.off < len(r.b) && r.b[r.off]&^0x1f == fixStr { // most are short
		end := r.off + 1 + int(r.b[r.off]&0x1f)
		if end <= len(r.b) && (r.valid || utf8.Valid(r.b[r.off+1:end])) {
			b := r.b[r.off+1 : end : end]
			r.off = end
			return b
		}
	}
	return r.bytes()
}

func (r *Reader) bytes() []byte {
	c := r.Peek()
	var b []byte
	switch {
	case c >= codeBin && c <= codeBin+2:
		if b = r.Bin(); utf8.Valid(b) {
			r.Fail("binary that is valid UTF-8 where a string is wanted")
		}
		return b
	case c >= fixStr && c < fixStr+32 && r.err == nil:
		r.off++
		b = r.Take(int(c - fixStr))
	case c >= codeStr && c <= codeStr+2:
		r.off++
		b = r.sized(int(c-codeStr), [3]uint64{32, math.MaxUint8 + 1, math.MaxUint16 + 1})
	default:
		r.Fail("string wanted, found type %#02x", c)
		return nil
	}
	if !utf8.Valid(b) {
		r.Fail("string is not valid UTF-8")
		return nil
	}
	return b
}

func (r *Reader) sized(size int, shortest [3]uint64) []byte {
	n := r.big(1 << size)
	if n < shortest[size] && r.err == nil {
		r.Fail("length %d is not in its shortest form", n)
	}
	if n > uint64(r.Len()) {
		r.Fail("%d bytes announced, %d left", n, r.Len())
		return nil
	}
	return r.Take(int(n))
}
