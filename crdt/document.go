package crdt

import (
	"slices"
	"sync"

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
	latest  hlc.Time // the greatest timestamp merged while there was no clock

	killed  []kernel.Dot // scratch
	group   *group
	floor   uint64
	amended uint64 // see Amended
}

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
	d.mustBeFinal("Bind", d.pending.Len())
	if clock == nil {
		clock = &hlc.Clock{}
	}
	clock.Observe(d.latest)
	d.actor, d.clock = actor, clock
	d.state.Count(TagCounter, number)
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
// that nothing was changed. A nil delta, which a mutator returns that had
// nothing to do, changes nothing; empty bytes from anywhere else are malformed.
func (d *Document) Merge(b delta.Delta) error {
	return d.MergeChecked(b, nil)
}

// Check looks at a payload that is about to be merged and may refuse it.
type Check = wire.Check

// MergeChecked merges a delta unless check, if there is one, refuses any of its
// payloads. This is how a type keeps out what it could not read.
func (d *Document) MergeChecked(b delta.Delta, check Check) error {
	if b == nil {
		return nil
	}
	f := frames.Get().(*delta.Frame)
	defer func() {
		*f = delta.Frame{} // it is a view of b, which is the caller's
		frames.Put(f)
	}()
	if err := b.OpenChecked(f, check); err != nil {
		return err
	}
	return d.MergeFrame(f)
}

// MergeFrame merges an opened delta.
func (d *Document) MergeFrame(f *delta.Frame) error {
	if d.group != nil {
		panic("crdt: merge inside an Update")
	}
	d.state.Count(TagCounter, number)
	if err := f.Merge(&d.state); err != nil {
		return err
	}
	if t := f.Latest(); d.clock != nil {
		d.clock.Observe(t)
	} else {
		d.latest = max(d.latest, t)
	}
	return nil
}

// MergeAgain merges an opened delta that brings no events, and reports whether it
// changed anything even so: then an identity was used twice, or somebody lost
// data, and the state's conflicts say what does not stand any more.
func (d *Document) MergeAgain(f *delta.Frame) (changed bool, err error) {
	if d.group != nil {
		panic("crdt: merge inside an Update")
	}
	if !f.Fits(&d.state) {
		return false, delta.ErrUnfit
	}
	return f.Again(&d.state), nil
}

// Flush seals what is pending and appends it as one delta. If nothing is
// pending it returns dst as it is.
func (d *Document) Flush(dst []byte) delta.Delta {
	if d.pending.Len() == 0 {
		return dst
	}
	if cap(dst) > 0 {
		out, _ := d.pending.Seal(dst, &d.state, 0)
		return out
	}
	buffer := buffers.Get().(*[]byte)
	out, _ := d.pending.Seal((*buffer)[:0], &d.state, 0)
	if cap(out) > maxBuffer {
		return out
	}
	*buffer = out
	out = slices.Clone(out)
	buffers.Put(buffer)
	return out
}

// maxBuffer bounds the memory that is kept for encoding deltas that are given
// away at their exact size.
const maxBuffer = 64 << 10

// What writing and merging need for a moment is not each document's own: many
// wait idle for every one that is busy.
var (
	buffers = sync.Pool{New: func() any { return new([]byte) }}
	frames  = sync.Pool{New: func() any { return new(delta.Frame) }}
)

// AppendState appends the whole state as a delta. It panics if events are
// pending that nobody keeps: a dot must be final before it leaves by any door.
func (d *Document) AppendState(dst []byte) delta.Delta {
	d.mustBeFinal("AppendState", d.pending.Loose())
	return delta.AppendState(dst, &d.state)
}

// Clone returns a copy that shares nothing and writes as another actor: two
// copies that write as one would give one name to two events.
func (d *Document) Clone(actor causal.Actor, clock *hlc.Clock) *Document {
	d.mustBeFinal("Clone", d.pending.Loose())
	out := &Document{state: *d.state.Clone()}
	out.Bind(actor, clock)
	return out
}

// mustBeFinal panics if there are own events that may still change.
func (d *Document) mustBeFinal(what string, loose int) {
	if d.group != nil {
		panic("crdt: " + what + " inside an Update")
	}
	if loose > 0 {
		panic("crdt: " + what + " with pending events; Flush them before")
	}
}

// Rename makes the document write as another actor from here on. Pending
// events, which nobody has seen, are minted again under the new name, with
// their timestamps and kills; all others keep theirs. It panics if pending
// events are kept on a disk; they have to be sealed before.
func (d *Document) Rename(actor causal.Actor) {
	if d.group != nil {
		panic("crdt: Rename inside an Update")
	}
	events := d.pending.Take(&d.state)
	d.Bind(actor, d.clock)
	if len(events) == 0 {
		return
	}
	self, first := d.pending.Self, d.state.Next(d.pending.Self)
	d.state.Begin(self) // keeps emptied containers until all is there again
	defer d.state.Commit()
	seq := first
	for i := range events {
		e := &events[i]
		if e.Adds {
			d.state.Add(self, seq, &e.Payload)
		} else {
			d.state.Event(self, seq)
		}
		d.pending.Record(seq, e.Killed)
		seq++
	}
	d.pending.Group(causal.Range{Lo: first, Hi: seq - 1})
}
