package delta

import (
	"cmp"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Pending is the local actor's events that are not sealed yet: nobody else has
// seen them, so what supersedes them may still take their place. A year of
// overwrites of one field waits here as one payload. [Pending.Keep] makes what
// waits final without sealing it, for a disk.
//
// It holds no payload itself; sealing reads those that are still live from the
// state. The rule that makes it right to leave out the others: an event that
// was superseded before it was sealed becomes an empty one, and its killer
// takes over what it had killed. Then the run may be cut into units anywhere,
// except within a group of events that have to be seen together.
//
// The zero value is empty. It belongs to one actor of one state and is no more
// safe for concurrent use than that.
type Pending struct {
	// Self is the local actor's index in the state.
	Self kernel.Index

	own    causal.Range // empty if zero or Lo > Hi; else Hi is the actor's last event
	kept   uint64       // own events up to this one are final
	kills  []kill       // Invariant: ordered by the killer
	moved  int          // kills whose dot is zero because a later event took them over
	groups groups
}

// kill says that the own event By killed a dot.
type kill struct {
	by  uint64
	dot kernel.Dot
}

// Len returns the number of events not sealed.
func (p *Pending) Len() int {
	if p.own.Hi == 0 || p.own.Lo > p.own.Hi {
		return 0
	}
	return int(p.own.Len())
}

// Has reports whether the own event seq is not sealed yet.
func (p *Pending) Has(seq uint64) bool { return p.own.Lo <= seq && seq <= p.own.Hi && seq > 0 }

// First returns the first event not sealed, 0 if there is none.
func (p *Pending) First() uint64 {
	if p.Len() == 0 {
		return 0
	}
	return p.own.Lo
}

// Loose returns the number of events that are neither sealed nor kept: what
// they add may still change.
func (p *Pending) Loose() int {
	if p.own.Hi == 0 {
		return 0
	}
	return int(p.own.Hi - max(p.own.Lo-1, p.kept))
}

// Last returns the last event if what it adds may still change: it is neither
// sealed nor kept.
func (p *Pending) Last() (seq uint64, ok bool) { return p.own.Hi, p.Loose() > 0 }

// Record notes the next own event and the dots that it killed.
func (p *Pending) Record(seq uint64, killed []kernel.Dot) {
	if p.Len() == 0 {
		p.own.Lo, p.kept = seq, seq-1
	}
	p.own.Hi = seq
	for _, d := range killed {
		if d.Actor != p.Self || d.Seq < p.own.Lo {
			p.kills = append(p.kills, kill{seq, d})
		} else if d.Seq > p.kept {
			p.supersede(d.Seq, seq)
		} else { // it has a payload on the disk, so nobody may see it without its killer
			p.kills = append(p.kills, kill{seq, d})
			p.groups = p.groups.add(causal.Range{Lo: d.Seq, Hi: seq})
		}
	}
}

// supersede lets the event by take over what the unsealed event old killed. If
// old is of a group, all up to by has to be seen together with it.
func (p *Pending) supersede(old, by uint64) {
	for i := p.killsFrom(old); i < len(p.kills) && p.kills[i].by == old; i++ {
		if k := &p.kills[i]; k.dot != (kernel.Dot{}) {
			p.kills = append(p.kills, kill{by, k.dot})
			p.kills[i].dot = kernel.Dot{}
			p.moved++
		}
	}
	if _, ok := p.groups.of(old); ok {
		p.groups = p.groups.add(causal.Range{Lo: old, Hi: by})
	}
	if p.moved > 64 && p.moved > len(p.kills)/2 {
		p.kills = slices.DeleteFunc(p.kills, func(k kill) bool { return k.dot == kernel.Dot{} })
		p.moved = 0
	}
}

// Group marks events that others must see all at once or not at all.
func (p *Pending) Group(r causal.Range) {
	if r.Lo < r.Hi {
		p.groups = p.groups.add(r)
	}
}

// Seal appends the oldest unsealed events as one unit, as many as fit in about
// limit bytes, and returns which they are. A group is never cut: one that does
// not fit makes a unit above the limit. It must not be called when Len is 0.
func (p *Pending) Seal(dst []byte, s *kernel.State, limit int) (Delta, causal.Range) {
	own := causal.Range{Lo: p.own.Lo, Hi: p.cut(s, p.own.Lo, limit)}
	return p.seal(dst, s, own), own
}

// SealKept is Seal for the events that are kept, and those that they cannot go
// without. It must not be called unless Len is above Loose.
func (p *Pending) SealKept(dst []byte, s *kernel.State) (Delta, causal.Range) {
	own := causal.Range{Lo: p.own.Lo, Hi: p.kept}
	if g, ok := p.groups.of(p.kept); ok {
		own.Hi = g.Hi
	}
	return p.seal(dst, s, own), own
}

func (p *Pending) seal(dst []byte, s *kernel.State, own causal.Range) Delta {
	out, n := p.unit(dst, s, own, 0)
	for i := range n {
		if p.kills[i].dot == (kernel.Dot{}) {
			p.moved--
		}
	}
	p.kills = slices.Delete(p.kills, 0, n)
	p.groups = p.groups.after(own.Hi)
	p.own.Lo = own.Hi + 1
	return out
}

// unit appends a unit of the events own, whose kills begin at p.kills[from],
// and returns where the kills of later events begin.
func (p *Pending) unit(dst []byte, s *kernel.State, own causal.Range, from int) (Delta, int) {
	var few [16]kernel.Dot // the usual unit allocates nothing
	killed := few[:0]
	n := from
	for ; n < len(p.kills) && p.kills[n].by <= own.Hi; n++ {
		if d := p.kills[n].dot; d != (kernel.Dot{}) {
			killed = append(killed, d)
		}
	}
	return appendFrame(dst, func(b []byte) ([]byte, wire.Form) {
		return wire.AppendUnit(b, s, p.Self, own, killed)
	}), n
}

// Keep appends the oldest loose events as one unit for the disk, as many as fit
// in about limit bytes, and returns which they are. They go on waiting to be
// sealed, but what is on a disk may come back from a copy of it: from here on
// each has the payload that it has there. What supersedes one later reaches
// others together with it, which still saves its payload; see
// [Pending.Record]. It must not be called when Loose is 0.
func (p *Pending) Keep(dst []byte, s *kernel.State, limit int) (Delta, causal.Range) {
	first := max(p.own.Lo, p.kept+1)
	own := causal.Range{Lo: first, Hi: p.cut(s, first, limit)}
	p.kept = own.Hi
	from := p.killsFrom(first)
	out, to := p.unit(dst, s, own, from)
	p.forgetOwn(from, to)
	return out, own
}

// forgetOwn drops kills of events that wait here themselves: victim and killer
// are sealed in one unit, which says it all by claiming both.
func (p *Pending) forgetOwn(from, to int) {
	rest := slices.DeleteFunc(p.kills[from:to], func(k kill) bool {
		if k.dot == (kernel.Dot{}) {
			p.moved--
			return true
		}
		return k.dot.Actor == p.Self && p.Has(k.dot.Seq)
	})
	p.kills = slices.Delete(p.kills, from+len(rest), to)
}

// killsFrom returns the index of the first kill by the event seq or a later one.
func (p *Pending) killsFrom(seq uint64) int {
	i, _ := slices.BinarySearchFunc(p.kills, seq, func(k kill, seq uint64) int { return cmp.Compare(k.by, seq) })
	return i
}

// Event is a pending event as Take returns it.
type Event struct {
	Payload kernel.Payload
	Adds    bool // there is a payload
	Killed  []kernel.Dot
}

// Take takes the pending events back, out of the state too, as if they had
// never been, except that what they killed stays dead. The caller mints them
// again, under another actor, in one group. None of them may be kept: what is on
// a disk keeps its name, see [Pending.SealKept].
func (p *Pending) Take(s *kernel.State) []Event {
	if p.Len() == 0 {
		return nil
	}
	if p.Len() > p.Loose() {
		panic("delta: pending events that are kept were to get other names")
	}
	var events []Event
	k := 0
	kills := func(upTo uint64) (killed []kernel.Dot) {
		for ; k < len(p.kills) && p.kills[k].by <= upTo; k++ {
			if d := p.kills[k].dot; d != (kernel.Dot{}) {
				killed = append(killed, d)
			}
		}
		return killed
	}
	for l := range s.Between(p.Self, p.own) {
		e := Event{Adds: true, Payload: l.Payload()}
		e.Killed = kills(l.Seq)
		events = append(events, e)
	}
	if rest := kills(p.own.Hi); len(rest) > 0 {
		events = append(events, Event{Killed: rest})
	}
	s.Forget(p.Self, p.own)
	*p = Pending{Self: p.Self}
	return events
}
