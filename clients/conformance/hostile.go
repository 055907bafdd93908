package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// Input is a byte sequence that every decoder must refuse: hex, or a piece
// repeated, then another.
type Input struct {
	ID     string            `json:"id"`
	What   string            `json:"what"`
	Why    string            `json:"why"`
	Hex    *string           `json:"hex"`
	Repeat []json.RawMessage `json:"repeat"`
	Then   string            `json:"then"`
}

// maxInput bounds an input, in bytes.
const maxInput = 1 << 28

// Bytes builds the input.
func (in *Input) Bytes() ([]byte, error) {
	if in.Hex != nil {
		return hex.DecodeString(*in.Hex)
	}
	var piece string
	var times int
	if len(in.Repeat) != 2 {
		return nil, fmt.Errorf("%w: neither hex nor repeat", errFormat)
	}
	if err := errors.Join(json.Unmarshal(in.Repeat[0], &piece), json.Unmarshal(in.Repeat[1], &times)); err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(piece)
	if err != nil || times < 0 || len(b) > 0 && times > maxInput/len(b) {
		return nil, fmt.Errorf("%w: repeat %s", errFormat, in.Repeat)
	}
	then, err := hex.DecodeString(in.Then)
	return append(bytes.Repeat(b, times), then...), err
}

// Scratch that a decoder may take, in bytes: some at all events, and some for
// each byte of its input.
const (
	scratchBase   = 64 << 10
	scratchFactor = 16
)

func runHostile(name string, t *tally) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var inputs []Input
	if err := strict(b, &inputs); err != nil {
		return err
	}
	for i := range inputs {
		in, err := inputs[i].Bytes()
		if err != nil {
			t.result(inputs[i].ID, err)
			continue
		}
		for _, d := range Decoders {
			t.result(inputs[i].ID+" to "+d.Name, d.survives(in))
		}
	}
	return nil
}

// survives feeds an input to a decoder, which must return, in bounds, and with
// an error unless any well-formed value is good for it.
func (d *Decoder) survives(in []byte) error {
	var before, after runtime.MemStats
	kept := bytes.Clone(in)
	runtime.ReadMemStats(&before)
	refused := false
	err := guarded(func() error {
		refused = d.Decode(in) != nil
		return nil
	})
	runtime.ReadMemStats(&after)
	if err != nil {
		return err
	}
	if took, bound := after.TotalAlloc-before.TotalAlloc, uint64(scratchBase+scratchFactor*len(in)); took > bound {
		return fmt.Errorf("%d bytes of scratch for %d of input, the bound is %d", took, len(in), bound)
	}
	if !refused && !d.Lenient {
		return errors.New("accepted")
	}
	if !bytes.Equal(in, kept) {
		return errors.New("the input was changed")
	}
	return nil
}
