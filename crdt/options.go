package crdt

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// Config is what a type with one kind of value can be told. The zero Config is
// the default.
type Config[T any] struct {
	// Clock stamps the writes; nil is a fresh one on time.Now. Values of one
	// process should share theirs. A Clock is not safe for concurrent use.
	Clock *hlc.Clock
	// Codec encodes the values; nil is the built-in one for the type.
	Codec Codec[T]
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

// At is an explicit timestamp for a write. A write older than what this replica
// has observed at the place is ignored with ErrSuperseded.
func At(t hlc.Time) Options { return Options{Time: t, HasTime: true} }

// Over makes a write supersede exactly the dots listed, which a client has read
// earlier or elsewhere, seen here or not. Siblings that the client had not seen
// stay. Without dots it is a blind write: a sibling to everything.
func Over(read ...causal.Dot) Options { return Options{Over: read, HasOver: true} }

// Combine returns options that say what all say together; where two differ the
// later one counts.
func Combine(all ...Options) (o Options) {
	for i := range all {
		x := &all[i]
		if x.HasTime {
			o.Time, o.HasTime = x.Time, true
		}
		if x.HasOver {
			o.Over, o.HasOver = x.Over, true
		}
		if x.Expiry != 0 {
			o.Expiry = x.Expiry
		}
	}
	return o
}
