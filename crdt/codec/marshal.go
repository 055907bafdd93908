package codec

import (
	"encoding"
	"fmt"
)

// marshaler returns the codec of a type that knows how to marshal itself, or nil.
func marshaler[T any]() Codec[T] {
	switch any((*T)(nil)).(type) {
	case interface {
		encoding.BinaryMarshaler
		encoding.BinaryUnmarshaler
	}:
		return byBinary[T]{}
	case interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}:
		return byText[T]{}
	}
	return nil
}

type byBinary[T any] struct{}

func (byBinary[T]) Append(dst []byte, v T) ([]byte, error) {
	if a, ok := any(&v).(encoding.BinaryAppender); ok {
		return a.AppendBinary(dst)
	}
	b, err := any(&v).(encoding.BinaryMarshaler).MarshalBinary()
	return append(dst, b...), err
}

func (byBinary[T]) Decode(s string) (v T, err error) {
	if err := any(&v).(encoding.BinaryUnmarshaler).UnmarshalBinary([]byte(s)); err != nil {
		return v, fmt.Errorf("%w: %w", ErrDecode, err)
	}
	return v, nil
}

type byText[T any] struct{}

func (byText[T]) Append(dst []byte, v T) ([]byte, error) {
	if a, ok := any(&v).(encoding.TextAppender); ok {
		return a.AppendText(dst)
	}
	b, err := any(&v).(encoding.TextMarshaler).MarshalText()
	return append(dst, b...), err
}

func (byText[T]) Decode(s string) (v T, err error) {
	if err := any(&v).(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		return v, fmt.Errorf("%w: %w", ErrDecode, err)
	}
	return v, nil
}
