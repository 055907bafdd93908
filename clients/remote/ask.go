package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Error is an answer that says no. errors.Is finds the sentinel of package
// joinery that the replica met, for instance joinery.ErrTooLarge.
type Error = protocol.Error

// ErrNoReplica means that no replica answers for the space. Nothing was written.
var ErrNoReplica = errors.New("remote: no replica answers")

// errLost means that a request was sent and not answered.
var errLost = errors.New("remote: no answer in time")

// try asks once, and reads JSON into out.
func (c *Client) try(ctx context.Context, who, op string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	m, err := c.send(ctx, c.cfg.Patience, who, op, b, nil)
	if err != nil {
		return err
	}
	return decodeAnswer(m, out)
}

func decodeAnswer(m *nats.Msg, out any) error {
	if err := json.Unmarshal(m.Data, out); err != nil {
		return fmt.Errorf("remote: answer is not understood: %w", err)
	}
	return nil
}

// send sends one request and waits for the answer. An error is ErrNoReplica if
// nobody got it, errLost if somebody may have, *Error if a replica refused;
// after any other error nothing was sent.
func (c *Client) send(ctx context.Context, patience time.Duration, who, op string, data []byte, header nats.Header) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	once, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := c.conn.RequestMsgWithContext(once, &nats.Msg{Subject: protocol.Subject(c.cfg.Space, who, op), Data: data, Header: header})
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrNoReplica
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, errLost
	case errors.Is(err, nats.ErrConnectionClosed):
		return nil, fmt.Errorf("remote: %s: %w", op, joinery.ErrConnClosed)
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, fmt.Errorf("remote: %s of %d bytes: %w", op, len(data), joinery.ErrTooLarge)
	case err != nil:
		return nil, fmt.Errorf("remote: %s: %w", op, err)
	}
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
		return nil, &Error{Code: code, Kind: m.Header.Get(protocol.HeaderError), Text: string(m.Data)}
	}
	return m, nil
}

// passing reports whether an error may be gone at another time or another replica.
func passing(err error) bool {
	return errors.Is(err, ErrNoReplica) || errors.Is(err, errLost) || errors.Is(err, joinery.ErrClosed) ||
		errors.Is(err, joinery.ErrBehind) || isKind(err, protocol.KindFull) || isKind(err, protocol.KindActor) ||
		errors.Is(err, nats.ErrReconnectBufExceeded)
}

func isKind(err error, kind string) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// request asks, until somebody answers or ctx ends. It must be harmless to ask twice
// if again is set; otherwise it is asked again only if nobody got it. It returns
// who answered.
func (c *Client) request(ctx context.Context, again bool, op string, in any, header nats.Header) (*nats.Msg, peer, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	b, err := bodyOf(in)
	if err != nil {
		return nil, peer{}, err
	}
	patience := c.cfg.Patience
	if !again {
		patience = c.cfg.Timeout
	}
	var why error
	for w := (wait{}); ; {
		p, err := c.peer(ctx)
		if err == nil {
			var m *nats.Msg
			if m, err = c.send(ctx, patience, p.replica, op, b, header); err == nil {
				return m, p, nil
			}
			if passing(err) {
				c.forget(p)
			}
		} else if c.cfg.FailFast && errors.Is(err, ErrNoReplica) {
			return nil, p, err
		}
		sent := p != peer{} && errors.Is(err, errLost)
		if !passing(err) || sent && !again {
			return nil, p, fmt.Errorf("%s: %w", op, err)
		}
		why = telling(why, err)
		if stop := w.pause(ctx); stop != nil {
			return nil, p, fmt.Errorf("%w: %w", why, stop)
		}
	}
}

// telling returns which of two errors in a row to tell: silence says the least.
func telling(before, err error) error {
	if before != nil && errors.Is(err, errLost) {
		return before
	}
	return err
}

// bodyOf encodes a request; bytes are one already.
func bodyOf(in any) ([]byte, error) {
	if b, ok := in.([]byte); ok {
		return b, nil
	}
	b, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	return b, nil
}

// wait is the pauses between tries: longer each time, and not the same for all
// clients of a replica that went away.
type wait struct{ last time.Duration }

const (
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
)

// pause waits, and returns why to give up if ctx ends first.
func (w *wait) pause(ctx context.Context) error {
	w.last = min(max(2*w.last, firstPause), lastPause)
	t := time.NewTimer(w.last/2 + rand.N(w.last/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
