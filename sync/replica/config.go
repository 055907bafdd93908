package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Config describes a replica. Zero fields take their defaults.
type Config struct {
	// ID is the replica's lasting identity. Required.
	ID causal.ID
	// Clock reads physical time for the timestamps of writes; nil is time.Now.
	Clock hlc.Source
	// MaxDrift bounds how far ahead remote timestamps may pull the clock; 0 is
	// hlc.DefaultMaxDrift.
	MaxDrift time.Duration
	// Mark is what Mark returned at an earlier start, as far as it is known: the
	// clock then goes on from there even if the device boots in 1970.
	Mark hlc.Time
	// Incarnation is that of the actor at the end of an earlier start. Set it only
	// if that start ended cleanly with every record on the disk, and if nobody
	// else can start from a copy of that disk; 0 takes a fresh, random one.
	Incarnation uint64
	// Floor is what Replica.Floor said at the end of the start whose Incarnation
	// this is.
	Floor uint64
	// Stability says what the members hold; without it nothing is collected.
	Stability Stability
	// Collect has a replica that keeps a membership find out what is stable by itself, if
	// Stability is nil. Whoever joins must have caught up before it writes: what it
	// removes before may take along what it has not seen.
	Collect bool
	// FoldFrom is from how many dots of an actor on a counter is folded. Default 8.
	FoldFrom int
	// Rand gives nonces, incarnations and jitter. Required; for production it
	// must be seeded so that no two replicas and no two starts share a seed.
	Rand *rand.Rand

	// Member says what this replica is in the space: its role, site, weight and
	// interest; the actor is the replica's own. nil keeps no membership: everybody's
	// events are taken, and nothing is ever stable or retired.
	Member *membership.Member

	// Interest is the patterns of the documents that the replica holds, up to
	// MaxInterest; none is all. A relay holds all.
	Interest []string

	// Ports is how many transports the replica speaks on, up to MaxPorts; 0 is one.
	// With more it is a relay: what is news on one it passes on to the others.
	Ports int

	// OwnOnly is for a replica that others do not trust to speak for anybody else:
	// what is news in its answers is to be its own. It answers no requests to any.
	OwnOnly bool
	// MaxMessage bounds a message in bytes. Default 256 KiB, at least 4 KiB.
	MaxMessage int
	// FlushAge is how long writes wait to be sent together while others were
	// sent just before. Default 2 ms. The first write after a pause goes at once.
	FlushAge time.Duration
	// FlushCount is how many events of a document wait at most. Default 1000.
	FlushCount int
	// Budget is how many bytes a second are sent, on all ports together; 0 is no
	// limit, and less than 4,000 among several replicas makes catching up take minutes.
	// Nothing is lost by it, only later: broadcasts go first, and what cannot
	// be sent yet goes on coalescing. Messages are then no longer than what a second
	// has, down to 4 KiB.
	Budget int
	// BeaconEvery is the mean time between beacons. Default 1 s.
	BeaconEvery time.Duration
	// HoleDelay is how long a hole may be due to reordering. Default 10 ms.
	HoleDelay time.Duration
	// RetryAfter is when an unanswered request is repeated, or goes to somebody
	// else. Default 250 ms, doubled twice after some attempts.
	RetryAfter time.Duration
	// LogBytes bounds the log of units of all documents. Default 64 MiB,
	// negative keeps none.
	LogBytes int
	// MaxTransfer bounds the transfers that are under way to this replica, together,
	// and all that others fetch from it. Default 1 GiB.
	MaxTransfer int
	// TripBytes is how many bytes may be spent to save a round trip when it is decided
	// how a replica catches up. Default 1 KiB. A negative number has replicas compare
	// their live dots wherever that is possible.
	TripBytes int
	// ExpiryGrace is about how long this replica leaves what has expired of its own
	// writes where it is, hidden, before it kills it, and a fifth of how long what
	// others wrote. Default 1 s.
	ExpiryGrace time.Duration
	// MaxOwnDocs bounds the documents up to which local writes make further ones; 0
	// is no bound.
	MaxOwnDocs int
	// MaxDocs bounds the documents that others can make this replica hold.
	// Default 1M.
	MaxDocs int
}

// maxPeers bounds the replicas that are remembered.
const maxPeers = 4096

// minMessage is the least limit of a message in bytes.
const minMessage = 4 << 10

// MaxPorts bounds the transports of a relay.
const MaxPorts = 16

// overhead is what a message has besides its content, at most.
const overhead = 512 + message.MaxName

// ErrConfig is wrapped by the errors of New.
var ErrConfig = errors.New("replica: bad config")

func (c *Config) validate() error {
	switch {
	case c.ID.IsZero():
		return fmt.Errorf("%w: ID is required", ErrConfig)
	case c.Rand == nil:
		return fmt.Errorf("%w: Rand is required", ErrConfig)
	case c.MaxMessage != 0 && c.MaxMessage < minMessage:
		return fmt.Errorf("%w: MaxMessage of %d is below 4 KiB", ErrConfig, c.MaxMessage)
	case c.FlushAge < 0 || c.BeaconEvery < 0 || c.HoleDelay < 0 || c.RetryAfter < 0 || c.MaxDrift < 0 || c.ExpiryGrace < 0:
		return fmt.Errorf("%w: negative duration", ErrConfig)
	case c.Ports < 0 || c.Ports > MaxPorts:
		return fmt.Errorf("%w: %d ports, must be up to %d", ErrConfig, c.Ports, MaxPorts)
	case c.OwnOnly && c.Ports > 1:
		return fmt.Errorf("%w: a relay speaks for others, so OwnOnly is not for it", ErrConfig)
	case c.Ports > 1 && len(c.Interest) > 0:
		return fmt.Errorf("%w: a relay holds all documents", ErrConfig)
	case c.Budget < 0 || c.FlushCount < 0 || c.FoldFrom < 0 || c.MaxTransfer < 0 || c.MaxDocs < 0 || c.MaxOwnDocs < 0:
		return fmt.Errorf("%w: negative limit", ErrConfig)
	}
	orInt := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	orTime := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	orInt(&c.Ports, 1)
	orInt(&c.MaxMessage, 256<<10)
	if c.Budget > 0 {
		c.MaxMessage = min(c.MaxMessage, max(c.Budget, minMessage))
	}
	orInt(&c.FlushCount, 1000)
	orInt(&c.FoldFrom, leastFold)
	orInt(&c.LogBytes, 64<<20)
	orInt(&c.MaxTransfer, 1<<30)
	orInt(&c.MaxDocs, 1<<20)
	orTime(&c.FlushAge, 2*time.Millisecond)
	orTime(&c.BeaconEvery, time.Second)
	orTime(&c.HoleDelay, 10*time.Millisecond)
	orTime(&c.ExpiryGrace, time.Second)
	orTime(&c.RetryAfter, 250*time.Millisecond)
	return nil
}
