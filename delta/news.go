package delta

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// AppendNews appends a frame of what the state knows beyond known, for a receiver
// that has seen known and whose live dots among it have been compared with the
// state's: deaths must be all of those that are dead here. Events of again are
// sent once more although they are known. The frame is no unit: it must not go into a
// log nor to anybody else.
func AppendNews(dst []byte, s *kernel.State, known, deaths, again causal.Context) Delta {
	return appendFrame(dst, func(b []byte) ([]byte, wire.Form) { return wire.AppendNews(b, s, &known, &deaths, &again) })
}

// WithDeaths returns a frame of news with further deaths: what a replica that has
// compared its live dots merges in one step. Frames of other kinds are refused.
func (f *Frame) WithDeaths(deaths causal.Context) (Delta, error) {
	ok := true
	d := appendFrame(nil, func(b []byte) ([]byte, wire.Form) {
		b, ok = f.AppendWith(b, &deaths)
		return b, 0
	})
	if !ok {
		return nil, fmt.Errorf("%w: not a frame of news; drop it", ErrUnfit)
	}
	return d, nil
}
