package journal

import (
	"math"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// head is a document's checkpoint, but for its rows.
type head struct {
	next   uint64 // position of the first record that is not covered
	rows   uint64
	bytes  uint64 // of the rows
	print  uint64 // combined fingerprint of the dots that have a row
	actors []headActor
	state  delta.Delta // nil if the live dots are in rows
}

type headActor struct {
	id          causal.Actor
	seen, ahead causal.Ranges
}

func (h *head) append(dst []byte) []byte {
	for _, n := range []uint64{h.next, h.rows, h.bytes, h.print, uint64(len(h.actors))} {
		dst = wire.AppendUint(dst, n)
	}
	for i := range h.actors {
		a := &h.actors[i]
		dst = wire.AppendActor(dst, a.id)
		dst = wire.AppendRanges(wire.AppendRanges(dst, a.seen), a.ahead)
	}
	return wire.AppendBin(dst, string(h.state))
}

func parseHead(key, value []byte) (*head, error) {
	r := wire.NewReader(value)
	h := &head{next: r.Uint(), rows: r.Uint(), bytes: r.Uint(), print: r.Uint()}
	n := r.Uint()
	for ; n > 0 && r.Err() == nil; n-- {
		h.actors = append(h.actors, headActor{wire.ReadActor(&r), wire.ReadRanges(&r), wire.ReadRanges(&r)})
	}
	if state := r.Bin(); len(state) > 0 {
		h.state = delta.Delta(state)
	}
	if r.Err() != nil || r.Len() > 0 {
		return nil, corrupt(key, "no head of a document: %v, %d bytes left", r.Err(), r.Len())
	}
	return h, h.check(key)
}

// check refuses what no checkpoint writes.
func (h *head) check(key []byte) error {
	if !h.inRows() {
		if h.rows|h.bytes|h.print != 0 || len(h.actors) > 0 {
			return corrupt(key, "a head with a state and with rows")
		}
		return nil
	}
	known := make(map[causal.Actor]struct{}, len(h.actors))
	events := uint64(0)
	for i := range h.actors {
		a := &h.actors[i]
		if _, twice := known[a.id]; twice || len(a.seen.Intersect(a.ahead)) > 0 {
			return corrupt(key, "the events of %v are given twice", a.id)
		}
		known[a.id] = struct{}{}
		events += min(a.seen.Count(), math.MaxUint64-events)
	}
	if h.rows > events || h.rows == 0 && h.print != 0 {
		return corrupt(key, "%d rows of %d events", h.rows, events)
	}
	return nil
}

// inRows reports whether the live dots are in rows.
func (h *head) inRows() bool { return h.state == nil }

// index returns the number under which rows name an actor, adding it by need.
func (h *head) index(id causal.Actor) uint32 {
	for i := range h.actors {
		if h.actors[i].id == id {
			return uint32(i)
		}
	}
	h.actors = append(h.actors, headActor{id: id})
	return uint32(len(h.actors) - 1)
}

// capture takes a state's context into the head.
func (h *head) capture(s *kernel.State) {
	for i := range h.actors {
		h.actors[i].seen, h.actors[i].ahead = nil, nil
	}
	for _, a := range s.Actors() {
		if len(s.Seen(a)) > 0 || len(s.Ahead(a)) > 0 {
			x := &h.actors[h.index(s.Actor(a))]
			x.seen, x.ahead = clone(s.Seen(a)), clone(s.Ahead(a))
		}
	}
}

func clone(rs causal.Ranges) causal.Ranges { return append(causal.Ranges(nil), rs...) }
