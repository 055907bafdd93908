package causal

import (
	"iter"
	"slices"
	"strings"
)

// MaxSeq is the largest sequence number, far above what an actor can mint. The
// bound keeps arithmetic on range ends from overflowing.
const MaxSeq = 1<<62 - 1

// Context is an exact set of events. The zero value is empty and ready to use.
// Copying the struct shares memory; use Clone.
type Context struct {
	entries []entry // Invariant: sorted by actor, no entry without ranges.
}

type entry struct {
	actor  Actor
	ranges Ranges
}

func (c *Context) find(a Actor) (int, bool) {
	return slices.BinarySearchFunc(c.entries, a, func(e entry, a Actor) int { return e.actor.Compare(a) })
}

// Contains reports whether the event is in the set.
func (c *Context) Contains(d Dot) bool { return c.Of(d.Actor).Contains(d.Seq) }

// Of returns the events of one actor. The slice is the context's own: read only.
func (c *Context) Of(a Actor) Ranges {
	if i, ok := c.find(a); ok {
		return c.entries[i].ranges
	}
	return nil
}

// Add puts one event into the set.
func (c *Context) Add(d Dot) { c.AddRange(d.Actor, Range{d.Seq, d.Seq}) }

// AddRange puts the events r of actor a into the set.
func (c *Context) AddRange(a Actor, r Range) {
	rs := c.of(a)
	*rs = rs.Add(r)
}

// AddRanges puts the events rs of actor a into the set.
func (c *Context) AddRanges(a Actor, rs Ranges) {
	if len(rs) > 0 {
		own := c.of(a)
		*own = own.Union(rs)
	}
}

// of returns the actor's ranges, making an entry by need.
func (c *Context) of(a Actor) *Ranges {
	i, ok := c.find(a)
	if !ok {
		c.entries = slices.Insert(c.entries, i, entry{actor: a})
	}
	return &c.entries[i].ranges
}

// Set makes rs the events of actor a. The context owns the slice from then on.
func (c *Context) Set(a Actor, rs Ranges) {
	i, ok := c.find(a)
	switch {
	case ok && len(rs) > 0:
		c.entries[i].ranges = rs
	case ok:
		c.entries = slices.Delete(c.entries, i, i+1)
	case len(rs) > 0:
		c.entries = slices.Insert(c.entries, i, entry{a, rs})
	}
}

// Join adds all events of other.
func (c *Context) Join(other Context) {
	for _, e := range other.entries {
		c.AddRanges(e.actor, e.ranges)
	}
}

// Minus returns the events of c that are not in other.
func (c *Context) Minus(other Context) Context {
	var out Context
	for _, e := range c.entries {
		if left := e.ranges.Minus(other.Of(e.actor)); len(left) > 0 {
			out.entries = append(out.entries, entry{e.actor, left})
		}
	}
	return out
}

// Intersect returns the events that are in both.
func (c *Context) Intersect(other Context) Context {
	var out Context
	for _, e := range c.entries {
		if both := e.ranges.Intersect(other.Of(e.actor)); len(both) > 0 {
			out.entries = append(out.entries, entry{e.actor, both})
		}
	}
	return out
}

// Covers reports whether every event of other is in c.
func (c *Context) Covers(other Context) bool {
	for _, e := range other.entries {
		if !c.Of(e.actor).Covers(e.ranges) {
			return false
		}
	}
	return true
}

// Equal reports whether both hold the same events.
func (c *Context) Equal(other Context) bool {
	return slices.EqualFunc(c.entries, other.entries, func(a, b entry) bool {
		return a.actor == b.actor && a.ranges.Equal(b.ranges)
	})
}

// IsEmpty reports whether the set holds nothing.
func (c *Context) IsEmpty() bool { return len(c.entries) == 0 }

// Actors returns how many actors have events in the set.
func (c *Context) Actors() int { return len(c.entries) }

// Count returns how many events the set holds.
func (c *Context) Count() (n uint64) {
	for _, e := range c.entries {
		n += e.ranges.Count()
	}
	return n
}

// All yields each actor with its events, ordered by actor. The ranges are the
// context's own: read only.
func (c *Context) All() iter.Seq2[Actor, Ranges] {
	return func(yield func(Actor, Ranges) bool) {
		for _, e := range c.entries {
			if !yield(e.actor, e.ranges) {
				return
			}
		}
	}
}

// Clone returns a copy that shares nothing.
func (c *Context) Clone() Context {
	out := Context{entries: slices.Clone(c.entries)}
	for i := range out.entries {
		out.entries[i].ranges = slices.Clone(out.entries[i].ranges)
	}
	return out
}

// String lists the actors with their ranges, in the actors' order.
func (c *Context) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range c.entries {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.actor.String() + ":" + e.ranges.String())
	}
	b.WriteByte('}')
	return b.String()
}
