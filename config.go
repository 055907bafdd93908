package joinery

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/node"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
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
	// Required; tokens separated by dots, up to 64 bytes.
	Space string
	// Conn is the program's connection, which the replica uses and never
	// closes, and whose handlers it leaves alone. It may be down, or not have
	// been up yet: the replica then works offline until it is. Give it
	// nats.MaxReconnects(-1), or it is closed for good after two minutes
	// without a server; [Replica.Rebind] then goes on with a new one. Several
	// replicas may share one, unless it has the NoEcho option: they would not
	// hear each other. Without Conn and Broker the replica keeps to itself,
	// until a Rebind.
	Conn *nats.Conn
	// Broker is another transport in place of Conn. The replica closes it,
	// also if Open fails.
	Broker broker.Broker
	// Relay makes the replica a relay: besides Conn or Broker, which it needs then,
	// it speaks on these, on other NATS systems or in other spaces, up to 15, and
	// passes on to each what is news from the others. See [Bridge].
	Relay []Bridge
	// ID is the replica's identity; the default is what the Store says, or a
	// random one. Two replicas must never share one.
	ID ID
	// OwnOnly is for a device whose permissions do not let it speak for other
	// replicas: they take from it what it wrote itself, and get everything else
	// from those that may. See docs/operating.md.
	OwnOnly bool
	// Store keeps everything that the replica holds, for instance what
	// sync/store/pebble or sync/store/bolt opens in a directory. It is this
	// replica's alone. The replica does not close it: close it after the replica.
	// Nil keeps all in memory: what no other replica has is then gone with the
	// process.
	Store store.Store
	// Durability says when a write returns, with a Store. The default,
	// [EveryCommit], is when it is on the disk.
	Durability Durability
	// SyncEvery is how long a write waits for the disk at most, with [Interval].
	// Default 100 milliseconds.
	SyncEvery time.Duration
	// Clock reads the physical time that stamps writes; nil is time.Now.
	Clock func() time.Time
	// MaxDrift is how far ahead of the clock the timestamps of others are
	// followed. Default 1 minute. Beyond it they are merged all the same.
	MaxDrift time.Duration
	// BeaconEvery is the mean time between beacons, which find what was lost.
	// Default 1 second.
	BeaconEvery time.Duration
	// Budget is how many bytes a second the replica sends at most, on all
	// connections together, counted without what NATS puts around messages; 0 is no
	// limit. With less than 4,000 among several replicas catching up takes minutes.
	// Broadcasts of writes go first; a quarter is kept for beacons, requests
	// and answers. Nothing is lost by it, only later: writes that cannot be sent yet
	// go on coalescing. Drain and Close send what is pending at once.
	Budget int
	// FlushAge is how long writes wait to be sent together while others were
	// sent just before. Default 2 milliseconds.
	FlushAge time.Duration
	// MaxMessage bounds a message in bytes, 4 KiB at least. Default 256 KiB,
	// or less if the connection takes less. Values above it travel in parts.
	MaxMessage int
	// MaxValue bounds the encoded value of a write in bytes, up to 128 KiB,
	// which is the default.
	MaxValue int
	// MaxName bounds names of fields and keys, and encoded elements, of a write in
	// bytes, up to 4 KiB, which is the default.
	MaxName int
	// MaxDepth bounds the maps and sets around a field, up to 31, which is the
	// default.
	MaxDepth int
	// MaxFields bounds the fields that this replica's writes give a document;
	// concurrent siblings and increments from different moments count one
	// each. What others write is merged all the same. Default 16M.
	MaxFields int
	// MaxDocBytes bounds the names and values of a document in bytes: what has come
	// to more takes no more of this replica's writes but removals. Default 512 MiB.
	MaxDocBytes int
	// MaxOwnDocs bounds the documents up to which this replica's writes make further
	// ones, whoever made those that are there. Default 0 is no bound.
	MaxOwnDocs int
	// Interest is which documents the replica holds, by patterns as those of
	// [Replica.Docs], up to 256; the default is all. It costs three subscriptions a
	// pattern, and what lies outside costs nothing. Some replica of the space should hold
	// all: those whose interests are neither the same nor one within the other do
	// not repair each other. See [Replica.SetInterest].
	Interest []string
	// Membership makes the replica a member of its space, who is known by name: see
	// [Replica.Members]. Levels need it. Set it in all replicas of a space or in
	// none, and not together with Interest, OwnOnly or Relay. Default nil: whoever
	// reaches the space takes part, and nobody counts.
	Membership *Membership
	// MaxDocs bounds the documents that other replicas can make this one hold.
	// Default 1M.
	MaxDocs int
	// LogBytes bounds the recent history that is kept in memory for those who
	// missed it. Default 64 MiB.
	LogBytes int
	// Logger takes what an operator should know; nil is silent.
	Logger *slog.Logger
}

// Bridge is a further transport of a replica that is a relay. All that it holds is
// the same on every side: documents of one name are one document. Relays may stand
// in a row, in a tree or in circles; what was seen is not passed on again. Who can
// not be reached is told when the link is back.
type Bridge struct {
	// Space is the name of the space there; the default is that of the replica.
	Space string
	// Conn is the program's connection, used like that of [Config]. It may be
	// the same one if Space is another.
	Conn *nats.Conn
	// Broker is another transport in place of Conn. The replica closes it, also
	// if Open fails.
	Broker broker.Broker
}

// Durability says when a write counts as done, with a Store: it then returns,
// and only then leaves the replica.
type Durability = node.Durability

// The levels of durability.
const (
	// EveryCommit: a write returns when it is on the disk. Writes that wait at
	// the same time share one sync.
	EveryCommit = node.EveryCommit
	// Interval: a write returns at once and is on the disk after SyncEvery at the
	// latest. A crash of the machine takes back what it did since; what others
	// have got of that comes back from them.
	Interval = node.Interval
)

// Defaults and bounds of Config.
const (
	minMessage = 4 << 10
	maxMessage = 16 << 20
	maxFields  = 16 << 20
	// maxDocBytes leaves room in the largest state that is sent to a newcomer.
	maxDocBytes = 512 << 20
	// queueMessages bounds the messages that wait in a subscription: a burst
	// of small ones, which its bound in bytes would let through.
	queueMessages = 64 << 10
	// around is what goes around a message, in bytes.
	around = 4 << 10
)

// validate refuses what makes no sense, and sets the defaults of what this
// package enforces itself.
func (c *Config) validate() error {
	if err := message.CheckSpace(c.Space); err != nil {
		return err
	}
	switch {
	case c.Conn != nil && c.Broker != nil:
		return fmt.Errorf("%w: Conn and Broker exclude each other", ErrConfig)
	case c.MaxDrift < 0 || c.BeaconEvery < 0 || c.FlushAge < 0 || c.SyncEvery < 0:
		return fmt.Errorf("%w: negative duration", ErrConfig)
	case c.Budget < 0 || c.MaxMessage < 0 || c.MaxValue < 0 || c.MaxFields < 0 || c.MaxDocs < 0 || c.LogBytes < 0 ||
		c.MaxName < 0 || c.MaxDepth < 0 || c.MaxDocBytes < 0 || c.MaxOwnDocs < 0:
		return fmt.Errorf("%w: negative limit", ErrConfig)
	case c.MaxMessage != 0 && c.MaxMessage < minMessage || c.MaxMessage > maxMessage:
		return fmt.Errorf("%w: MaxMessage is %d, must be %d to %d bytes", ErrConfig, c.MaxMessage, minMessage, maxMessage)
	case c.MaxName > kernel.MaxKey:
		return fmt.Errorf("%w: MaxName is %d, must be up to %d bytes", ErrConfig, c.MaxName, kernel.MaxKey)
	case c.MaxDepth > kernel.MaxDepth-1:
		return fmt.Errorf("%w: MaxDepth is %d, must be up to %d", ErrConfig, c.MaxDepth, kernel.MaxDepth-1)
	case c.MaxValue > kernel.MaxValue:
		return fmt.Errorf("%w: MaxValue is %d, must be up to %d bytes", ErrConfig, c.MaxValue, kernel.MaxValue)
	}
	if err := errors.Join(c.validateRelay(), c.validateMembership()); err != nil {
		return err
	}
	c.MaxValue = cmp.Or(c.MaxValue, kernel.MaxValue)
	c.MaxFields = cmp.Or(c.MaxFields, maxFields)
	c.MaxName = cmp.Or(c.MaxName, kernel.MaxKey)
	c.MaxDepth = cmp.Or(c.MaxDepth, kernel.MaxDepth-1)
	c.MaxDocBytes = cmp.Or(c.MaxDocBytes, maxDocBytes)
	if c.ID.IsZero() && c.Store == nil {
		c.ID = NewID()
	}
	return nil
}

// Open starts a replica and joins its space. The context bounds the opening
// alone. On a connection that is down the replica starts offline; on one that
// was closed for good Open fails with ErrConnClosed. What the server refuses
// for want of permission shows in [Replica.Status]; the replica does without.
func Open(ctx context.Context, cfg Config) (*Replica, error) {
	needs(ctx)
	r, err := open(ctx, cfg)
	switch {
	case errors.Is(err, ErrConnClosed):
		return nil, fmt.Errorf("joinery: open space %q: connect anew and open on that connection: %w", cfg.Space, err)
	case err != nil:
		return nil, fmt.Errorf("joinery: open space %q: %w", cfg.Space, err)
	}
	return r, nil
}

func open(ctx context.Context, cfg Config) (*Replica, error) {
	b, bridges, err := transports(&cfg)
	if err == nil {
		var n *node.Node
		if n, err = node.Open(ctx, nodeConfig(&cfg, b, bridges)); err == nil {
			return &Replica{node: n, id: n.ID(), limits: limitsOf(&cfg), maxMessage: cfg.MaxMessage, bridges: len(bridges)}, nil
		}
	}
	for _, x := range append(bridges, node.Bridge{Broker: b}) {
		if x.Broker != nil {
			_ = x.Broker.Close()
		}
	}
	if errors.Is(err, node.ErrConfig) || errors.Is(err, replica.ErrConfig) {
		err = fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil, err
}

// transports returns what the replica is to use, nil if it keeps to itself, and
// what it bridges.
func transports(cfg *Config) (own broker.Broker, bridges []node.Bridge, err error) {
	err = cfg.validate()
	for _, b := range append([]Bridge{{Conn: cfg.Conn, Broker: cfg.Broker}}, cfg.Relay...) {
		over := b.Broker
		if err == nil && b.Conn != nil {
			over, err = onConn(b.Conn, cfg.MaxMessage)
		}
		bridges = append(bridges, node.Bridge{Space: b.Space, Broker: over})
	}
	return bridges[0].Broker, bridges[1:], err
}

// validateRelay refuses bridges that lead nowhere, or back to where they begin.
func (c *Config) validateRelay() error {
	type end struct {
		space string
		conn  *nats.Conn
	}
	seen := map[end]bool{{c.Space, c.Conn}: true}
	for i, b := range c.Relay {
		e := end{cmp.Or(b.Space, c.Space), b.Conn}
		switch {
		case (b.Conn == nil) == (b.Broker == nil):
			return fmt.Errorf("%w: Relay[%d] needs Conn or Broker, and not both", ErrConfig, i)
		case b.Conn != nil && seen[e]:
			return fmt.Errorf("%w: Relay[%d] has the connection and the space of another", ErrConfig, i)
		}
		seen[e] = true
	}
	return nil
}

func nodeConfig(cfg *Config, b broker.Broker, bridges []node.Bridge) node.Config {
	return node.Config{
		Space: cfg.Space, Broker: b, Relay: bridges, Logger: cfg.Logger,
		Store: cfg.Store, NewID: NewID(), Durability: cfg.Durability, SyncEvery: cfg.SyncEvery,
		Replica: replica.Config{
			ID: cfg.ID, Clock: cfg.Clock, MaxDrift: cfg.MaxDrift, Rand: newRand(),
			MaxMessage: cfg.MaxMessage, Budget: cfg.Budget, FlushAge: cfg.FlushAge, BeaconEvery: cfg.BeaconEvery,
			LogBytes: cfg.LogBytes, MaxDocs: cfg.MaxDocs, MaxOwnDocs: cfg.MaxOwnDocs, OwnOnly: cfg.OwnOnly, Interest: cfg.Interest, Member: cfg.Membership.member(),
		},
	}
}

// newRand returns a generator seeded by the system: incarnations and nonces
// must differ between any two starts anywhere.
func newRand() *rand.Rand {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	return rand.New(rand.NewChaCha8(seed))
}
