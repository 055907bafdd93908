package nats

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/joinery-crdt/joinery/broker"
)

// SelfTest finds out whether this connection may publish and subscribe on
// subject, by sending itself a message of a few random bytes. It returns nil,
// an error that wraps broker.ErrDenied if the server refused or the message did
// not come back before ctx ended, or the error of a link that is not up. Give
// ctx a deadline of a few round trips, and choose a subject of your own: other
// subscribers to it see the message. On a NoEcho connection it relies on the
// server's word, since nothing comes back.
func (b *Broker) SelfTest(ctx context.Context, subject string) error {
	before := b.refusal()
	token := rand.Text()
	back := make(chan struct{}, 1)
	sub, err := b.Subscribe(subject, "", func(m broker.Message) {
		if string(m.Data) == token {
			select {
			case back <- struct{}{}:
			default: // it came twice
			}
		}
	})
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	if err := b.confirm(ctx, subject, before); err != nil {
		return err
	}
	if err := b.Publish(subject, []byte(token)); err != nil {
		return err
	}
	if err := b.confirm(ctx, subject, before); err != nil {
		return err
	}
	return b.await(ctx, subject, back)
}

// confirm makes a round trip. A refusal precedes its answer.
func (b *Broker) confirm(ctx context.Context, subject string, before error) error {
	flushed := b.Flush(ctx)
	refused := b.refusal()
	if refused != nil && refused != before && refusedSubject(refused) == subject {
		return fmt.Errorf("%w: %s: %w", broker.ErrDenied, subject, refused)
	}
	return flushed
}

func (b *Broker) await(ctx context.Context, subject string, back <-chan struct{}) error {
	if b.nc.Opts.NoEcho {
		return nil
	}
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %s: own message did not come back: %w", broker.ErrDenied, subject, ctx.Err())
	case <-b.done:
		return broker.ErrClosed
	}
}
