package sim

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
)

// fate is what has become of a unit.
type fate uint8

const (
	// unsynced: sealed and not durable. Nobody but its own process may know of it.
	unsynced fate = iota
	// durable: with that the writes in it are acknowledged.
	durable
	// lost: its process ended before. Nobody may ever know of it.
	lost
)

// errLeaked means that something left a replica before it was durable there.
var errLeaked = errors.New("sim: left before it was durable")

// hasLeaked reports whether a unit must not be known at a replica.
func (u *unit) hasLeaked(at int) bool {
	return u.fate != durable && !u.shared && (u.fate == lost || u.home != at)
}

func (u *unit) leak(a causal.Actor) error {
	what := "that its replica has not synced"
	if u.fate == lost {
		what = "that was lost with its process"
	}
	return fmt.Errorf("%w: a unit of events %d-%d of %v %s", errLeaked, u.own.Lo, u.own.Hi, a, what)
}

// harden notes that a unit is durable; nil is one from elsewhere.
func (w *world) harden(u *unit) {
	if u != nil && u.fate != durable {
		u.fate = durable
		u.in.doubt--
		w.stats.Units++
	}
}

// lose notes that a unit is gone, if it was not durable.
func (w *world) lose(u *unit) {
	if u != nil && u.fate == unsynced {
		u.fate = lost
		w.stats.Lost++
	}
}

// checkLeak demands that what arrived at a replica is durable where it was sealed.
func (w *world) checkLeak(n *node, doc string, f *delta.Frame) {
	l := w.ledger(doc)
	if l.doubt == 0 || l.tainted {
		return
	}
	for a, rs := range f.ClaimsOf() {
		c := l.column(a)
		for _, r := range rs {
			for seq := r.Lo; seq <= min(r.Hi, uint64(len(c.events))); seq++ {
				if u := c.events[seq-1].unit; u != nil && u.hasLeaked(n.index) {
					w.fail(n, doc, "leaked", "%v", u.leak(a))
					return
				}
			}
		}
	}
}

// isUnsynced reports whether an event is of a unit that is not durable.
func (l *ledger) isUnsynced(d causal.Dot) bool {
	u := l.column(d.Actor).at(d.Seq).unit
	return u == nil || u.fate != durable
}

// twin is two units with one dot and two payloads. A payload and a removal are
// none: they look like a payload that was removed.
type twin struct {
	dot  causal.Dot
	a, b *unit
}

// isVisible reports whether replicas had to notice a twin: both units are
// durable, and the dot is not dead everywhere.
func (t *twin) isVisible(nodes []*node, doc string) bool {
	if t.a.fate != durable || t.b.fate != durable {
		return false
	}
	for _, n := range nodes {
		if d := n.r.View(doc); d != nil {
			s := d.State()
			if i, ok := s.Lookup(t.dot.Actor); ok && s.IsLive(i, t.dot.Seq) {
				return true
			}
		}
	}
	return false
}
