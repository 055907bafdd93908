package node

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Config describes a node. Zero fields take their defaults.
type Config struct {
	// Space names the space. Required; at most message.MaxSpace bytes.
	Space string
	// Broker is the transport; nil keeps the node to itself. The node closes
	// it when it is closed.
	Broker broker.Broker
	// Replica describes the state machine. ID and Rand are required.
	Replica replica.Config
	// Logger takes what an operator should know; nil is silent.
	Logger *slog.Logger
	// Inbox bounds the messages that wait to be merged. Default 8192.
	Inbox int
	// Outbox bounds the bytes that wait to be published. Writers wait while it
	// is full. Default 16 MiB.
	Outbox int
}

// ErrConfig is wrapped by the errors of Open about its Config.
var ErrConfig = errors.New("node: bad config")

// ErrClosed means that the node was closed. Writes that returned before stand.
var ErrClosed = errors.New("node: closed")

func (c *Config) validate() error {
	if err := message.CheckSpace(c.Space); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.Inbox < 0 || c.Outbox < 0 {
		return fmt.Errorf("%w: negative queue size", ErrConfig)
	}
	if c.Inbox == 0 {
		c.Inbox = 8192
	}
	if c.Outbox == 0 {
		c.Outbox = 16 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.fitMessages()
}

// fitMessages keeps messages below what the transport takes, with room for
// what it puts around them.
func (c *Config) fitMessages() error {
	if c.Broker == nil {
		return nil
	}
	const room, standard = 4 << 10, 256 << 10
	limit := c.Broker.MaxPayload() - room
	if c.Replica.MaxMessage == 0 && limit < standard && limit > room {
		c.Replica.MaxMessage = limit
	}
	if c.Replica.MaxMessage > limit && limit > 0 {
		return fmt.Errorf("%w: MaxMessage of %d bytes does not fit the transport's payload of %d", ErrConfig, c.Replica.MaxMessage, c.Broker.MaxPayload())
	}
	return nil
}
