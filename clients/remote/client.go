package remote

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Config describes a client. Zero fields take their defaults.
type Config struct {
	// Space names the space. Required.
	Space string
	// Replica is the id of the only replica to be asked; the default is any.
	Replica string
	// Patience is how long one try waits for an answer before the next. Default
	// 3 seconds.
	Patience time.Duration
	// Timeout bounds a call whose context has no deadline. Default 10 seconds.
	Timeout time.Duration
	// FailFast makes calls fail with ErrNoReplica as soon as no replica is there,
	// in place of trying until the context ends.
	FailFast bool
	// NoSession leaves out what makes reads follow what was read and written
	// before, see Session, and what that costs.
	NoSession bool
}

// Client reads and writes the documents of a space through a replica. All
// methods are safe for concurrent use.
type Client struct {
	conn *nats.Conn
	cfg  Config
	own  *Session

	mu     sync.Mutex
	pinned *peer // whom to ask; nil if nobody is known
	free   []lane
}

// peer is a replica in one of its lives.
type peer struct{ replica, actor string }

// New returns a client on a connection, which stays the caller's. It does not
// ask anybody anything yet.
func New(conn *nats.Conn, cfg Config) (*Client, error) {
	if err := message.CheckSpace(cfg.Space); err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	if conn == nil || cfg.Patience < 0 || cfg.Timeout < 0 {
		return nil, fmt.Errorf("%w: no connection, or a negative duration", joinery.ErrConfig)
	}
	if strings.ContainsAny(cfg.Replica, ".*> \t\r\n") {
		return nil, fmt.Errorf("%w: %q is not the id of a replica", joinery.ErrConfig, cfg.Replica)
	}
	cfg.Patience = cmp.Or(cfg.Patience, 3*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	c := &Client{conn: conn, cfg: cfg}
	if !cfg.NoSession {
		c.own = newSession(c)
	}
	return c, nil
}

// At returns a client that asks one replica alone, on the same connection.
func (c *Client) At(replica string) (*Client, error) {
	cfg := c.cfg
	cfg.Replica = replica
	return New(c.conn, cfg)
}

// Replica returns whom the client asks at present, "" before the first call.
func (c *Client) Replica() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinned == nil {
		return ""
	}
	return c.pinned.replica
}

// bound gives a call its deadline.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.cfg.Timeout)
}

// who returns whom to ask if nobody is known.
func (c *Client) who() string { return cmp.Or(c.cfg.Replica, protocol.Anyone) }

// peer returns whom to ask, and asks who is there by need.
func (c *Client) peer(ctx context.Context) (peer, error) {
	c.mu.Lock()
	known := c.pinned
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	var h protocol.Hello
	if err := c.try(ctx, c.who(), protocol.OpHello, struct{}{}, &h); err != nil {
		return peer{}, err
	}
	p := peer{h.Replica, h.Actor}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinned == nil {
		c.pinned = &p
	}
	return *c.pinned, nil
}

// forget makes the next call ask who is there, unless another one has done so.
func (c *Client) forget(p peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinned != nil && *c.pinned == p {
		c.pinned = nil
	}
}
