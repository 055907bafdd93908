package crdt

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// group is the events of an Update that is under way.
type group struct {
	time   hlc.Time
	events []event
	killed []kernel.Dot
	size   int
}

// event is an own event and how many dots it killed.
type event struct {
	seq    uint64
	killed int
}

// MaxGroup bounds the keys, values and deaths of one atomic group, in bytes.
const MaxGroup = 512 << 10

// Update runs fn, whose writes to the document become one atomic group: they
// carry one timestamp and everybody sees all of them or none. If fn returns an
// error, or the group is above MaxGroup, they are taken back and the error is returned.
func (d *Document) Update(fn func() error) error {
	if d.group != nil {
		panic("crdt: Update inside an Update")
	}
	if _, err := d.next(); err != nil {
		return err
	}
	d.group = &group{time: d.clock.Now()}
	d.state.Begin(d.pending.Self)
	committed := false
	defer func() {
		if !committed { // fn failed or panicked
			d.state.Rollback()
			d.group = nil
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if err := d.grow(0); err != nil {
		return err
	}
	committed = true
	d.commit()
	return nil
}

func (d *Document) commit() {
	g := d.group
	d.group = nil
	d.state.Commit()
	killed := g.killed
	for _, e := range g.events {
		d.note(e.seq, killed[:e.killed])
		killed = killed[e.killed:]
	}
	if n := len(g.events); n > 1 {
		d.pending.Group(causal.Range{Lo: g.events[0].seq, Hi: g.events[n-1].seq})
	}
}

// grow accounts for n bytes of a group under way.
func (d *Document) grow(n int) error {
	if d.group == nil {
		return nil
	}
	if d.group.size+n > MaxGroup {
		return fmt.Errorf("%w: atomic group above %d bytes", ErrTooLarge, MaxGroup)
	}
	d.group.size += n
	return nil
}

// record notes an event with the dots in d.killed.
func (d *Document) record(seq uint64) {
	if g := d.group; g != nil {
		g.events = append(g.events, event{seq, len(d.killed)})
		g.killed = append(g.killed, d.killed...)
		g.size += 12 * len(d.killed)
		return
	}
	d.note(seq, d.killed)
}
