package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/msgpackcodec"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/lwwmap"
	"github.com/joinery-crdt/joinery/orset"
)

// Decoder is a function that reads bytes from strangers.
type Decoder struct {
	Name   string
	Decode func([]byte) error
	// Lenient is set where a hostile input may be a value like any other: a
	// string's codec takes every byte sequence.
	Lenient bool
}

// Decoders are all of them. A package that decodes something new adds it here.
var Decoders = slices.Concat(frames, merges(), texts, codecs)

var frames = []Decoder{
	{Name: "delta.Open", Decode: func(b []byte) error { _, err := delta.Delta(b).Open(); return err }},
	{Name: "delta.Join", Decode: func(b []byte) error { _, err := delta.Join(b, b); return err }},
	{Name: "wire.Parse", Decode: parser(0)},
	{Name: "wire.Parse of a run", Decode: parser(wire.Run)},
	{Name: "wire.Parse of a wide run", Decode: parser(wire.Run | wire.Wide)},
	{Name: "wire.Parse of a run with kept dots", Decode: parser(wire.Run | wire.Kept)},
	{Name: "wire.Parse with kept dots", Decode: parser(wire.Kept)},
	{Name: "wire.ReadRanges", Decode: reader(func(r *wire.Reader) { wire.ReadRanges(r) })},
	{Name: "wire.ReadActor", Decode: reader(func(r *wire.Reader) { wire.ReadActor(r) })},
	{Name: "wire.Reader.Bytes", Decode: reader(func(r *wire.Reader) { r.Bytes() })},
	{Name: "wire.Reader.Bin", Decode: reader(func(r *wire.Reader) { r.Bin() })},
	{Name: "wire.Reader.Uint", Decode: reader(func(r *wire.Reader) { r.Uint() })},
	{Name: "wire.Reader.Int", Decode: reader(func(r *wire.Reader) { r.Int() }), Lenient: true},
}

func parser(form wire.Form) func([]byte) error {
	return func(b []byte) error { _, err := wire.Parse(form, b); return err }
}

// reader reads one thing that has to be all of the input.
func reader(read func(*wire.Reader)) func([]byte) error {
	return func(b []byte) error {
		r := wire.NewReader(b)
		read(&r)
		if r.Err() == nil && r.Len() > 0 {
			r.Fail("bytes behind the end")
		}
		return r.Err()
	}
}

// merges feeds Merge and UnmarshalBinary of every type, and sees to it that a
// refusal leaves the value as it was.
func merges() (out []Decoder) {
	for name, fresh := range map[string]func() value{
		"crdt.Register":    func() value { return crdt.NewRegister[string](nobody) },
		"crdt.Counter":     func() value { return crdt.NewCounter(nobody) },
		"crdt.EnableFlag":  func() value { return crdt.NewEnableFlag(nobody) },
		"crdt.DisableFlag": func() value { return crdt.NewDisableFlag(nobody) },
		"orset.Set":        func() value { return orset.New[string](nobody) },
		"orset.RemoveWins": func() value { return orset.NewRemoveWins[int](nobody) },
		"orset.Map":        func() value { return orset.NewMap[string, int](nobody) },
		"orset.Tree":       func() value { return orset.NewTree(nobody) },
		"lwwmap.Map":       func() value { return lwwmap.New[int, []byte](nobody) },
		"zero orset.Set":   func() value { return &orset.Set[string]{} },
	} {
		v := fresh()
		before, _ := v.AppendBinary(nil)
		untouched := func(decode func([]byte) error) func([]byte) error {
			return func(b []byte) error {
				err := decode(b)
				if after, _ := v.AppendBinary(nil); err != nil && !slices.Equal(before, after) {
					panic("refused input changed the value")
				}
				return err
			}
		}
		out = append(out,
			Decoder{Name: name + ".Merge", Decode: untouched(func(b []byte) error { return v.Merge(b) })},
			Decoder{Name: name + ".UnmarshalBinary", Decode: untouched(v.UnmarshalBinary)})
	}
	slices.SortFunc(out, func(a, b Decoder) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

var texts = []Decoder{
	{Name: "causal.ParseID", Decode: func(b []byte) error { _, err := causal.ParseID(string(b)); return err }},
	{Name: "causal.ParseActor", Decode: func(b []byte) error { _, err := causal.ParseActor(string(b)); return err }},
	{Name: "causal.ParseDot", Decode: func(b []byte) error { _, err := causal.ParseDot(string(b)); return err }},
}

var codecs = []Decoder{
	lenient[string](), lenient[[]byte](), lenient[bool](), lenient[int8](), lenient[int](),
	lenient[uint64](), lenient[float64](), lenient[[16]byte](),
	{Name: "msgpackcodec of any", Lenient: true, Decode: func(b []byte) error {
		_, err := msgpackcodec.New[any]().Decode(string(b))
		return err
	}},
	{Name: "msgpackcodec of a slice", Lenient: true, Decode: func(b []byte) error {
		_, err := msgpackcodec.New[[]int64]().Decode(string(b))
		return err
	}},
}

func lenient[T any]() Decoder {
	c := codec.New[T](nil)
	var v T
	return Decoder{Name: fmt.Sprintf("codec of %T", v), Lenient: true, Decode: func(b []byte) error {
		_, err := c.Decode(string(b))
		return errors.Join(err, c.Check(string(b)))
	}}
}
