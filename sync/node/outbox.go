package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/sync/replica"
)

// maxStall bounds how long writers wait for a full outbox. If it is still full
// then, the link is stuck: they go on at once until it moves again.
const maxStall = 200 * time.Millisecond

// maxSpare bounds the messages for which an empty queue keeps room.
const maxSpare = 1024

// outbox is the queue between the state machine and the transport.
//
// Invariant: bytes is below twice the limit and one message. What comes above
// that is dropped, as a transport may; the protocol repairs it.
type outbox struct {
	mu      sync.Mutex
	some    sync.Cond // signalled when messages come or the box is closed
	limit   int
	bytes   int // queued or being sent
	queue   []replica.Outgoing
	closed  bool
	stuck   bool
	awaited bool
	room    chan struct{} // closed and replaced when bytes fall below the limit, or to 0
}

func (b *outbox) init(limit int) {
	b.limit = limit
	b.some.L = &b.mu
	b.room = make(chan struct{})
}

// put queues messages and returns how many were dropped. It never blocks:
// callers hold the node's lock.
func (b *outbox) put(msgs []replica.Outgoing) (dropped uint64) {
	if len(msgs) == 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return uint64(len(msgs))
	}
	for i := range msgs {
		if b.bytes >= 2*b.limit {
			dropped++
			continue
		}
		b.bytes += len(msgs[i].Data)
		b.queue = append(b.queue, msgs[i])
	}
	b.some.Signal()
	return dropped
}

// take waits for messages and returns them; nil after close. spent is a slice
// that take returned before, to be used again.
func (b *outbox) take(spent []replica.Outgoing) []replica.Outgoing {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) == 0 && !b.closed {
		b.some.Wait()
	}
	if b.closed {
		return nil
	}
	msgs := b.queue
	b.queue = nil
	if clear(spent); cap(spent) <= maxSpare {
		b.queue = spent[:0]
	}
	return msgs
}

// sent notes that messages of so many bytes have left.
func (b *outbox) sent(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes = max(b.bytes-bytes, 0)
	if b.awaited && b.bytes < b.limit || b.bytes == 0 {
		b.wakeAll()
	}
}

func (b *outbox) wakeAll() {
	b.stuck = false
	if b.awaited {
		b.awaited = false
		close(b.room)
		b.room = make(chan struct{})
	}
}

// wait returns when the box has room, or is stuck.
func (b *outbox) wait(ctx context.Context) error {
	ready := func() bool { return b.bytes < b.limit || b.stuck }
	if room, err := b.poll(ctx, ready); room == nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, maxStall)
	defer cancel()
	err := b.until(short, ready)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		b.giveUp()
		return nil
	}
	return err
}

// giveUp lets writers pass until the link moves again.
func (b *outbox) giveUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stuck = b.bytes >= b.limit
}

// empty returns when everything has left.
func (b *outbox) empty(ctx context.Context) error {
	return b.until(ctx, func() bool { return b.bytes == 0 })
}

func (b *outbox) until(ctx context.Context, ok func() bool) error {
	for {
		room, err := b.poll(ctx, ok)
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
		}
	}
}

// poll returns a channel that ends when it is worth to poll again, nil if
// there is nothing to wait for.
func (b *outbox) poll(ctx context.Context, ok func() bool) (<-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, ErrClosed
	case ok():
		return nil, nil
	}
	b.awaited = true
	return b.room, nil
}

func (b *outbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.queue, b.bytes = nil, 0
	b.awaited = true
	b.wakeAll()
	b.some.Broadcast()
}
