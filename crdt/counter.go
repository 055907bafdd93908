package crdt

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// Counter is an exact sum of increments and decrements. Concurrent ones add
// up; merging twice counts once. A Reset undoes exactly the increments that it
// had observed.
//
// A Counter is not safe for concurrent use, except by readers alone. The zero
// value is 0; see [Base].
type Counter struct {
	Base
}

// NewCounter returns a counter at 0 that writes as actor.
func NewCounter(actor causal.Actor) *Counter {
	c := &Counter{}
	c.Bind(actor, nil)
	return c
}

// Add adds n, which may be negative, and returns the delta.
func (c *Counter) Add(n int64) (delta.Delta, error) { return c.AppendAdd(nil, n) }

// AppendAdd is Add that appends the delta to dst.
func (c *Counter) AppendAdd(dst []byte, n int64) (delta.Delta, error) {
	if err := c.Writer().Add(n); err != nil {
		return dst, err
	}
	return c.Flush(dst), nil
}

// Reset removes the increments that this replica has observed and returns the
// delta, nil if there were none.
func (c *Counter) Reset() (delta.Delta, error) {
	if err := c.Writer().Reset(); err != nil {
		return nil, err
	}
	return c.Flush(nil), nil
}

// Value returns the sum, in O(increments not removed). One beyond 64 bits is
// returned as the nearest that fits; the state stays exact.
func (c *Counter) Value() int64 {
	n, _ := c.doc.Sum(kernel.Root, "")
	return n
}

// Merge merges a delta, a group of deltas or a whole counter. An error means
// that nothing was changed.
func (c *Counter) Merge(d delta.Delta) error { return c.doc.MergeChecked(d, admitIncrement) }

// UnmarshalBinary replaces the counter by an encoded one; see [Base.Restore].
func (c *Counter) UnmarshalBinary(data []byte) error { return c.Restore(data, admitIncrement) }

func admitIncrement(e wire.Entry) error { return Admit(e, TagCounter, codec.Empty, isIncrement) }

// Clone returns a copy that shares nothing and writes as another actor.
func (c *Counter) Clone(actor causal.Actor) *Counter { return &Counter{c.CloneBase(actor)} }

// Equal reports whether both know the same increments.
func (c *Counter) Equal(other *Counter) bool { return c.Same(&other.Base) }

// CounterWriter writes to a counter without sealing: any number of increments
// until the next Flush become one.
type CounterWriter Counter

// Writer returns a writer to the counter.
func (c *Counter) Writer() *CounterWriter { return (*CounterWriter)(c) }

// Add adds n, which may be negative.
func (w *CounterWriter) Add(n int64) error { return w.doc.Increment(kernel.Root, "", n) }

// Reset removes the increments that this replica has observed.
func (w *CounterWriter) Reset() error { return w.doc.Remove(kernel.Root, TagCounter, "", Options{}) }
