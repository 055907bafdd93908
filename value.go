package joinery

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery/crdt/msgpackcodec"
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

// Encode returns a value in the form in which registers, entries and elements hold
// it: msgpack, canonical, so that equal values have equal bytes. What cannot be
// encoded is ErrValue.
func Encode(v any) ([]byte, error) {
	s, err := encode(v)
	return []byte(s), err
}

// Decode reads what Encode wrote, for instance Field.Raw, as [Get] would: as
// another type than T it is ErrType. The bytes may come from anywhere.
func Decode[T any](b []byte) (T, error) { return decode[T](string(b)) }

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
	if err := msgpackcodec.Check(s); err != nil { // too deep, or raw bytes that no reader could decode
		return "", fmt.Errorf("%w (%T)", badValue(s, err), v)
	}
	return msgpackcodec.Canonical(s), nil
}

// decode reads a value that encode wrote, here or elsewhere. It checks the
// bytes before it lets the decoder allocate what they announce. With T any
// nothing is left out, and bytes stay []byte, integers are int64 or, above it,
// uint64.
func decode[T any](s string) (v T, err error) {
	err = decodeTo(s, &v)
	return v, err
}

// decodeTo is decode into what p points to, which must be zero, and is so again
// after an error.
func decodeTo(s string, p any) (err error) {
	r, err := msgpackcodec.NewReader(s)
	if err != nil {
		return badValue(s, err)
	}
	t := reflect.TypeOf(p).Elem()
	if !fits(t, s) {
		return fmt.Errorf("%w: the number does not fit a %v", ErrType, t)
	}
	defer func() { // for instance at a slice that is the key of a map[any]any
		if why := recover(); why != nil {
			err = fmt.Errorf("%w: not a %v: %v", ErrType, t, why)
		}
		if err != nil {
			reflect.ValueOf(p).Elem().SetZero()
		}
	}()
	dec := msgpack.NewDecoder(r)
	dynamic, ok := p.(*any)
	dec.UseLooseInterfaceDecoding(!ok)
	if err := dec.Decode(p); err != nil {
		return fmt.Errorf("%w: not a %v: %w", ErrType, t, err)
	}
	if ok {
		*dynamic = widen(*dynamic)
		return nil
	}
	return checkNumbers(reflect.ValueOf(p).Elem(), s)
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
const maxValueDepth = msgpackcodec.MaxDepth

// badValue reports bytes that are no value.
func badValue(s string, err error) error {
	return fmt.Errorf("%w: %d bytes are not one msgpack object of at most %d levels: %w", ErrValue, len(s), maxValueDepth, err)
}
