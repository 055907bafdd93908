package crdt

import (
	"math"
	"math/bits"

	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Increment adds n to the counter at a place. Increments that nobody has seen
// yet become one: the newest such dot gives way to one with the sum.
func (d *Document) Increment(in kernel.Ref, key string, n int64) error {
	d.killed = d.killed[:0]
	if last, ok := d.state.Newest(d.pending.Self, in, TagCounter, key); ok && d.pending.Has(last.Seq) {
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

func addInt(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// increment reads a counter payload; anything else than an integer counts 0.
func increment(value string) int64 {
	r := wire.NewReader([]byte(value))
	return r.Int()
}

// Sum returns the value of the counter at a place and whether anything is
// there. A sum beyond 64 bits is returned as the nearest that fits.
func (d *Document) Sum(in kernel.Ref, key string) (int64, bool) {
	var hi, lo uint64
	found := false
	for l := range d.Standing(in, TagCounter, key) {
		found = true
		n := increment(l.Value)
		var carry uint64
		lo, carry = bits.Add64(lo, uint64(n), 0)
		hi, _ = bits.Add64(hi, uint64(n>>63), carry)
	}
	switch {
	case int64(hi) < 0 && (hi != math.MaxUint64 || int64(lo) >= 0):
		return math.MinInt64, found
	case int64(hi) >= 0 && (hi != 0 || int64(lo) < 0):
		return math.MaxInt64, found
	}
	return int64(lo), found
}
