package sim

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// ledger is all that was ever sealed of one document, by whomever. What a
// context means follows from it, without any of the kernel's shortcuts.
type ledger struct {
	actors  map[causal.Actor]*column
	digests map[uint64]uint64 // digest that goes with a context
	mark    uint32            // of the check under way
	ahead   []deadDot         // scratch: dots that died in the check under way
	// tainted is set once a dot has two payloads. Then a context determines
	// nothing any more.
	tainted bool
	twins   []twin
	settled causal.Context // events of documents of that name that somebody forgot
	ghosts  []ghost
	doubt   int // units that are not durable, lost ones included
}

// column is one actor's events by sequence number less one.
type column struct {
	actor  causal.Actor
	print  uint64
	events []event
}

// event is one of them; without a unit it was never sealed.
type event struct {
	unit *unit
	add  *payload
	seen uint32 // mark of the last check that found it in the context
	dead uint32 // mark of the last check that found it killed
}

// unit is what was sealed together.
type unit struct {
	own   causal.Range
	kills []deadDot
	print uint64
	in    *ledger
	fate  fate
	home  int // the replica that sealed it
	// shared is set if two processes under one identity sealed the very same.
	shared bool
	// orphan is set if it was on no disk once a disk had lost it.
	orphan bool
}

type deadDot struct {
	col *column
	seq uint64
}

func newLedger() *ledger {
	return &ledger{actors: make(map[causal.Actor]*column), digests: make(map[uint64]uint64)}
}

func (l *ledger) column(a causal.Actor) *column {
	c := l.actors[a]
	if c == nil {
		c = &column{actor: a, print: xxhash.Sum64String(a.String())}
		l.actors[a] = c
	}
	return c
}

func (c *column) at(seq uint64) *event {
	for uint64(len(c.events)) < seq {
		c.events = append(c.events, event{})
	}
	return &c.events[seq-1]
}

// enter notes a unit that was sealed at a replica. It is the only way in. Its
// events below first were recorded before. The error says that a dot was minted
// twice.
func (l *ledger) enter(own stretch, first uint64, home int, f *delta.Frame, d delta.Delta) (*unit, error) {
	c := l.column(own.actor)
	u := &unit{own: causal.Range{Lo: first, Hi: own.Hi}, print: bare(f, d), in: l, home: home}
	c.at(own.Hi)
	for seq := first; seq <= own.Hi; seq++ {
		switch old := c.at(seq).unit; {
		case old == nil:
		case old.print == u.print:
			old.shared = old.shared || old.home != home
			return old, nil
		default:
			if dot, ok := c.addsTwice(f); ok {
				l.twins = append(l.twins, twin{dot, old, u})
			}
			l.doubt++
			return u, fmt.Errorf("event %d of %v was minted twice, in units %v and %v", seq, own.actor, old.own, own.Range)
		}
	}
	l.doubt++
	u.kills = c.superseded(own.Range, first, f)
	deaths := f.Deaths()
	for victim, rs := range deaths.All() {
		vc := l.column(victim)
		for seq := range rs.All() {
			u.kills = append(u.kills, deadDot{vc, seq})
		}
	}
	for seq := first; seq <= own.Hi; seq++ {
		c.events[seq-1] = event{unit: u}
	}
	for add := range f.All() {
		e := c.at(add.Dot.Seq)
		p := payloadOf(&add)
		if e.add != nil && !e.add.same(&p) {
			return u, fmt.Errorf("the payload of event %d of %v has changed", add.Dot.Seq, own.actor)
		}
		e.add = &p
	}
	return u, nil
}

// addsTwice returns a dot under which a unit adds a payload and which has another.
func (c *column) addsTwice(f *delta.Frame) (dot causal.Dot, ok bool) {
	for add := range f.All() {
		p := payloadOf(&add)
		if old := c.at(add.Dot.Seq).add; old != nil && !old.same(&p) {
			return add.Dot, true
		}
	}
	return dot, false
}

// check compares a replica's state without pending events with what its context
// means. gone is the events of actors that it has forgotten, as all know them.
func (l *ledger) check(s *kernel.State, at int, gone causal.Context) error {
	l.mark++
	l.ahead = l.ahead[:0]
	live, print := 0, uint64(0)
	for _, a := range s.Actors() {
		p, err := l.walk(s, a, at)
		if err != nil {
			return err
		}
		print += p
	}
	for a, rs := range gone.All() {
		p, err := l.walkGone(a, rs)
		if err != nil {
			return err
		}
		print += p
	}
	for _, a := range s.Actors() {
		n, err := l.checkLive(s, a)
		if err != nil {
			return err
		}
		live += n
	}
	if live != s.Dots() {
		return fmt.Errorf("%d dots are live, %d should be", s.Dots(), live)
	}
	if err := l.checkGone(gone); err != nil {
		return err
	}
	if err := l.checkAhead(s, gone); err != nil {
		return err
	}
	return l.checkDigest(s, print)
}

// walk marks the actor's events in the context and what they killed.
func (l *ledger) walk(s *kernel.State, a kernel.Index, at int) (print uint64, err error) {
	seen := s.Seen(a)
	if len(seen) == 0 {
		return 0, nil
	}
	c := l.column(s.Actor(a))
	idle := s.IsDeparted(a) && !s.AnyLive(a, causal.Range{Lo: 1, Hi: causal.MaxSeq})
	for _, r := range seen {
		print += mix(c.print, r.Lo, r.Hi, map[bool]uint64{true: 1}[idle])
		for seq := r.Lo; seq <= r.Hi; {
			u := c.at(seq).unit
			switch {
			case l.isSettled(c, seq): // maybe as one that nobody minted
				c.events[seq-1].seen = l.mark
				seq++
				continue
			case u == nil:
				return 0, fmt.Errorf("event %d of %v is in the context and was never sealed", seq, c.actor)
			case u.own.Lo != seq || u.own.Hi > r.Hi:
				return 0, fmt.Errorf("the context of %v holds %d-%d, which is a part of the unit %d-%d", c.actor, r.Lo, r.Hi, u.own.Lo, u.own.Hi)
			case u.hasLeaked(at):
				return 0, u.leak(c.actor)
			}
			for ; seq <= u.own.Hi; seq++ {
				c.events[seq-1].seen = l.mark
			}
			l.bury(u)
		}
	}
	return print, nil
}

// walkGone is walk for an actor that a state has forgotten.
func (l *ledger) walkGone(a causal.Actor, rs causal.Ranges) (print uint64, err error) {
	c := l.column(a)
	for _, r := range rs {
		print += mix(c.print, r.Lo, r.Hi, 1)
	}
	for seq := range rs.All() {
		e := c.at(seq)
		if e.unit == nil {
			return 0, fmt.Errorf("event %d of %v was retired and never sealed", seq, a)
		}
		if e.seen = l.mark; e.unit.own.Lo == seq {
			l.bury(e.unit)
		}
	}
	return print, nil
}

// checkGone demands that nothing lives of what a state has forgotten.
func (l *ledger) checkGone(gone causal.Context) error {
	for a, rs := range gone.All() {
		for seq := range rs.All() {
			if e := l.column(a).at(seq); e.add != nil && e.dead != l.mark && !l.isSettled(l.column(a), seq) {
				return fmt.Errorf("dot %d of %v is forgotten, and nothing there killed it", seq, a)
			}
		}
	}
	return nil
}

func (l *ledger) bury(u *unit) {
	for _, d := range u.kills {
		if e := d.col.at(d.seq); e.dead != l.mark {
			e.dead = l.mark
			l.ahead = append(l.ahead, d)
		}
	}
}

func mix(words ...uint64) (h uint64) {
	for _, w := range words {
		h = (h ^ w) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

// checkLive compares the actor's live dots and returns how many there should be.
func (l *ledger) checkLive(s *kernel.State, a kernel.Index) (n int, err error) {
	if len(s.Seen(a)) == 0 {
		return 0, nil
	}
	c := l.column(s.Actor(a))
	for got := range s.Between(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
		e := c.at(got.Seq)
		switch {
		case l.isSettled(c, got.Seq): // by a unit that somebody still had, and its killer comes, too
			n++
			continue
		case e.dead == l.mark:
			return 0, fmt.Errorf("dot %d of %v lives (%s) although its killer is in the context", got.Seq, c.actor, describe(s, &got))
		case e.add == nil || !e.add.equals(s, &got):
			return 0, fmt.Errorf("dot %d of %v lives with a payload that nobody sealed: %s", got.Seq, c.actor, describe(s, &got))
		}
	}
	for i := range c.events {
		if e := &c.events[i]; e.seen == l.mark && e.add != nil && e.dead != l.mark && !l.isSettled(c, uint64(i)+1) {
			n++
			if !s.IsLive(a, uint64(i)+1) {
				return 0, fmt.Errorf("dot %d of %v (%s=%.20s) is in the context, nothing there killed it, and it is not live", i+1, c.actor, e.add.key, e.add.value)
			}
		}
	}
	return n, nil
}

// checkAhead compares the deaths ahead: killed and not in the context.
func (l *ledger) checkAhead(s *kernel.State, gone causal.Context) error {
	want := uint64(0)
	for _, d := range l.ahead {
		if d.col.at(d.seq).seen == l.mark || l.isSettled(d.col, d.seq) {
			continue
		}
		want++
		if a, ok := s.Lookup(d.col.actor); !ok || !s.Ahead(a).Contains(d.seq) {
			return fmt.Errorf("the death of %d of %v is forgotten; its event is still missing", d.seq, d.col.actor)
		}
	}
	have := uint64(0)
	for _, a := range s.Actors() {
		if ahead := s.Ahead(a); len(gone.Of(s.Actor(a))) == 0 {
			have += ahead.Minus(l.settled.Of(s.Actor(a))).Count()
		}
	}
	if have != want {
		return fmt.Errorf("%d deaths ahead, %d should be", have, want)
	}
	return nil
}

func (l *ledger) checkDigest(s *kernel.State, print uint64) error {
	digest := s.Digest()
	if want, ok := l.digests[print]; ok && want != digest {
		return fmt.Errorf("digest %x, but the same context had %x before", digest, want)
	}
	l.digests[print] = digest
	return nil
}
