// Package msgpackcodec encodes keys and values of any type as msgpack, by
// github.com/vmihailenco/msgpack, for the types that package codec has nothing
// built in for: structs, slices, maps.
//
// Encodings are canonical as the engine demands: maps and the fields of structs
// are sorted by key, and integers take their shortest form.
//
// Decoding is bounded. The bytes are walked before anything is built: lengths
// that exceed what is there, nesting deeper than [MaxDepth] and bytes behind
// the end are errors. What is built then takes at most about 50 bytes for each
// byte of input, which itself is at most [kernel.MaxValue]. [Reader] gives the
// same safety to those who use the library's decoder themselves.
package msgpackcodec

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery/crdt/codec"
)

// New returns a codec for a type, which must be one that msgpack can decode
// what it encoded of.
func New[T any]() codec.Codec[T] { return packed[T]{} }

type packed[T any] struct{}

func (packed[T]) Append(dst []byte, v T) ([]byte, error) {
	var b bytes.Buffer
	e := msgpack.GetEncoder()
	defer msgpack.PutEncoder(e)
	e.Reset(&b)
	e.UseCompactInts(true)
	if err := e.Encode(v); err != nil {
		return dst, fmt.Errorf("msgpackcodec: %w", err)
	}
	if err := Check(b.String()); err != nil {
		return dst, fmt.Errorf("msgpackcodec: a value that could not be decoded again: %w", err)
	}
	return append(dst, Canonical(b.String())...), nil
}

func (packed[T]) Decode(s string) (v T, err error) {
	r, err := NewReader(s)
	if err != nil {
		return v, err
	}
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(r)
	if err := d.Decode(&v); err != nil {
		return v, fmt.Errorf("%w: %w", codec.ErrDecode, err)
	}
	return v, nil
}
