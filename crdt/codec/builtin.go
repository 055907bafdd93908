package codec

import (
	be "encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// kind is how a coder encodes. All but custom are done in place, by the memory
// layout that kindOf has found for the type.
type kind uint8

const (
	unset    kind = iota
	custom        // by the codec
	text          // string
	binary        // []byte
	boolean       // one byte
	unsigned      // uint8 to uint64
	signed        // int8 to int64
	word          // uint, uintptr
	integer       // int
	float         // float32, float64
	array         // [N]byte
)

// maxArray is the longest array of bytes with a built-in codec.
const maxArray = 64

// View returns the encoding of *v: the bytes that v refers to, or a view of s.
// It is good until either changes. Only custom codecs may allocate.
func (c Coder[T]) View(v *T, s *Scratch) (string, error) {
	p := unsafe.Pointer(v)
	switch c.kind {
	case text:
		return *(*string)(p), nil
	case binary:
		b := *(*[]byte)(p)
		return unsafe.String(unsafe.SliceData(b), len(b)), nil
	case array:
		n := copy(s.fixed[:], unsafe.Slice((*byte)(p), c.size))
		return unsafe.String(&s.fixed[0], n), nil
	case unset:
		return c.ready().View(v, s)
	case custom:
		b, err := c.codec.Append(s.grown[:0], *v)
		if err != nil {
			return "", err
		}
		s.grown = b
		return unsafe.String(unsafe.SliceData(b), len(b)), nil
	}
	be.BigEndian.PutUint64(s.fixed[:8], c.bits(p)<<(64-8*uint(c.size)))
	return unsafe.String(&s.fixed[0], int(c.size)), nil
}

// Append appends the encoding of v.
func (c Coder[T]) Append(dst []byte, v T) ([]byte, error) {
	var s Scratch
	b, err := c.View(&v, &s)
	return append(dst, b...), err
}

// bits returns a number's order-preserving bits, in the low bytes.
func (c Coder[T]) bits(p unsafe.Pointer) uint64 {
	switch c.kind {
	case boolean:
		return uint64(*(*uint8)(p))
	case word:
		return uint64(*(*uint)(p))
	case integer:
		return uint64(*(*int)(p)) ^ 1<<63
	case signed:
		return load(p, c.size) ^ c.sign()
	case float:
		n := load(p, c.size)
		if n&c.sign() != 0 {
			return ^n
		}
		return n | c.sign()
	}
	return load(p, c.size)
}

func (c Coder[T]) sign() uint64 { return 1 << (8*uint(c.size) - 1) }

func load(p unsafe.Pointer, size uint8) uint64 {
	switch size {
	case 1:
		return uint64(*(*uint8)(p))
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

// Decode reads an encoding. The result may be, or hold, parts of s.
func (c Coder[T]) Decode(s string) (v T, err error) {
	if c.kind == unset {
		return c.ready().Decode(s)
	}
	if c.kind == custom {
		return c.codec.Decode(s)
	}
	if err := c.Check(s); err != nil {
		return v, err
	}
	p := unsafe.Pointer(&v)
	switch c.kind {
	case text:
		*(*string)(p) = s
	case binary:
		*(*[]byte)(p) = []byte(s)
	case array:
		copy(unsafe.Slice((*byte)(p), c.size), s)
	default:
		c.store(p, s)
	}
	return v, nil
}

// store writes a number of the right width.
func (c Coder[T]) store(p unsafe.Pointer, s string) {
	n := number(s)
	switch c.kind {
	case integer:
		*(*int)(p) = int(n ^ 1<<63)
		return
	case word:
		*(*uint)(p) = uint(n)
		return
	case signed:
		n ^= c.sign()
	case float:
		if n&c.sign() != 0 {
			n ^= c.sign()
		} else {
			n = ^n
		}
	}
	switch c.size {
	case 1:
		*(*uint8)(p) = uint8(n)
	case 2:
		*(*uint16)(p) = uint16(n)
	case 4:
		*(*uint32)(p) = uint32(n)
	default:
		*(*uint64)(p) = n
	}
}

// number reads up to 8 bytes, big-endian.
func number(s string) (n uint64) {
	for i := range len(s) {
		n = n<<8 | uint64(s[i])
	}
	return n
}

// Check returns an error if s is no encoding. For the built-in codecs it costs
// a comparison of lengths.
func (c Coder[T]) Check(s string) error {
	switch c.kind {
	case text, binary:
		return nil
	case unset:
		return c.ready().Check(s)
	case custom:
		_, err := c.codec.Decode(s)
		return err
	}
	if len(s) != int(c.size) {
		return fmt.Errorf("%w: %d bytes where %d are wanted", ErrDecode, len(s), c.size)
	}
	outside := false
	switch c.kind {
	case boolean:
		outside = s[0] > 1
	case integer:
		n := int64(number(s) ^ 1<<63)
		outside = n < math.MinInt || n > math.MaxInt
	case word:
		outside = number(s) > math.MaxUint
	}
	if outside {
		return fmt.Errorf("%w: number out of range", ErrDecode)
	}
	return nil
}
