package node

import (
	"context"
	"errors"
	"time"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// batch bounds the messages that are merged under one lock.
const batch = 64

// run is the node's main loop.
func (n *Node) run() {
	defer n.workers.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	events := n.cfg.Broker.Events()
	for {
		select {
		case <-n.done:
			return
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			n.onEvent(e)
		case a := <-n.inbox:
			n.step(a)
		case <-timer.C:
			n.tick()
		case <-n.wake:
		}
		n.mu.RLock()
		next := n.core.Next()
		n.mu.RUnlock()
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// step merges a message and those that wait behind it.
func (n *Node) step(a arrival) {
	n.mu.Lock()
	now := time.Now()
	for i := 0; ; i++ {
		if err := n.core.Step(now, a.doc, a.data); err != nil {
			n.cfg.Logger.Debug("joinery: message refused", "space", n.cfg.Space, "document", a.doc, "error", err)
		}
		if i == batch {
			break
		}
		select {
		case a = <-n.inbox:
			continue
		default:
		}
		break
	}
	n.core.Tick(now)
	n.finish()
}

func (n *Node) tick() {
	n.mu.Lock()
	n.core.Tick(time.Now())
	n.finish()
}

func (n *Node) connect(up bool) {
	n.mu.Lock()
	if up != n.core.Online() || up {
		n.core.Connect(time.Now(), up)
	}
	n.finish()
	n.poke()
}

func (n *Node) onEvent(e broker.Event) {
	log := n.cfg.Logger.With("space", n.cfg.Space)
	switch e.Kind {
	case broker.Connected:
		log.Info("joinery: connected")
		n.connect(true)
	case broker.Disconnected:
		log.Info("joinery: disconnected; writes go on and are sent after the reconnect", "error", e.Err)
		n.connect(false)
	case broker.Dropped:
		n.counters.dropped.Add(e.Count)
		log.Warn("joinery: slow consumer; what was dropped is being repaired", "messages", e.Count, "subject", e.Subject)
		n.connect(true)
	case broker.Denied:
		n.counters.setDenied(e)
		log.Error("joinery: permission denied", "subject", e.Subject, "error", e.Err)
	case broker.Closed:
		log.Error("joinery: connection closed for good; open the replica on a new one", "error", e.Err)
		n.connect(false)
	}
}

// publish sends what is in the outbox.
func (n *Node) publish() {
	defer n.workers.Done()
	for {
		msgs := n.outbox.take()
		if msgs == nil {
			return
		}
		for i := range msgs {
			n.publishOne(&msgs[i])
		}
		n.outbox.sent(msgs)
	}
}

func (n *Node) publishOne(m *replica.Outgoing) {
	err := n.cfg.Broker.Publish(n.subject(m), m.Data)
	switch {
	case err == nil:
		n.counters.published.Add(1)
	case errors.Is(err, broker.ErrDisconnected), errors.Is(err, broker.ErrClosed):
		n.counters.unsent.Add(1)
	default:
		n.counters.unsent.Add(1)
		n.cfg.Logger.Error("joinery: publish failed", "space", n.cfg.Space, "subject", n.subject(m), "bytes", len(m.Data), "error", err)
	}
}

func (n *Node) subject(m *replica.Outgoing) string {
	switch m.To {
	case replica.ToDoc:
		return n.subjects.Delta(m.Doc)
	case replica.ToAny:
		return n.subjects.Any()
	case replica.ToPeer:
		return n.subjects.Replica(m.Peer)
	}
	return n.subjects.Beacon()
}

// WaitEqual returns when the digests that this node and all peers heard of
// lately last told are equal, or with ctx's error. It is how demonstrations and tests
// wait for convergence.
func (n *Node) WaitEqual(ctx context.Context, with ...*Node) error {
	for {
		if n.equal(with) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func (n *Node) equal(with []*Node) bool {
	digest := n.Digest()
	for _, o := range with {
		if o.Digest() != digest {
			return false
		}
	}
	return true
}
