package joinery

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker"
	natsbroker "github.com/joinery-crdt/joinery/broker/nats"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/node"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// ID is the lasting identity of a replica, 16 bytes with the text form of a UUID.
type ID = causal.ID

// NewID returns a random identity.
func NewID() ID { return ID(uuid.New()) }

// ParseID reads the text form of an ID.
func ParseID(s string) (ID, error) { return causal.ParseID(s) }

// Config describes a replica. Zero fields take their defaults.
type Config struct {
	// Space names the group of replicas and documents that belong together.
	// Required; up to 64 bytes.
	Space string
	// Conn is the program's connection, which the replica uses and never
	// closes, and whose handlers it leaves alone. Several replicas may share
	// one. Without Conn and Broker the replica keeps to itself.
	Conn *nats.Conn
	// Broker is another transport in place of Conn. The replica closes it.
	Broker broker.Broker
	// ID is the replica's identity; the default is a random one. Give each
	// device a lasting one to recognise it; two replicas must never share one.
	ID ID
	// Clock reads the physical time that stamps writes; nil is time.Now.
	Clock func() time.Time
	// MaxDrift is how far ahead of the clock the timestamps of others are
	// followed. Default 1 minute. Beyond it they are merged all the same.
	MaxDrift time.Duration
	// BeaconEvery is the mean time between beacons, which find what was lost.
	// Default 1 second.
	BeaconEvery time.Duration
	// FlushAge is how long writes wait to be sent together while others were
	// sent just before. Default 2 milliseconds.
	FlushAge time.Duration
	// MaxMessage bounds a message in bytes. Default 256 KiB, or less if the
	// connection takes less.
	MaxMessage int
	// LogBytes bounds the recent history that is kept in memory for those who
	// missed it. Default 64 MiB.
	LogBytes int
	// MaxDocs bounds the documents that other replicas can make this one hold.
	// Default 1M.
	MaxDocs int
	// Logger takes what an operator should know; nil is silent.
	Logger *slog.Logger
}

// Open starts a replica and joins its space. The context bounds the opening
// alone. On a connection that is down the replica starts offline.
func Open(ctx context.Context, cfg Config) (*Replica, error) {
	b := cfg.Broker
	if b == nil && cfg.Conn != nil {
		var err error
		if b, err = natsbroker.New(cfg.Conn, natsbroker.Config{}); err != nil {
			return nil, fmt.Errorf("joinery: open space %q: %w", cfg.Space, err)
		}
	}
	if cfg.ID.IsZero() {
		cfg.ID = NewID()
	}
	n, err := node.Open(ctx, node.Config{
		Space: cfg.Space, Broker: b, Logger: cfg.Logger,
		Replica: replica.Config{
			ID: cfg.ID, Clock: cfg.Clock, MaxDrift: cfg.MaxDrift, Rand: newRand(),
			MaxMessage: cfg.MaxMessage, FlushAge: cfg.FlushAge, BeaconEvery: cfg.BeaconEvery,
			LogBytes: cfg.LogBytes, MaxDocs: cfg.MaxDocs,
		},
	})
	if err != nil {
		if b != nil {
			_ = b.Close()
		}
		return nil, fmt.Errorf("joinery: open space %q: %w", cfg.Space, err)
	}
	return &Replica{node: n, id: cfg.ID}, nil
}

// newRand returns a generator seeded by the system: incarnations and nonces
// must differ between any two starts anywhere.
func newRand() *rand.Rand {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	return rand.New(rand.NewChaCha8(seed))
}
