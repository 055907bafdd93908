package crdt

import (
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Assign puts a payload in place of all that this replica has observed there. A
// marked one does not expire, whatever the options say.
func (d *Document) Assign(in kernel.Ref, tag kernel.Tag, key, value string, mark bool, o Options) error {
	p := kernel.Payload{Parent: in, Tag: tag, Key: key, Value: value}
	if mark {
		p.Flags = kernel.Mark
	}
	if !mark && (o.HasTTL || o.Expiry != 0) {
		p.Expiry = o.expiry(d)
	}
	seq, err := d.mint(&p, o)
	if err != nil {
		return err
	}
	d.killed = d.killed[:0]
	if o.HasOver {
		d.killDots(o.Over) // checked by mint
		d.state.Add(d.pending.Self, seq, &p)
	} else {
		d.killed = d.state.Assign(d.pending.Self, seq, &p, d.killed)
	}
	d.record(seq)
	return nil
}

// Remove kills all that this replica has observed at a place, or, with
// HasOver, the dots listed. Where there is nothing to kill nothing happens.
func (d *Document) Remove(in kernel.Ref, tag kernel.Tag, key string, o Options) error {
	seq, err := d.next()
	if err == nil {
		err = d.checkOver(o.Over)
	}
	if err != nil {
		return err
	}
	d.killed = d.killed[:0]
	if o.HasOver {
		d.killDots(o.Over)
	} else {
		d.killed = d.state.Clear(in, tag, key, d.killed)
	}
	d.finish(seq)
	return nil
}

// checkOver refuses a client's context that cannot be one: too long, not dots,
// or with dots of this actor that it has yet to mint. Killing those would kill
// what it writes next.
func (d *Document) checkOver(dots []causal.Dot) error {
	if len(dots) > maxKills {
		return fmt.Errorf("%w: context of %d dots, the limit is %d", ErrTooLarge, len(dots), maxKills)
	}
	for _, k := range dots {
		own := k.Actor == d.actor && !d.state.IsSeen(d.pending.Self, k.Seq)
		if own || k.Actor.IsZero() || k.Seq == 0 || k.Seq >= causal.MaxSeq {
			return fmt.Errorf("%w: %v", ErrContext, k)
		}
	}
	return nil
}

// killDots kills dots by name and notes those that were not dead before.
func (d *Document) killDots(dots []causal.Dot) {
	for _, k := range dots {
		if d.state.KillDot(k) {
			a, _ := d.state.Lookup(k.Actor)
			d.killed = append(d.killed, kernel.Dot{Actor: a, Seq: k.Seq})
		}
	}
}

// maxKills bounds the dots that one event kills. What removes more mints
// several events, so that each fits in a message.
const maxKills = 4096

// RemoveBelow removes what this replica has observed in the container and in
// those below it. Deletions, removals and disabled flags that are recorded as
// payloads stay: without them an older value could show again.
func (d *Document) RemoveBelow(in kernel.Ref) error {
	return d.removeBelow(in, isTombstone)
}

func (d *Document) removeBelow(in kernel.Ref, keep func(*kernel.Live) bool) error {
	for done := false; !done; {
		seq, err := d.next()
		if err != nil {
			return err
		}
		d.killed, done = d.state.ClearBelow(in, keep, d.killed[:0], maxKills)
		d.finish(seq)
	}
	return nil
}

// finish absorbs the event seq if it killed anything.
func (d *Document) finish(seq uint64) {
	if len(d.killed) == 0 {
		d.state.Sweep()
		return
	}
	d.state.Event(d.pending.Self, seq)
	d.record(seq)
}

// mint checks a payload, stamps it and returns its event's number.
func (d *Document) mint(p *kernel.Payload, o Options) (uint64, error) {
	seq, err := d.next()
	if err != nil {
		return 0, err
	}
	if len(p.Key) > kernel.MaxKey {
		return 0, fmt.Errorf("%w: name of %d bytes, the limit is %d", ErrTooLarge, len(p.Key), kernel.MaxKey)
	}
	if len(p.Value) > kernel.MaxValue {
		return 0, fmt.Errorf("%w: value of %d bytes at %.40q, the limit is %d", ErrTooLarge, len(p.Value), p.Key, kernel.MaxValue)
	}
	if err := d.checkOver(o.Over); err != nil {
		return 0, err
	}
	if err := d.grow(len(p.Key) + len(p.Value) + 32); err != nil {
		return 0, err
	}
	switch {
	case o.untimed:
	case o.HasTime:
		if o.Time > hlc.MaxTime {
			return 0, fmt.Errorf("%w: timestamp %d", ErrTooLarge, uint64(o.Time))
		}
		p.Time = o.Time
		return seq, d.checkTime(p, seq)
	case d.group != nil:
		p.Time = d.group.time
	default:
		p.Time = d.clock.Now()
	}
	return seq, nil
}

// checkTime refuses an explicit timestamp that the winner at the place beats.
func (d *Document) checkTime(p *kernel.Payload, seq uint64) error {
	w, ok := d.state.Winner(p.Parent, p.Tag, p.Key)
	if !ok {
		return nil
	}
	mine := kernel.Live{Time: p.Time, Actor: d.pending.Self, Seq: seq}
	if d.state.Less(&mine, &w) {
		return fmt.Errorf("%w: %v at %.40q, observed %v", ErrSuperseded, p.Time, p.Key, w.Time)
	}
	return nil
}

func (d *Document) next() (uint64, error) {
	if d.actor.IsZero() {
		panic("crdt: write to a document without an actor; make it with a New function or Bind it")
	}
	seq := max(d.state.Next(d.pending.Self), d.floor+1)
	if seq >= causal.MaxSeq {
		return 0, ErrExhausted
	}
	return seq, nil
}

// RemoveField removes what this replica has observed under a name, whatever
// its type: values, sets and maps with all that is in them. What RemoveBelow
// would keep stays.
func (d *Document) RemoveField(in kernel.Ref, name string) error {
	for done := false; !done; {
		seq, err := d.next()
		if err != nil {
			return err
		}
		d.killed = d.killed[:0]
		for _, tag := range leafTags {
			d.clearUnmarked(in, tag, name)
		}
		done = true
		for _, tag := range containerTags {
			if below, ok := d.state.Find(in, tag, name); ok && done {
				d.killed, done = d.state.ClearBelow(below, isTombstone, d.killed, maxKills)
			}
		}
		d.finish(seq)
	}
	return nil
}

// clearUnmarked kills what lives at a place, except tombstones.
func (d *Document) clearUnmarked(in kernel.Ref, tag kernel.Tag, key string) {
	for _, l := range slices.Collect(d.state.Siblings(in, tag, key)) {
		if !isTombstone(&l) && d.state.KillDot(d.state.Dot(&l)) {
			d.killed = append(d.killed, kernel.Dot{Actor: l.Actor, Seq: l.Seq})
		}
	}
}
