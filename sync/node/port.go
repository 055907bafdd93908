package node

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// port is one transport of the node with what belongs to it: the space there, the
// link and what waits to leave by it. A node has one, a relay several.
type port struct {
	index    int
	space    string
	subjects message.Subjects
	binding  binding
	outbox   outbox
	gone     atomic.Bool // the connection is closed for good
	linked   bool        // the link is up; guarded by the node's mu

	link      atomic.Pointer[link] // nil without a transport
	rebinding sync.Mutex           // guards changes of link, and the start of goroutines on it
}

// openPorts makes the node's ports, without links.
func (n *Node) openPorts() {
	for i, b := range append([]Bridge{{Space: n.cfg.Space}}, n.cfg.Relay...) {
		p := &port{index: i, space: b.Space, subjects: message.NewSubjects(b.Space, n.cfg.Replica.ID), binding: bindTo(b.Space)}
		p.outbox.init(n.cfg.Outbox)
		n.ports = append(n.ports, p)
	}
}

// transport returns the broker in use, nil if there is none.
func (p *port) transport() broker.Broker {
	if l := p.link.Load(); l != nil {
		return l.broker
	}
	return nil
}

// dispatch queues messages at the ports by which they leave.
func (n *Node) dispatch(msgs []replica.Outgoing) {
	if len(n.ports) == 1 {
		n.counters.unsent.Add(n.ports[0].outbox.put(msgs))
		return
	}
	for i := range msgs {
		n.counters.unsent.Add(n.ports[msgs[i].Port].outbox.put(msgs[i : i+1]))
	}
}

// upPorts returns the node's own port and those of bridges that are up.
func (n *Node) upPorts() []*port {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := n.ports[:1:1]
	for _, p := range n.ports[1:] {
		if p.linked {
			out = append(out, p)
		}
	}
	return out
}

// flushPorts returns when the other ends of the links have what was published.
func (n *Node) flushPorts(ctx context.Context) (err error) {
	for _, p := range n.upPorts() {
		err = errors.Join(err, p.transport().Flush(ctx))
	}
	return err
}

// emptyPorts returns when everything has left.
func (n *Node) emptyPorts(ctx context.Context) (err error) {
	for _, p := range n.upPorts() {
		err = errors.Join(err, p.outbox.empty(ctx))
	}
	return err
}

// close ends what is on a port. A Rebind under way ends before.
func (p *port) close() error {
	p.outbox.close()
	p.rebinding.Lock()
	defer p.rebinding.Unlock()
	if l := p.link.Load(); l != nil {
		return l.release()
	}
	return nil
}
