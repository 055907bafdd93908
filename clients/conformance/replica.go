package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/delta"
)

// value is what every type of the engine offers.
type value interface {
	Merge(delta.Delta) error
	UnmarshalBinary([]byte) error
	AppendBinary([]byte) ([]byte, error)
	Flush([]byte) delta.Delta
	Bind(causal.Actor, *hlc.Clock)
	Document() *crdt.Document
}

// call is an operation on a type, with its arguments as canonical texts.
type call struct {
	op    string
	args  []string
	path  []string
	vtype string
	opts  crdt.Options
}

// kind is a type under test.
type kind struct {
	shape shape
	fresh func() value
	apply func(v value, c call) error        // one local operation, not sealed
	read  func(v value) (any, error)         // what parse would give for its canonical JSON
	seen  func(v value, c call) []causal.Dot // the context of a register; nil if there is none
}

// errOp means that the case asks for something that the format does not have.
var errOp = errors.New("unknown operation or arguments")

func (c call) unknown() error {
	return fmt.Errorf("%w: %q with %d arguments, vtype %q, path %q", errOp, c.op, len(c.args), c.vtype, c.path)
}

// is reports whether the call is op with n arguments.
func (c call) is(op string, n int) bool { return c.op == op && len(c.args) == n }

// amount returns the increment of an inc or dec, 1 by default.
func (c call) amount() (int64, error) {
	n := int64(1)
	if len(c.args) > 1 || c.op != "inc" && c.op != "dec" {
		return 0, c.unknown()
	}
	if len(c.args) == 1 {
		if err := json.Unmarshal([]byte(c.args[0]), &n); err != nil {
			return 0, fmt.Errorf("%w: amount %s", errRefused, c.args[0])
		}
	}
	if c.op == "inc" {
		return n, nil
	}
	if n == math.MinInt64 {
		return 0, fmt.Errorf("%w: amount %s", errRefused, c.args[0])
	}
	return -n, nil
}

// errRefused marks an operation that the engine may refuse, aloud, and that
// then has no effect.
var errRefused = errors.New("refused")

// replica is a named replica of one case.
type replica struct {
	name  string
	kind  *kind
	value value
	actor causal.Actor
	clock *hlc.Clock
	// physical is the reading of the replica's clock in milliseconds.
	physical int64
	lives    uint64
}

func newReplica(name string, k *kind) *replica {
	r := &replica{name: name, kind: k, value: k.fresh()}
	h := fnv.New128a()
	h.Write([]byte(name))
	h.Sum(r.actor.ID[:0])
	// The first byte keeps the order of the names, for transcripts that are
	// easier to follow when timestamps are equal.
	if name != "" {
		r.actor.ID[0] = name[0]
	}
	r.actor.Incarnation = 1
	r.lives = 1
	r.bind(0)
	return r
}

// bind gives the value an actor and a clock that continues at mark.
func (r *replica) bind(mark hlc.Time) {
	r.clock = &hlc.Clock{Source: func() time.Time { return time.UnixMilli(r.physical) }}
	r.clock.Restore(mark)
	r.value.Bind(r.actor, r.clock)
}

// encode seals what is pending and returns the whole value.
func (r *replica) encode() ([]byte, error) {
	r.value.Flush(nil)
	return r.value.AppendBinary(nil)
}

// restart drops the value and recovers it from its encoding, with the clock's
// mark: what a clean stop leaves behind.
func (r *replica) restart() error {
	stored, err := r.encode()
	if err != nil {
		return err
	}
	return r.recover(stored, r.clock.Last())
}

// restore comes back with an old encoding, as a new incarnation: nothing tells
// how many dots the old one minted since.
func (r *replica) restore(old []byte) error {
	r.lives++
	r.actor.Incarnation = r.lives
	return r.recover(old, 0)
}

func (r *replica) recover(stored []byte, mark hlc.Time) error {
	v := r.kind.fresh()
	if err := v.UnmarshalBinary(stored); err != nil {
		return err
	}
	r.value = v
	r.bind(mark)
	return nil
}

// hasGap reports whether an event is missing below one that is known.
func (r *replica) hasGap() bool {
	s := r.value.Document().State()
	for _, a := range s.Actors() {
		if seen := s.Seen(a); seen.Max() != seen.Prefix() {
			return true
		}
	}
	return false
}

// read returns the canonical text of what the replica reads.
func (r *replica) read() (string, error) {
	v, err := r.kind.read(r.value)
	if err != nil {
		return "", err
	}
	return r.kind.shape.canonical(v)
}
