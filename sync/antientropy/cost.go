package antientropy

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/antientropy/reconcile"
)

// The cost of a rung is the bytes that it puts on the wire, both ways, and what
// a further round trip is worth. The payloads of live dots that the receiver lacks
// are in a frame and in the end of a comparison alike; units also have those that
// were overwritten since. So:
//
//	units       their bytes, halved: whoever has them can give them to others
//	frame       the payloads, two bytes for each run of live dots that the receiver
//	            has, since they are named, and one for each 16 of those, since both
//	            ends go through them one by one
//	comparison  the payloads, sketch, table, deaths, and the round trip
//
// A receiver that holds next to nothing has nothing to be named nor compared: it
// gets a frame. So does one that is behind by as much as there is.

// Bytes below which nothing is estimated: a log that reaches back is used as it is.
const cheap = 16 << 10

// DefaultTrip is how many bytes may be spent to save a round trip.
const DefaultTrip = 1 << 10

// dotsPerByte is how many live dots of a frame cost as much time as a byte on the way.
const dotsPerByte = 16

// liveBytes is what a live dot takes on the wire besides its key and value.
const liveBytes = 4

// payloads returns about how many bytes the live dots among some events take, or
// limit if that is less. It costs O(what it returns).
func payloads(s *kernel.State, among *causal.Context, limit int) (n int) {
	for id, rs := range among.All() {
		a, ok := s.Lookup(id)
		if !ok {
			continue
		}
		for _, r := range rs {
			for l := range s.Between(a, r) {
				if n += liveBytes + len(l.Key) + len(l.Value); n >= limit {
					return limit
				}
			}
		}
	}
	return n
}

// estimate is what the rungs above units cost beside the payloads that both ship.
type estimate struct {
	cut     *reconcile.Cut // nil if the two cannot be compared
	frame   int
	compare int
}

func estimateFor(src *Source, have causal.Context) estimate {
	cut, err := reconcile.Take(src.State, have)
	if err != nil {
		return estimate{frame: 0, compare: 1}
	}
	return estimate{cut, cut.Named() + int(cut.Live()/dotsPerByte), cut.Cost() + src.trip()}
}

// worth returns the cut if comparing costs less than the state does.
func (e *estimate) worth() *reconcile.Cut {
	if e.cut != nil && e.compare < e.frame {
		return e.cut
	}
	return nil
}

// trip returns what a round trip is worth.
func (s *Source) trip() int {
	if s.Trip == 0 {
		return DefaultTrip
	}
	return s.Trip
}
