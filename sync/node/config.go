package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Config describes a node. Zero fields take their defaults.
type Config struct {
	// Space names the space. Required; at most message.MaxSpace bytes.
	Space string
	// Broker is the transport; nil keeps the node to itself. The node closes
	// it when it is closed.
	Broker broker.Broker
	// Relay is what the node speaks on besides Broker: other systems, or other
	// spaces, up to replica.MaxPorts - 1. It passes on to each what is news from the
	// others. Needs a Broker.
	Relay []Bridge
	// Replica describes the state machine. Rand is required, and ID without a
	// Store. Mark and Incarnation come from the Store.
	Replica replica.Config
	// Store keeps what the node holds; nil keeps it in memory alone. The node does
	// not close it; close it after the node.
	Store store.Store
	// NewID is who the node becomes if the Store is empty and Replica.ID zero.
	NewID causal.ID
	// Durability says when a write counts as done, with a Store.
	Durability Durability
	// SyncEvery is how long a write waits for the disk at most, with Interval.
	// Default 100 ms.
	SyncEvery time.Duration
	pause     func()         // called before each step of loading, by tests
	journal   journal.Config // limits, for tests
	// Logger takes what an operator should know; nil is silent.
	Logger *slog.Logger
	// Inbox bounds the messages that wait to be merged. Default 65536.
	Inbox int
	// InboxBytes bounds their bytes. Default 64 MiB.
	InboxBytes int
	// Outbox bounds the bytes that wait to be published. Writers wait a moment
	// while it is full; what is above twice of it is dropped, to be repaired.
	// Default 16 MiB.
	Outbox int
}

// Bridge is a further transport of a node that is a relay.
type Bridge struct {
	// Space is the group's name there; the default is that of the node.
	Space string
	// Broker is the transport. Required; the node closes it when it is closed.
	Broker broker.Broker
}

// ErrConfig is wrapped by the errors of Open about its Config.
var ErrConfig = errors.New("node: bad config")

// ErrClosed means that the node was closed. Writes that returned before stand.
var ErrClosed = errors.New("node: closed")

func (c *Config) validate() error {
	if err := message.CheckSpace(c.Space); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.Inbox < 0 || c.InboxBytes < 0 || c.Outbox < 0 {
		return fmt.Errorf("%w: negative queue size", ErrConfig)
	}
	c.Inbox = cmp.Or(c.Inbox, 65536)
	c.InboxBytes = cmp.Or(c.InboxBytes, 64<<20)
	if c.SyncEvery < 0 || c.Durability > Interval {
		return fmt.Errorf("%w: no such durability", ErrConfig)
	}
	c.Outbox = cmp.Or(c.Outbox, 16<<20)
	c.SyncEvery = cmp.Or(c.SyncEvery, 100*time.Millisecond)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.validateRelay(); err != nil {
		return err
	}
	return c.fitMessages()
}

func (c *Config) validateRelay() error {
	if len(c.Relay) > 0 && c.Broker == nil || len(c.Relay) >= replica.MaxPorts {
		return fmt.Errorf("%w: %d bridges; a relay needs a Broker, and has up to %d bridges", ErrConfig, len(c.Relay), replica.MaxPorts-1)
	}
	for i := range c.Relay {
		b := &c.Relay[i]
		b.Space = cmp.Or(b.Space, c.Space)
		if err := message.CheckSpace(b.Space); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
		if b.Broker == nil {
			return fmt.Errorf("%w: bridge %d has no Broker", ErrConfig, i)
		}
	}
	c.Replica.Ports = 1 + len(c.Relay)
	return nil
}

const (
	// room is what a transport may put around a message, in bytes.
	room = 4 << 10
	// standard is the default of the largest message, least the smallest that
	// a transport must take.
	standard, least = 256 << 10, 4 << 10
)

// fitMessages keeps messages below what the transport takes. A transport that
// does not know yet says 0.
func (c *Config) fitMessages() error {
	want := c.Replica.MaxMessage
	c.Replica.MaxMessage = cmp.Or(want, standard)
	for _, b := range append([]Bridge{{Broker: c.Broker}}, c.Relay...) {
		if b.Broker == nil || b.Broker.MaxPayload() <= 0 {
			continue
		}
		limit := b.Broker.MaxPayload() - room
		switch {
		case limit < least:
			return fmt.Errorf("%w: the transport takes payloads of %d bytes, the least is %d", ErrConfig, limit+room, least+room)
		case want > limit:
			return fmt.Errorf("%w: MaxMessage of %d bytes does not fit the transport's payload of %d, less %d", ErrConfig, want, limit+room, room)
		}
		c.Replica.MaxMessage = min(c.Replica.MaxMessage, limit)
	}
	return nil
}
