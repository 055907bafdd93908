package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// ErrBroken means that a reading broke off, as its replica went away: what came
// until then is not all. Begin again.
var ErrBroken = errors.New("remote: reading broke off")

// maxLine bounds one line of a stream in bytes.
const maxLine = 16 << 20

// Chunks yields the bytes of a stream as they come, in pieces of bounded size,
// each asked for when the loop wants it. Lines may be cut between two. The loop
// may be left at any time; an error is the last that it yields.
func (c *Client) Chunks(ctx context.Context, q protocol.Query) iter.Seq2[[]byte, error] {
	return c.chunks(ctx, protocol.OpOpen, q, nil)
}

// chunks opens a stream by an operation and reads it. saw is told the header of
// the first chunk.
func (c *Client) chunks(ctx context.Context, op string, q any, saw func(nats.Header) error) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		m, p, err := c.request(ctx, op == protocol.OpOpen, op, q, nil)
		if err == nil && saw != nil {
			err = saw(m.Header)
		}
		for n := 1; err == nil; n++ {
			at := protocol.Next{Cursor: m.Header.Get(protocol.HeaderCursor), Chunk: n}
			done := m.Header.Get(protocol.HeaderDone) != ""
			if len(m.Data) > 0 && !yield(m.Data, nil) {
				c.leave(p, at, done)
				return
			}
			if done {
				return
			}
			if m, err = c.advance(ctx, p, at); err != nil {
				c.leave(p, at, false)
			}
		}
		yield(nil, err)
	}
}

// advance asks for a chunk, again if the answer was lost.
func (c *Client) advance(ctx context.Context, p peer, at protocol.Next) (*nats.Msg, error) {
	b, err := bodyOf(at)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	for w := (wait{}); ; {
		m, err := c.send(ctx, protocol.LongPoll+c.cfg.Patience, p.replica, protocol.OpNext, b, nil)
		switch {
		case err == nil:
			return m, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, errLost) && !isKind(err, protocol.KindBusy):
			c.forget(p)
			return nil, fmt.Errorf("%w: %w", ErrBroken, err)
		}
		if err := w.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// leave tells the replica that nobody will ask for more. If it does not hear
// it, it forgets by itself after a while.
func (c *Client) leave(p peer, at protocol.Next, done bool) {
	if done {
		return
	}
	if b, err := json.Marshal(at); err == nil {
		_ = c.conn.Publish(protocol.Subject(c.cfg.Space, p.replica, protocol.OpClose), b)
		_ = c.conn.FlushTimeout(time.Second)
	}
}

// Lines yields a stream line by line, without the newlines.
func (c *Client) Lines(ctx context.Context, q protocol.Query) iter.Seq2[[]byte, error] {
	return lines(c.Chunks(ctx, q))
}

func lines(chunks iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var rest []byte
		for chunk, err := range chunks {
			if err != nil {
				yield(nil, err)
				return
			}
			rest = append(rest, chunk...)
			for {
				line, more, found := bytes.Cut(rest, []byte{'\n'})
				if !found {
					break
				}
				if !yield(line, nil) {
					return
				}
				rest = more
			}
			if len(rest) > maxLine {
				yield(nil, fmt.Errorf("remote: line above %d bytes: %w", maxLine, joinery.ErrTooLarge))
				return
			}
		}
	}
}

// FieldLines yields the lines of a stream about fields.
func (c *Client) FieldLines(ctx context.Context, q protocol.Query) iter.Seq2[protocol.Field, error] {
	return c.fieldLines(ctx, q, func(string) error { return nil })
}

// fieldLines is FieldLines that tells the position in the first chunk.
func (c *Client) fieldLines(ctx context.Context, q protocol.Query, saw func(position string) error) iter.Seq2[protocol.Field, error] {
	chunks := c.chunks(ctx, protocol.OpOpen, q, func(h nats.Header) error { return saw(h.Get(protocol.HeaderPosition)) })
	return func(yield func(protocol.Field, error) bool) {
		for line, err := range lines(chunks) {
			var f protocol.Field
			if err == nil {
				err = json.Unmarshal(line, &f)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}
