package node

import (
	"context"
	"errors"
	"time"

	"github.com/joinery-crdt/joinery/broker"
)

// Drain hands what is pending to the transport and returns when the other end
// of the link has it. It says nothing about other nodes. Without a link it
// fails at once.
func (n *Node) Drain(ctx context.Context) error {
	if n.ports[0].transport() == nil {
		return nil
	}
	if err := n.flushPorts(ctx); err != nil { // also: is there a link?
		return err
	}
	if err := n.settle(ctx); err != nil {
		return err
	}
	unsent := n.counters.unsent.Load()
	n.lock()
	if n.closed {
		n.mu.Unlock()
		return ErrClosed
	}
	if !n.core.IsUp(0) {
		n.core.ConnectOn(time.Now(), 0, true)
	}
	n.core.Flush(time.Now())
	round := uint64(0)
	if n.journal != nil {
		round = n.commits.ticket()
	}
	n.finish()
	n.poke()
	if n.journal != nil {
		if err := n.commits.wait(ctx, round); err != nil {
			return err
		}
	}
	if err := n.emptyPorts(ctx); err != nil {
		return err
	}
	if n.counters.unsent.Load() != unsent {
		return broker.ErrDisconnected // it broke meanwhile
	}
	return n.flushPorts(ctx)
}

// closeGrace bounds how long Close waits to hand on what is pending.
const closeGrace = 250 * time.Millisecond

// Close ends the node and its broker. What is pending is handed to a link that
// is up, without waiting for the other end; call Drain before to be sure.
// Calling it twice is harmless.
func (n *Node) Close() (err error) {
	n.reentry.check()
	n.closing.Do(func() {
		n.lock()
		n.closed = true
		if n.core.Online() {
			n.core.Flush(time.Now())
		}
		n.finish()
		err = n.closeJournal()
		n.handOver(n.ports...)
		n.end()
		for _, p := range n.ports {
			err = errors.Join(err, p.close())
		}
		n.workers.Wait()
		if n.journal != nil && err == nil && n.warm.Load() {
			err = n.journal.Close()
		}
		n.endWatchers()
	})
	return err
}

func (n *Node) handOver(ports ...*port) {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	for _, p := range ports {
		_ = p.outbox.empty(ctx) // what is left is lost with the link
	}
}
