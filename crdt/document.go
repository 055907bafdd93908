package crdt

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// Document is one replica's copy of a document: its state, the clock and actor
// that its writes are stamped with, and the events that are not sealed yet.
// Every type, stand-alone or a field of a synced document, is a view of one.
//
// A Document does no I/O and starts no goroutine. It is not safe for
// concurrent use, except that any number of readers may share it while nobody
// writes. The zero value can be read and merged into; writing takes an actor.
type Document struct {
	state   kernel.State
	pending delta.Pending
	clock   *hlc.Clock
	actor   causal.Actor

	killed []kernel.Dot // scratch
	group  *group
}

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

// NewDocument returns an empty document that writes as actor. A nil clock is a
// fresh one on time.Now; documents of one process should share theirs.
func NewDocument(actor causal.Actor, clock *hlc.Clock) *Document {
	d := &Document{}
	d.Bind(actor, clock)
	return d
}

// Bind sets the actor and the clock for the writes from here on, for instance
// after a restore: a copy that went back in time must never write on under its
// old actor. It seals nothing: call Flush before if events are pending.
func (d *Document) Bind(actor causal.Actor, clock *hlc.Clock) {
	if d.pending.Len() > 0 {
		panic("crdt: Bind with pending events; Flush them before")
	}
	if clock == nil {
		clock = &hlc.Clock{}
	}
	d.actor, d.clock = actor, clock
	if !actor.IsZero() {
		d.pending.Self = d.state.Intern(actor)
	}
}

// Actor returns the actor that the document writes as.
func (d *Document) Actor() causal.Actor { return d.actor }

// State returns the document's state for reading.
func (d *Document) State() *kernel.State { return &d.state }

// Pending returns the events that are not sealed yet.
func (d *Document) Pending() *delta.Pending { return &d.pending }

// Merge merges a delta, a group of deltas or a whole state. An error means
// that nothing was changed.
func (d *Document) Merge(b delta.Delta) error {
	f, err := b.Open()
	if err != nil {
		return err
	}
	return d.MergeFrame(f)
}

// MergeFrame merges an opened delta.
func (d *Document) MergeFrame(f *delta.Frame) error {
	if d.group != nil {
		panic("crdt: merge inside an Update")
	}
	if err := f.Merge(&d.state); err != nil {
		return err
	}
	if t := f.Latest(); t > 0 && d.clock != nil {
		d.clock.Observe(t)
	}
	return nil
}

// Flush seals what is pending and appends it as one delta. If nothing is
// pending it returns dst as it is.
func (d *Document) Flush(dst []byte) delta.Delta {
	if d.pending.Len() == 0 {
		return dst
	}
	out, _ := d.pending.Seal(dst, &d.state, 0)
	return out
}

// AppendState seals what is pending, which the receiver will see, and appends
// the whole state as a delta. The document's own pending events are still to
// be delivered to everybody else by Flush, which must be called before.
func (d *Document) AppendState(dst []byte) delta.Delta {
	if d.pending.Len() > 0 {
		panic("crdt: AppendState with pending events; Flush them before")
	}
	return delta.AppendState(dst, &d.state)
}

// Clone returns a copy that shares nothing and writes as another actor: two
// copies that write as one would give one name to two events.
func (d *Document) Clone(actor causal.Actor, clock *hlc.Clock) *Document {
	if d.pending.Len() > 0 {
		panic("crdt: Clone with pending events; Flush them before")
	}
	out := &Document{state: *d.state.Clone()}
	out.Bind(actor, clock)
	return out
}

// Options qualify one write.
type Options struct {
	// Time is an explicit timestamp, if HasTime is set. A write that is older
	// than what this replica has observed at the place is ignored with
	// ErrSuperseded.
	Time    hlc.Time
	HasTime bool
	// Expiry is when the payload expires; 0 is never.
	Expiry hlc.Time
	// Over, if HasOver is set, lists the dots that the writer had read: the
	// write supersedes these, seen here or not, and nothing else.
	Over    []causal.Dot
	HasOver bool

	untimed bool // the payload carries no timestamp: nothing orders it
}

// Assign puts a payload in place of all that this replica has observed there.
func (d *Document) Assign(in kernel.Ref, tag kernel.Tag, key, value string, mark bool, o Options) error {
	p := kernel.Payload{Parent: in, Tag: tag, Key: key, Value: value, Expiry: o.Expiry}
	if mark {
		p.Flags = kernel.Mark
	}
	seq, err := d.mint(&p, o)
	if err != nil {
		return err
	}
	d.killed = d.killed[:0]
	if o.HasOver {
		d.killDots(o.Over)
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
	seq := d.state.Next(d.pending.Self)
	if seq >= causal.MaxSeq {
		return 0, ErrExhausted
	}
	return seq, nil
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
	d.pending.Record(seq, d.killed)
}

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
		d.pending.Record(e.seq, killed[:e.killed])
		killed = killed[e.killed:]
	}
	if n := len(g.events); n > 1 {
		d.pending.Group(causal.Range{Lo: g.events[0].seq, Hi: g.events[n-1].seq})
	}
}

// Container returns the container at a path, if anything lives in it.
func (d *Document) Container(path []kernel.Component) (kernel.Ref, bool) {
	r := kernel.Root
	for _, c := range path {
		var ok bool
		if r, ok = d.state.Find(r, c.Tag, c.Name); !ok {
			return 0, false
		}
	}
	return r, true
}

// Ensure returns the container at a path, creating it by need. The Ref is good
// for the next write alone.
func (d *Document) Ensure(path []kernel.Component) (kernel.Ref, error) {
	if err := CheckPath(path); err != nil {
		return 0, err
	}
	r := kernel.Root
	for _, c := range path {
		r = d.state.Ensure(r, c.Tag, c.Name)
	}
	return r, nil
}

// CheckPath returns an error if a path is above the limits.
func CheckPath(path []kernel.Component) error {
	if len(path) >= kernel.MaxDepth {
		return fmt.Errorf("%w: path of %d levels, the limit is %d", ErrTooLarge, len(path), kernel.MaxDepth-1)
	}
	size := 0
	for _, c := range path {
		if size += len(c.Name); len(c.Name) > kernel.MaxKey {
			return fmt.Errorf("%w: name of %d bytes, the limit is %d", ErrTooLarge, len(c.Name), kernel.MaxKey)
		}
	}
	if size > wire.MaxPath {
		return fmt.Errorf("%w: path of %d bytes, the limit is %d", ErrTooLarge, size, wire.MaxPath)
	}
	return nil
}
