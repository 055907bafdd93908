package node

import (
	"context"
	"errors"
	"time"

	"github.com/joinery-crdt/joinery/broker"
)

// testTimeout bounds the wait for a server that may refuse without a word.
const testTimeout = 5 * time.Second

// selfTester is a broker that can find out what its server allows.
type selfTester interface {
	SelfTest(ctx context.Context, subject string) error
}

// selfTest finds out, in the background, whether this node may speak at all:
// some servers refuse without a word. The subject is the node's own; nobody
// else hears the test. A node that may do nothing still works for its program.
func (n *Node) selfTest(p *port, l *link) {
	t, ok := l.broker.(selfTester)
	if !ok {
		return
	}
	n.workers.Go(func() {
		ctx, cancel := context.WithTimeout(n.life, testTimeout)
		defer cancel()
		subject := p.subjects.Probe(n.cfg.Replica.ID)
		if err := t.SelfTest(ctx, subject); errors.Is(err, broker.ErrDenied) && n.life.Err() == nil && p.link.Load() == l {
			n.denied(subject, err)
		}
	})
}

// auditPauses are the waits before the rounds of an audit: one refusal may hide
// another, and a busy connection be slow.
var auditPauses = []time.Duration{0, time.Second, 4 * time.Second}

// audit finds all subscriptions that are refused, as a connection remembers
// only the last of several refusals.
func (n *Node) audit(p *port, l *link) {
	for _, pause := range auditPauses {
		select {
		case <-time.After(pause):
			n.resubscribe(p, l)
		case <-l.stop:
			return
		case <-n.life.Done():
			return
		}
	}
}

// resubscribe repeats the subscriptions, one by one. What arrives twice
// meanwhile does no harm.
func (n *Node) resubscribe(p *port, l *link) {
	ctx, cancel := context.WithTimeout(n.life, testTimeout)
	defer cancel()
	for _, i := range n.subscriptions(p) {
		sub, err := l.broker.Subscribe(i.pattern, i.queue, func(m broker.Message) { n.receive(p, m) })
		if err != nil {
			return
		}
		err = l.broker.Flush(ctx) // a refusal becomes an event before it returns
		_ = sub.Unsubscribe()
		if err != nil {
			return
		}
	}
}

// denied notes a subject that the server refused, once.
func (n *Node) denied(subject string, err error) {
	if n.counters.setDenied(subject) {
		n.cfg.Logger.Error("joinery: permission denied; the replica goes on without", "space", n.cfg.Space, "subject", subject, "error", err)
	}
}
