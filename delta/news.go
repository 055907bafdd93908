package delta

import (
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

// AppendDeaths appends a frame that claims nothing and says that dots are dead: what
// a replica that has compared its live dots merges in one step with the other's
// news. It is no unit either.
func AppendDeaths(dst []byte, deaths causal.Context) Delta {
	return appendFrame(dst, func(b []byte) ([]byte, wire.Form) { return wire.AppendDeaths(b, &deaths) })
}
