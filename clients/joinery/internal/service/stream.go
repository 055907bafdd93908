package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
)

// maxLine bounds one line of a stream in bytes.
const maxLine = 16 << 20

// Chunks yields a stream's bytes as they come. Lines may be cut between two
// chunks. The loop may be left at any time; an error is the last that it yields.
func (c *Client) Chunks(ctx context.Context, q Query) iter.Seq2[[]byte, error] {
	return c.chunks(ctx, "open", q)
}

// Backup yields a backup of the replica's store, as Chunks does.
func (c *Client) Backup(ctx context.Context) iter.Seq2[[]byte, error] {
	return c.chunks(ctx, "backup", struct{}{})
}

// Compact gives the space of what was deleted back to the replica's disk.
func (c *Client) Compact(ctx context.Context) (out Compacted, err error) {
	var line []byte
	for chunk, err := range c.chunks(ctx, "compact", struct{}{}) {
		if err != nil {
			return out, err
		}
		line = append(line, chunk...)
	}
	if err := json.Unmarshal(line, &out); err != nil {
		return out, fmt.Errorf("service: answer is not understood: %w", err)
	}
	return out, nil
}

// chunks opens a stream by an operation and reads it.
func (c *Client) chunks(ctx context.Context, op string, q any) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b, err := json.Marshal(q)
		if err != nil {
			yield(nil, fmt.Errorf("service: %w", err))
			return
		}
		m, err := c.request(ctx, op, b, nil)
		for n := 1; err == nil; n++ {
			at := position{m.Header.Get(headerCursor), n}
			done := m.Header.Get(headerDone) != ""
			if len(m.Data) > 0 && !yield(m.Data, nil) {
				c.forget(at, done)
				return
			}
			if done {
				return
			}
			if m, err = c.advance(ctx, at); err != nil {
				c.forget(at, false)
			}
		}
		yield(nil, err)
	}
}

// advance asks for a chunk, and once more if the answer was lost.
func (c *Client) advance(ctx context.Context, at position) (*nats.Msg, error) {
	b, err := json.Marshal(at)
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	m, err := c.ask(ctx, "next", b, nil)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		m, err = c.ask(ctx, "next", b, nil)
	}
	return m, err
}

// forget tells the replica that nobody will ask for more. If it does not hear
// it, it forgets by itself after a while.
func (c *Client) forget(at position, done bool) {
	if done {
		return
	}
	if b, err := json.Marshal(at); err == nil {
		_ = c.conn.Publish(subject(c.space, c.who, "close"), b)
		_ = c.conn.FlushTimeout(time.Second)
	}
}

// Lines yields a stream line by line, without the newlines.
func (c *Client) Lines(ctx context.Context, q Query) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var rest []byte
		for chunk, err := range c.Chunks(ctx, q) {
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
				yield(nil, fmt.Errorf("service: line above %d bytes", maxLine))
				return
			}
		}
	}
}

// FieldLines yields the Field lines of a stream.
func (c *Client) FieldLines(ctx context.Context, q Query) iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		for line, err := range c.Lines(ctx, q) {
			var f Field
			if err == nil {
				err = json.Unmarshal(line, &f)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// retryWatch is the pause before a watch asks anew.
const retryWatch = 500 * time.Millisecond

// Watch yields the lines of a watch until ctx ends or the loop is left. If its
// replica goes away it goes on at another, after a line with Gap and what is
// there then. An error ends it, if nobody ever answered or a replica refused.
func (c *Client) Watch(ctx context.Context, q Query) iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		begun := false
		for ctx.Err() == nil {
			for f, err := range c.FieldLines(ctx, q) {
				if err == nil {
					begun = true
					if !yield(f, nil) {
						return
					}
					continue
				}
				if ctx.Err() != nil {
					return
				}
				if !begun || !lost(err) {
					yield(Field{}, err)
					return
				}
			}
			if !c.resume(ctx) || !yield(Field{Gap: true}, nil) {
				return
			}
		}
	}
}

// resume waits before a watch asks anew.
func (c *Client) resume(ctx context.Context) bool {
	if !c.fixed {
		c.who = anyone
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(retryWatch):
		return true
	}
}

// lost reports whether an error means that a stream's replica is gone.
func lost(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Code == CodeMissing || e.Code == CodeClosed
	}
	return true
}
