package crdt

import (
	"time"

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
	// Expiry is when the payload expires; 0 is never. TTL, if HasTTL is set, says
	// how long after the write instead, by the writer's clock.
	Expiry hlc.Time
	TTL    time.Duration
	HasTTL bool
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

// TTL is how long what is written is to be there: readers hide it from then on,
// and somebody removes it, see [Document.Expire]. The time is taken from the
// writer's clock and compared with each reader's, so that a clock that is wrong
// makes it late or early, and nothing else. A further write without a TTL stays.
func TTL(d time.Duration) Options { return Options{TTL: d, HasTTL: true} }

// ExpireAt is when what is written ceases to be there, as with [TTL].
func ExpireAt(t time.Time) Options { return Options{Expiry: max(hlc.At(t), 1)} }

// expiry returns when a payload that is written now expires, 0 if never. What is
// over already is written all the same, and hidden from the first.
func (o *Options) expiry(d *Document) hlc.Time {
	switch {
	case !o.HasTTL:
		return min(o.Expiry, hlc.MaxTime)
	case o.TTL <= 0:
		return 1
	}
	now := d.reach().Time()
	return max(hlc.At(now.Add(o.TTL)), 1)
}

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
			o.Expiry, o.HasTTL = x.Expiry, false
		}
		if x.HasTTL {
			o.TTL, o.HasTTL, o.Expiry = x.TTL, true, 0
		}
	}
	return o
}
