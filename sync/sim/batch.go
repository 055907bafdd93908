package sim

import (
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// batch is what a replica wrote to a document since it was last sealed, as the
// ops did it: held against the units that then come out.
type batch struct {
	first   uint64   // own event
	adds    []living // live own payloads, by sequence number
	victims map[causal.Dot]bool
	renamed bool // the replica became another actor meanwhile: nothing is compared
}

// increment reads a counter's payload.
func increment(value string) int64 {
	r := wire.NewReader([]byte(value))
	return r.Int()
}

// note adds a write to the batch, given what lived before and after.
func (b *batch) note(self causal.Actor, before, after *naive, over []causal.Dot) {
	isOwn := func(d causal.Dot) bool { return d.Actor == self && d.Seq >= b.first }
	lives := make(map[causal.Dot]bool, len(after.live))
	b.adds = b.adds[:0]
	for _, l := range after.live {
		lives[l.dot] = true
		if isOwn(l.dot) {
			b.adds = append(b.adds, l)
		}
	}
	for _, l := range before.live {
		if !lives[l.dot] && !isOwn(l.dot) {
			b.victims[l.dot] = true
		}
	}
	for _, d := range over {
		if !isOwn(d) {
			b.victims[d] = true
		}
	}
}

// sealed collects the units that a seal made of one document.
type sealed struct {
	units  []*delta.Frame
	claims causal.Ranges
	known  map[causal.Dot]bool // what the events died of that were recorded before
}

// compare holds the batch against the units made of it.
func (b *batch) compare(actor causal.Actor, s *sealed) error {
	var adds []payload
	deaths, lives := map[causal.Dot]bool{}, map[uint64]bool{}
	for _, f := range s.units {
		for add := range f.All() {
			if lives[add.Dot.Seq] = true; add.Dot.Seq < b.first {
				continue // it was recorded before
			}
			adds = append(adds, payloadOf(&add))
		}
		all := f.Deaths()
		for a, rs := range all.All() {
			for seq := range rs.All() {
				deaths[causal.Dot{Actor: a, Seq: seq}] = true
			}
		}
	}
	if len(s.claims) != 1 {
		return fmt.Errorf("the units sealed claim %v of %v, which is not one run", s.claims, actor)
	}
	if err := b.compareAdds(adds); err != nil {
		return err
	}
	for d := range b.victims {
		if within := d.Actor == actor && s.claims.Contains(d.Seq) && !lives[d.Seq]; !deaths[d] && !within {
			return fmt.Errorf("a write killed %v, the units sealed do not say so", d)
		}
	}
	for d := range deaths {
		if !b.victims[d] && !s.known[d] && !(d.Actor == actor && s.claims.Contains(d.Seq)) {
			return fmt.Errorf("the units sealed kill %v, no write did", d)
		}
	}
	return nil
}

func (b *batch) compareAdds(adds []payload) error {
	same := slices.EqualFunc(b.adds, adds, func(x living, y payload) bool { return x.same(&y) })
	if !same {
		return fmt.Errorf("%d payloads were written, the units sealed hold %d or others", len(b.adds), len(adds))
	}
	return nil
}
