package crdt

import (
	"encoding/binary"
	"math"

	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Increment adds n to the counter at a place. Increments that nobody has seen
// yet become one: the last event grows in place if it is such a one, else the
// newest such dot gives way to one with the sum.
func (d *Document) Increment(in kernel.Ref, key string, n int64) error {
	if d.amend(in, key, n) {
		return nil
	}
	d.killed = d.killed[:0]
	if last, ok := d.state.Newest(d.pending.Self, in, TagCounter, key); ok && d.pending.Has(last.Seq) && !isFold(last.Value) {
		if sum, ok := addInt(increment(last.Value), n); ok {
			n = sum
			d.killed = append(d.killed, kernel.Dot{Actor: d.pending.Self, Seq: last.Seq})
		}
	}
	p := kernel.Payload{Parent: in, Tag: TagCounter, Key: key, Value: string(wire.AppendInt(nil, n))}
	seq, err := d.mint(&p, Options{untimed: true})
	if err != nil {
		return err
	}
	for _, k := range d.killed {
		d.state.KillDot(d.state.NameOf(k))
	}
	d.state.Add(d.pending.Self, seq, &p)
	d.record(seq)
	return nil
}

// amend adds n to the last event if that is an increment of the same counter
// which nobody has seen and no disk has, and reports whether it did. An earlier
// event must not grow: others could see what was written after it without what
// was written before. In a group it could not be taken back.
func (d *Document) amend(in kernel.Ref, key string, n int64) bool {
	seq, ok := d.pending.Last()
	if !ok || d.group != nil || d.state.Expiring() > 0 {
		return false
	}
	last := kernel.Dot{Actor: d.pending.Self, Seq: seq}
	value, ok := d.state.ValueAt(last, in, TagCounter, key)
	if !ok || isFold(value) {
		return false
	}
	sum, ok := addInt(increment(value), n)
	if ok {
		var b [binary.MaxVarintLen64]byte
		d.state.Amend(last, wire.AppendInt(b[:0], sum))
		d.amended++
	}
	return ok
}

// Amended returns how many writes became part of an event before them, of which
// there are as many as before.
func (d *Document) Amended() uint64 { return d.amended }

func addInt(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// increment reads a counter payload; anything else than an integer counts 0.
func increment(value string) int64 {
	r := wire.NewReader([]byte(value))
	return r.Int()
}

// number reads a counter payload unless it is a step of a fold.
func number(value string) (int64, bool) {
	if isFold(value) {
		return 0, false
	}
	return increment(value), true
}

// Sum returns the value of the counter at a place and whether anything is
// there. A sum beyond 64 bits is returned as the nearest that fits. It costs O(1)
// and O(actors) for what is folded, see [Document.Announce].
func (d *Document) Sum(in kernel.Ref, key string) (int64, bool) {
	sum, dots, other := d.tally(in, key)
	found := dots > 0
	for _, f := range folds(other) {
		if f.counts {
			sum, found = sum.Plus(f.sum), true
		}
	}
	hi, lo := sum.Hi, int64(sum.Lo)
	switch {
	case hi < 0 && (hi != -1 || lo >= 0):
		return math.MinInt64, found
	case hi >= 0 && (hi != 0 || lo < 0):
		return math.MaxInt64, found
	}
	return lo, found
}

// tally returns the sum of the increments that stand at a place, how many they
// are, and what else stands there.
func (d *Document) tally(in kernel.Ref, key string) (sum kernel.Sum, dots int, other []kernel.Live) {
	if d.state.Expiring() == 0 {
		return d.state.Tally(in, TagCounter, key, number, nil)
	}
	for l := range d.Standing(in, TagCounter, key) {
		if n, ok := number(l.Value); ok {
			sum, dots = sum.Plus(n), dots+1
		} else {
			other = append(other, l)
		}
	}
	return sum, dots, other
}
