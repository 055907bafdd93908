package node

import (
	"context"
	"sync"

	"github.com/joinery-crdt/joinery/sync/replica"
)

// outbox is the queue between the state machine and the transport.
type outbox struct {
	mu     sync.Mutex
	some   sync.Cond // signalled when messages come or the box is closed
	limit  int
	bytes  int // queued or being sent
	queue  []replica.Outgoing
	closed bool
	room   chan struct{} // closed and replaced when bytes fall below the limit, or to 0
	full   bool
}

func (b *outbox) init(limit int) {
	b.limit = limit
	b.some.L = &b.mu
	b.room = make(chan struct{})
}

// put queues messages. It never blocks: callers hold the node's lock.
func (b *outbox) put(msgs []replica.Outgoing) {
	if len(msgs) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	for i := range msgs {
		b.bytes += len(msgs[i].Data)
	}
	if len(b.queue) == 0 {
		b.queue = msgs
	} else {
		b.queue = append(b.queue, msgs...)
	}
	b.some.Signal()
}

// take waits for messages and returns them; nil after close.
func (b *outbox) take() []replica.Outgoing {
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
	return msgs
}

// sent notes that messages have left.
func (b *outbox) sent(msgs []replica.Outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range msgs {
		b.bytes -= len(msgs[i].Data)
	}
	if b.full && b.bytes < b.limit || b.bytes == 0 {
		b.wakeAll()
	}
}

func (b *outbox) wakeAll() {
	b.full = false
	close(b.room)
	b.room = make(chan struct{})
}

// wait returns when the box has room.
func (b *outbox) wait(ctx context.Context) error {
	return b.until(ctx, func() bool { return b.bytes < b.limit })
}

// empty returns when everything has left.
func (b *outbox) empty(ctx context.Context) error {
	return b.until(ctx, func() bool { return b.bytes == 0 })
}

func (b *outbox) until(ctx context.Context, ok func() bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			return ErrClosed
		}
		if ok() {
			b.mu.Unlock()
			return nil
		}
		b.full = true
		room := b.room
		b.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *outbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.queue = nil
	b.wakeAll()
	b.some.Broadcast()
}
