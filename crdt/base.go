package crdt

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/delta"
)

// Codec turns values into bytes; see package codec for the built-in ones.
type Codec[T any] = codec.Codec[T]

// Base is what the stand-alone types have in common: a document of their own.
// They embed it, and so may a type that a program adds.
//
// The zero value can be read and merged into. Writing takes an actor, from a
// New function or from Bind, and panics without one.
type Base struct {
	doc Document
}

// Document returns the document under the value, for reading its state and for
// types that are built on it. What is merged into it directly is not checked
// to be of the value's type.
func (b *Base) Document() *Document { return &b.doc }

// Actor returns the actor that the value writes as.
func (b *Base) Actor() causal.Actor { return b.doc.actor }

// Bind sets the actor and the clock for the writes from here on; a nil clock is
// a fresh one. A value that was decoded must write as a new actor, with a fresh
// random incarnation, unless it is proved to be the newest that the old actor
// ever was: an older copy would give the names of lost events to new ones.
// Bind panics if there are unsealed writes.
func (b *Base) Bind(actor causal.Actor, clock *hlc.Clock) { b.doc.Bind(actor, clock) }

// Flush seals the writes made by a Writer and appends them as one delta. If
// there are none it returns dst as it is.
func (b *Base) Flush(dst []byte) delta.Delta { return b.doc.Flush(dst) }

// AppendBinary appends the whole value: a delta with version and checksum,
// which may be kept, or merged anywhere. Equal values give equal bytes.
func (b *Base) AppendBinary(dst []byte) ([]byte, error) {
	if b.doc.group != nil || b.doc.pending.Len() > 0 {
		return dst, ErrUnsealed
	}
	return b.doc.AppendState(dst), nil
}

// MarshalBinary returns what AppendBinary appends.
func (b *Base) MarshalBinary() ([]byte, error) { return b.AppendBinary(nil) }

// Same reports whether two values know the same events, and so hold the same.
func (b *Base) Same(other *Base) bool {
	x, y := b.doc.State(), other.doc.State()
	c := x.Context()
	return c.Equal(y.Context()) && x.Fingerprint() == y.Fingerprint()
}

// Restore replaces the value by one that AppendBinary gave. If check refuses
// any of it, or the bytes are damaged, the value stays as it was. The restored
// value has no actor until Bind.
func (b *Base) Restore(data []byte, check Check) error {
	var fresh Document
	if data == nil {
		data = []byte{}
	}
	if err := fresh.MergeChecked(data, check); err != nil {
		return err
	}
	b.doc = fresh
	return nil
}

// CloneBase returns a base that shares nothing with b and writes as another
// actor. Its clock goes on from the same time and reads the same source.
// It panics if there are unsealed writes.
func (b *Base) CloneBase(actor causal.Actor) Base {
	b.doc.mustBeFinal("Clone", b.doc.pending.Len())
	clock := &hlc.Clock{}
	if c := b.doc.clock; c != nil {
		clock = c.Clone()
	}
	out := Base{Document{state: *b.doc.state.Clone(), latest: b.doc.latest}}
	out.doc.Bind(actor, clock)
	return out
}
