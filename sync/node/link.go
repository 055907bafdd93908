package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/joinery-crdt/joinery/broker"
)

// openGrace bounds how long Open and Rebind wait for a link that says it is up.
const openGrace = 2 * time.Second

// link is a broker in use, with what the node has on it.
type link struct {
	broker  broker.Broker
	subs    map[subscription]broker.Subscription
	probes  broker.Subscription
	audited atomic.Bool   // the subscriptions were checked one by one
	stop    chan struct{} // closed when another link takes over
	done    chan struct{} // closed when the loop on it has ended
}

func newLink(b broker.Broker) *link {
	return &link{broker: b, subs: make(map[subscription]broker.Subscription), stop: make(chan struct{}), done: make(chan struct{})}
}

// release ends the subscriptions and the broker.
func (l *link) release() error {
	for _, s := range l.subs {
		_ = s.Unsubscribe()
	}
	if l.probes != nil {
		_ = l.probes.Unsubscribe()
	}
	return l.broker.Close()
}

// Rebind makes the node use another broker from here on, in place of one that
// is gone, or that still works, or of none. Writes go on meanwhile, and what was
// not sent is sent when the new one is up. The node closes the one that it used
// before. If Rebind fails nothing has changed, but that b is closed.
func (n *Node) Rebind(ctx context.Context, b broker.Broker) error { return n.RebindOn(ctx, 0, b) }

// RebindOn is Rebind for one of the transports of a relay: 0 is the node's own,
// the others are counted as in Config.Relay from 1.
func (n *Node) RebindOn(ctx context.Context, port int, b broker.Broker) error {
	n.reentry.check()
	p := n.ports[port]
	p.rebinding.Lock()
	defer p.rebinding.Unlock()
	l := newLink(b)
	up, err := n.attach(ctx, p, l)
	if err == nil {
		err = n.takeOver(p, l)
	}
	if err != nil {
		_ = l.release()
		return err
	}
	if up {
		n.connect(p, true)
	}
	return nil
}

// attach subscribes on a link and reports whether it is up.
func (n *Node) attach(ctx context.Context, p *port, l *link) (up bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if limit := l.broker.MaxPayload(); limit > 0 && limit < least+room {
		return false, fmt.Errorf("%w: the transport takes payloads of %d bytes, the least is %d", ErrConfig, limit, least+room)
	}
	if err := n.subscribe(p, l); err != nil {
		return false, err
	}
	if l.probes, err = l.broker.Respond(p.subjects.Probe(n.cfg.Replica.ID)); err != nil {
		return false, fmt.Errorf("node: answer probes: %w", err)
	}
	short, cancel := context.WithTimeout(ctx, openGrace)
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	err = l.broker.Flush(short)
	if errors.Is(err, broker.ErrClosed) {
		return false, err
	}
	return err == nil, ctx.Err()
}

// takeOver makes l the link in use. The caller holds rebinding.
func (n *Node) takeOver(p *port, l *link) error {
	n.mu.RLock()
	closed := n.closed
	n.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	if old := p.link.Load(); old != nil {
		n.leave(p, old)
		p.link.Store(l)
		_ = old.release()
	} else {
		p.link.Store(l)
		n.workers.Go(func() { n.publish(p) })
	}
	n.counters.reset(p.subjects.Root())
	p.gone.Store(false)
	n.workers.Go(func() { n.run(p, l) })
	return nil
}

// leave ends the loop on a link, and hands it what is on its way to it: the next
// one may not take messages of that size. What is lost even so is repaired.
func (n *Node) leave(p *port, old *link) {
	close(old.stop)
	<-old.done
	n.connect(p, false)
	n.handOver(p)
}
