package joinery

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker"
	natsbroker "github.com/joinery-crdt/joinery/broker/nats"
	"github.com/joinery-crdt/joinery/sync/node"
)

// Rebind makes the replica use another connection from here on: in place of one
// that was closed for good, of one that still works, or of none, if it was opened
// without. Like the one before, the connection stays the program's, handlers
// included; what the replica had on the old one is taken off.
//
// Nothing is lost. Writes and reads go on meanwhile, watches too; what was not
// sent is sent, and what was missed is fetched, when the new connection is up,
// now or later. [Status] then tells of the new one.
//
// If it fails nothing has changed: with ErrConnClosed if the new connection is
// closed for good too, ErrConfig if it takes too small messages, ErrClosed if
// the replica was closed, or with ctx's error. ctx bounds the call alone.
func (r *Replica) Rebind(ctx context.Context, nc *nats.Conn) error {
	needs(ctx)
	b, err := onConn(nc, r.maxMessage)
	if err != nil {
		return r.unbound(err)
	}
	return r.RebindBroker(ctx, b)
}

// RebindBridge is Rebind for a bridge of a relay, counted as in [Config.Relay].
func (r *Replica) RebindBridge(ctx context.Context, i int, nc *nats.Conn) error {
	if i < 0 || i >= r.bridges {
		return r.unbound(fmt.Errorf("%w: no bridge %d", ErrConfig, i))
	}
	b, err := onConn(nc, r.maxMessage)
	if err == nil {
		err = r.node.RebindOn(ctx, i+1, b)
	}
	if err != nil {
		return r.unbound(err)
	}
	return nil
}

// RebindBroker is Rebind for a transport that is no NATS connection. The replica
// closes it, also if RebindBroker fails.
func (r *Replica) RebindBroker(ctx context.Context, b broker.Broker) error {
	needs(ctx)
	if b == nil {
		return r.unbound(fmt.Errorf("%w: no broker", ErrConfig))
	}
	if err := r.node.Rebind(ctx, b); err != nil {
		return r.unbound(err)
	}
	return nil
}

func (r *Replica) unbound(err error) error {
	if errors.Is(err, node.ErrConfig) {
		err = fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return fmt.Errorf("joinery: rebind: %w", err)
}

// onConn returns the transport over a connection.
func onConn(nc *nats.Conn, message int) (broker.Broker, error) {
	if nc == nil {
		return nil, fmt.Errorf("%w: no connection", ErrConfig)
	}
	b, err := natsbroker.New(nc, natsbroker.Config{
		MaxPayload:    max(message+around, broker.DefaultMaxPayload),
		QueueMessages: queueMessages,
	})
	if err != nil {
		return nil, err // not b, which would be a broker that is not nil
	}
	return b, nil
}
