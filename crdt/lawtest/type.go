package lawtest

import (
	"encoding/binary"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/delta"
)

// Value is one replica's value; whatever embeds crdt.Base has most of it.
type Value interface {
	Merge(delta.Delta) error
	UnmarshalBinary([]byte) error
	AppendBinary([]byte) ([]byte, error)
	Flush([]byte) delta.Delta
	Bind(causal.Actor, *hlc.Clock)
	Document() *crdt.Document
}

// Type is a type under test.
type Type[V Value] struct {
	Name string
	// Fresh returns an empty value without an actor.
	Fresh func() V
	// Clone returns a copy that shares nothing.
	Clone func(V, causal.Actor) V
	// Ops is the menu of writes: few, and so that they meet at few places.
	Ops []Op[V]
	// Ordered says that the order of the actors decides something: there are
	// writes with equal timestamps. Otherwise Exhaust takes replicas that have
	// not written for interchangeable.
	Ordered bool
	// Read returns all that can be read of a value, in a canonical form.
	Read func(V) string
	// Want returns what Read has to, from the naive model; nil leaves that check out.
	Want func(View) string
}

// Op is one write. It does the same to the value and to the model.
type Op[V Value] struct {
	Name string
	// Do writes to the value without sealing. It must not fail.
	Do func(V) error
	// Model writes to the model.
	Model func(*Writer)
	// Grouped says that Do writes by Update: all its writes carry one timestamp.
	Grouped bool
}

// actorOf returns the actor of a replica in one of its lives. Their order is
// that of the replicas.
func actorOf(replica, life int) causal.Actor {
	a := causal.Actor{Incarnation: uint64(life)}
	binary.BigEndian.PutUint64(a.ID[8:], uint64(replica)+1)
	return a
}

// physical is a clock that all replicas read: each write finds it one
// millisecond later, so that the model knows what a hybrid clock will say.
type physical struct{ millis int64 }

func (p *physical) read() time.Time { return time.UnixMilli(p.millis) }

func (p *physical) now() hlc.Time { return hlc.At(p.read()) }

// clock returns a new hybrid clock on it.
func (p *physical) clock() *hlc.Clock { return &hlc.Clock{Source: p.read} }

// encode returns the value's bytes. All its writes have to be sealed.
func encode(v Value) ([]byte, error) { return v.AppendBinary(nil) }

// decode returns a value from its bytes.
func (t *Type[V]) decode(b []byte) (V, error) {
	v := t.Fresh()
	return v, v.UnmarshalBinary(b)
}
