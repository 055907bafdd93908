package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/linktest"
)

const (
	replicas = 3
	// delay is what each link adds to each direction, so that "not yet" can be
	// seen: from replica to replica it is twice that.
	delay = 20 * time.Millisecond
	// redial is the pause between a replica's attempts to reconnect.
	redial = 50 * time.Millisecond
	// patience bounds every wait of the story.
	patience = 10 * time.Second
	poll     = time.Millisecond
)

// cast is the server and the replicas of a story.
type cast struct {
	server *embedded.Server
	actors []*actor
}

// actor is a replica behind a link of its own.
type actor struct {
	*joinery.Replica
	name string
	conn *nats.Conn
	link *linktest.Link
}

func assemble(ctx context.Context) (c *cast, err error) {
	c = &cast{}
	defer func() {
		if err != nil {
			c.dismiss()
		}
	}()
	if c.server, err = embedded.Start(ctx, embedded.Config{Listen: "127.0.0.1:0"}); err != nil {
		return c, err
	}
	for i := range replicas {
		a := &actor{name: fmt.Sprintf("replica-%d", i+1)}
		c.actors = append(c.actors, a)
		if err = a.enter(ctx, c.address()); err != nil {
			return c, fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return c, nil
}

// enter connects the actor through its link and opens its replica.
func (a *actor) enter(ctx context.Context, server string) (err error) {
	if a.link, err = linktest.New(server); err != nil {
		return err
	}
	a.link.Delay(delay)
	a.conn, err = nats.Connect("nats://"+a.link.Addr(), nats.Name(a.name), nats.MaxReconnects(-1),
		nats.ReconnectWait(redial), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return err
	}
	a.Replica, err = joinery.Open(ctx, joinery.Config{Space: "demo", Conn: a.conn})
	return err
}

func (a *actor) leave() {
	if a.Replica != nil {
		_ = a.Close()
	}
	if a.conn != nil {
		a.conn.Close()
	}
	if a.link != nil {
		_ = a.link.Close()
	}
}

func (c *cast) address() string { return strings.TrimPrefix(c.server.ClientURL(), "nats://") }

func (c *cast) dismiss() {
	for _, a := range c.actors {
		a.leave()
	}
	if c.server != nil {
		_ = c.server.Shutdown(context.Background())
	}
}

// nameOf returns who has a replica's identity.
func (c *cast) nameOf(id joinery.ID) string {
	for _, a := range c.actors {
		if a.ID() == id {
			return a.name
		}
	}
	return id.String()
}

// equal reports whether all replicas hold the same, and anything at all.
func (c *cast) equal() bool {
	first := c.actors[0].Status().Digest
	for _, a := range c.actors[1:] {
		if a.Status().Digest != first {
			return false
		}
	}
	return first != 0
}

// traffic returns what the replicas have sent until now.
func (c *cast) traffic() (bytes, messages uint64) {
	for _, a := range c.actors {
		s := a.Status().Stats
		bytes += s.BytesOut
		messages += s.Published
	}
	return bytes, messages
}

// errPatience means that a replica did not get there in time.
var errPatience = errors.New("story: gave up waiting")

// until waits for a condition and returns how long it took.
func until(ctx context.Context, what string, ok func() bool) (time.Duration, error) {
	start := time.Now()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for !ok() {
		if time.Since(start) > patience {
			return 0, fmt.Errorf("%w: %s, after %v", errPatience, what, patience)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return time.Since(start), nil
}
