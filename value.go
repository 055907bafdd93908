package joinery

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// encoder is the library's with a buffer, kept for the next value.
type encoder struct {
	enc *msgpack.Encoder
	buf bytes.Buffer
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.enc = msgpack.NewEncoder(&e.buf)
	return e
}}

// maxKept bounds the buffer that is kept, in bytes.
const maxKept = 64 << 10

func (e *encoder) release() {
	if e.buf.Cap() <= maxKept {
		e.buf.Reset()
		encoders.Put(e)
	}
}

// encode writes a value in msgpack's canonical form: equal values have equal
// bytes.
func encode(v any) (string, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.enc.Reset(&e.buf) // and its options, which a value's own encoding may have changed
	e.enc.UseCompactInts(true)
	e.enc.UseCompactFloats(true)
	if err := e.enc.Encode(v); err != nil {
		return "", fmt.Errorf("%w: %T cannot be encoded: %w", ErrValue, v, err)
	}
	s := e.buf.String()
	if err := checkValue(s); err != nil { // too deep, or raw bytes that no reader could decode
		return "", fmt.Errorf("%w (%T)", err, v)
	}
	return canonical(s), nil
}

// decode reads a value that encode wrote, here or elsewhere. It checks the
// bytes before it lets the decoder allocate what they announce. That does not
// reach one case: an extension inside a value, where T wants a map or struct
// there, is read by the decoder as one. With T any nothing is left out, and
// bytes stay []byte, integers are int64 or, above it, uint64.
func decode[T any](s string) (v T, err error) {
	if err := checkValue(s); err != nil {
		return v, err
	}
	if isExtension(s[0]) && wantsMap(reflect.TypeFor[T]()) {
		return v, fmt.Errorf("%w: an extension is no %v", ErrType, reflect.TypeFor[T]())
	}
	if !fits(reflect.TypeFor[T](), s) {
		return v, fmt.Errorf("%w: the number does not fit a %v", ErrType, reflect.TypeFor[T]())
	}
	defer func() { // for instance at a slice that is the key of a map[any]any
		if p := recover(); p != nil {
			var zero T
			v, err = zero, fmt.Errorf("%w: not a %v: %v", ErrType, reflect.TypeFor[T](), p)
		}
	}()
	dec := msgpack.NewDecoder(strings.NewReader(s))
	dynamic, ok := any(&v).(*any)
	dec.UseLooseInterfaceDecoding(!ok)
	if err := dec.Decode(&v); err != nil {
		var zero T
		return zero, fmt.Errorf("%w: not a %v: %w", ErrType, reflect.TypeFor[T](), err)
	}
	if ok {
		*dynamic = widen(*dynamic)
	}
	return v, nil
}

// isExtension reports whether an object that begins with c is an extension. The
// decoder takes what is in one for a map where it wants a map, unchecked.
func isExtension(c byte) bool { return c >= 0xc7 && c <= 0xc9 || c >= 0xd4 && c <= 0xd8 }

// wantsMap reports whether values of type t are decoded from maps.
func wantsMap(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Map || t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]()
}

// fits reports whether an integer can be one of type t: the decoder would cut
// it off. Other values are the decoder's business.
func fits(t reflect.Type, s string) bool {
	i, u, ok := integer(s)
	switch k := t.Kind(); {
	case !ok:
		return true
	case k >= reflect.Int && k <= reflect.Int64:
		return (i < 0 || u <= math.MaxInt64) && !t.OverflowInt(i)
	case k >= reflect.Uint && k <= reflect.Uintptr:
		return i >= 0 && !t.OverflowUint(u)
	}
	return true
}

// integer reads a msgpack integer. A negative one is in i, any other in u, and
// in i if it fits.
func integer(s string) (i int64, u uint64, ok bool) {
	c := s[0]
	switch {
	case c < 0x80:
		return int64(c), uint64(c), true
	case c >= 0xe0:
		return int64(int8(c)), 0, true
	case c < 0xcc || c > 0xd3:
		return 0, 0, false
	}
	for _, b := range []byte(s[1:]) {
		u = u<<8 | uint64(b)
	}
	if c <= 0xcf {
		return int64(min(u, math.MaxInt64)), u, true
	}
	unused := 64 - 8*(len(s)-1)
	i = int64(u<<unused) >> unused
	return i, uint64(max(i, 0)), true
}

// widen gives the numbers in a value the types that decode promises.
func widen(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		if v <= math.MaxInt64 {
			return int64(v)
		}
	case float32:
		return float64(v)
	case []any:
		for i := range v {
			v[i] = widen(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = widen(v[k])
		}
	}
	return v
}

// maxValueDepth bounds the nesting of containers in a value.
const maxValueDepth = 64

// checkValue walks over one msgpack object without allocating: every announced
// length must fit in what is left.
func checkValue(s string) error {
	rest, ok := skip(s, maxValueDepth)
	if !ok || rest != "" {
		return fmt.Errorf("%w: %d bytes are not one msgpack object of at most %d levels", ErrValue, len(s), maxValueDepth)
	}
	return nil
}

// skip returns what follows the first object of s.
func skip(s string, depth int) (string, bool) {
	if s == "" || depth == 0 {
		return "", false
	}
	c := s[0]
	s = s[1:]
	switch {
	case c < 0x80, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
		return s, true
	case c < 0x90:
		return skipMany(s, 2*int(c&0x0f), depth)
	case c < 0xa0:
		return skipMany(s, int(c&0x0f), depth)
	case c < 0xc0:
		return cut(s, int(c&0x1f))
	case c == 0xc1:
		return "", false
	}
	return skipCoded(c, s, depth)
}

// skipCoded handles the types that a byte of their own announces.
func skipCoded(c byte, s string, depth int) (string, bool) {
	switch c {
	case 0xcc, 0xd0:
		return cut(s, 1)
	case 0xcd, 0xd1:
		return cut(s, 2)
	case 0xca, 0xce, 0xd2:
		return cut(s, 4)
	case 0xcb, 0xcf, 0xd3:
		return cut(s, 8)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8: // fixext
		return cut(s, 1+1<<(c-0xd4))
	case 0xc4, 0xc5, 0xc6:
		return cutSized(s, 1<<(c-0xc4), 0)
	case 0xc7, 0xc8, 0xc9:
		return cutSized(s, 1<<(c-0xc7), 1)
	case 0xd9, 0xda, 0xdb:
		return cutSized(s, 1<<(c-0xd9), 0)
	case 0xdc, 0xdd:
		n, rest, ok := length(s, 2<<(c-0xdc))
		return skipIf(ok, rest, n, depth)
	default: // 0xde, 0xdf
		n, rest, ok := length(s, 2<<(c-0xde))
		return skipIf(ok && n <= len(rest), rest, 2*n, depth)
	}
}

func skipIf(ok bool, s string, n, depth int) (string, bool) {
	if !ok {
		return "", false
	}
	return skipMany(s, n, depth)
}

func skipMany(s string, n, depth int) (string, bool) {
	if n > len(s) {
		return "", false
	}
	ok := true
	for i := 0; i < n && ok; i++ {
		s, ok = skip(s, depth-1)
	}
	return s, ok
}

func cut(s string, n int) (string, bool) {
	if n > len(s) {
		return "", false
	}
	return s[n:], true
}

func cutSized(s string, size, extra int) (string, bool) {
	n, rest, ok := length(s, size)
	if !ok {
		return "", false
	}
	return cut(rest, n+extra)
}

// length reads a big-endian length of 1, 2 or 4 bytes; it fails if s is shorter than that length.
func length(s string, size int) (n int, rest string, ok bool) {
	if len(s) < size {
		return 0, "", false
	}
	var b [4]byte
	copy(b[4-size:], s[:size])
	u := binary.BigEndian.Uint32(b[:])
	rest = s[size:]
	return int(u), rest, uint64(u) <= uint64(len(rest))
}
