package codec

import (
	"errors"
	"fmt"
	"reflect"
)

// ErrDecode is wrapped by every error about bytes that are no encoding of the type.
var ErrDecode = errors.New("codec: bytes are no encoding of this type")

// Codec encodes values of one type.
type Codec[T any] interface {
	// Append appends the canonical encoding of v. It must not keep dst.
	Append(dst []byte, v T) ([]byte, error)
	// Decode reads what Append wrote. The result may be, or hold, parts of s.
	Decode(s string) (T, error)
}

// Scratch is the memory that encodings are made in, reused from one to the next.
type Scratch struct {
	fixed [maxArray]byte
	grown []byte
}

// Coder is a codec with short cuts for the built-in ones: it encodes strings,
// numbers and small arrays without an allocation. The zero value uses the
// built-in codec of its type.
type Coder[T any] struct {
	kind  kind
	size  uint8
	codec Codec[T]
}

// New returns a coder for c, or for the built-in codec if c is nil. It panics
// if there is none for the type: that is an error in the program.
func New[T any](c Codec[T]) Coder[T] {
	if c != nil {
		return Coder[T]{kind: custom, codec: c}
	}
	out, err := builtin[T]()
	if err != nil {
		panic(err.Error())
	}
	return out
}

// For returns the built-in codec for a type.
func For[T any]() (Codec[T], error) {
	c, err := builtin[T]()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ready returns c with its codec chosen.
func (c Coder[T]) ready() Coder[T] {
	if c.kind == unset {
		return New[T](nil)
	}
	return c
}

// builtin chooses by the underlying type first, then by methods.
func builtin[T any]() (Coder[T], error) {
	t := reflect.TypeFor[T]()
	if k, size := kindOf(t); k != unset {
		return Coder[T]{kind: k, size: size}, nil
	}
	if m := marshaler[T](); m != nil {
		return Coder[T]{kind: custom, codec: m}, nil
	}
	return Coder[T]{}, fmt.Errorf("codec: no built-in codec for %v; give one in the Config, crdt/msgpackcodec has one for any type", t)
}

func kindOf(t reflect.Type) (kind, uint8) {
	switch k := t.Kind(); k {
	case reflect.String:
		return text, 0
	case reflect.Bool:
		return boolean, 1
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return unsigned, uint8(t.Size())
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return signed, uint8(t.Size())
	case reflect.Uint, reflect.Uintptr:
		return word, 8
	case reflect.Int:
		return integer, 8
	case reflect.Float32, reflect.Float64:
		return float, uint8(t.Size())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() != reflect.Uint8 {
			break
		}
		if k == reflect.Slice {
			return binary, 0
		}
		if t.Len() > 0 && t.Len() <= maxArray {
			return array, uint8(t.Len())
		}
	}
	return unset, 0
}

// Must returns v and panics on an error. It is for bytes that have passed
// Check before, which a codec must not refuse afterwards.
func Must[T any](v T, err error) T {
	if err != nil {
		panic("codec: bytes accepted before are refused now: " + err.Error())
	}
	return v
}

// Empty is the Check of a place without a value: it accepts an empty string.
func Empty(s string) error {
	if s != "" {
		return fmt.Errorf("%w: %d bytes where none are wanted", ErrDecode, len(s))
	}
	return nil
}
