package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Node is a running replica. All methods are safe for concurrent use.
type Node struct {
	cfg      Config
	subjects message.Subjects

	mu       sync.RWMutex // guards core and watchers
	core     *replica.Replica
	watchers map[*Watcher]struct{}

	inbox  chan arrival
	wake   chan struct{} // the next deadline may have moved
	outbox outbox

	subs     []broker.Subscription
	done     chan struct{} // closed by Close
	closing  sync.Once
	workers  sync.WaitGroup
	counters counters
}

// arrival is a message on its way to the state machine.
type arrival struct {
	doc  string
	data []byte
}

// Open starts a node and announces it to the others.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	core, err := replica.New(cfg.Replica, time.Now())
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:      cfg,
		subjects: message.NewSubjects(cfg.Space),
		core:     core,
		watchers: make(map[*Watcher]struct{}),
		inbox:    make(chan arrival, cfg.Inbox),
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
	n.outbox.init(cfg.Outbox)
	if cfg.Broker == nil {
		return n, nil
	}
	if err := n.join(ctx); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// join subscribes and starts the goroutines.
func (n *Node) join(ctx context.Context) error {
	if err := n.subscribe(); err != nil {
		return err
	}
	n.workers.Add(2)
	go n.run()
	go n.publish()
	if err := n.cfg.Broker.Flush(ctx); err == nil {
		n.connect(true)
	}
	return nil
}

func (n *Node) subscribe() error {
	id := n.core.Actor().ID
	for _, s := range []struct{ pattern, queue string }{
		{n.subjects.Deltas(">"), ""},
		{n.subjects.Beacon(), ""},
		{n.subjects.Any(), message.Queue},
		{n.subjects.Replica(id), ""},
	} {
		sub, err := n.cfg.Broker.Subscribe(s.pattern, s.queue, n.receive)
		if err != nil {
			return fmt.Errorf("node: subscribe to %s: %w", s.pattern, err)
		}
		n.subs = append(n.subs, sub)
	}
	sub, err := n.cfg.Broker.Respond(n.subjects.Probe(id))
	if err != nil {
		return fmt.Errorf("node: answer probes: %w", err)
	}
	n.subs = append(n.subs, sub)
	return nil
}

// receive queues a message for the state machine; it must not block.
func (n *Node) receive(m broker.Message) {
	a := arrival{data: m.Data}
	if n.subjects.IsDelta(m.Subject) {
		doc, err := n.subjects.Doc(m.Subject)
		if err != nil {
			n.counters.refused.Add(1)
			return
		}
		a.doc = doc
	}
	select {
	case n.inbox <- a:
	default:
		n.counters.dropped.Add(1)
	}
}

// Write runs fn on a document, which is created by need, and lets the others
// know. It returns fn's error; see replica.Replica.Write. If ctx ends while
// the outbox is full nothing was written.
func (n *Node) Write(ctx context.Context, doc string, fn func(*crdt.Document) error) error {
	if err := n.outbox.wait(ctx); err != nil {
		return err
	}
	select {
	case <-n.done:
		return ErrClosed
	default:
	}
	n.mu.Lock()
	before := n.core.Next()
	err := n.core.Write(time.Now(), doc, fn)
	moved := n.core.Next() != before
	n.finish()
	if moved {
		n.poke()
	}
	return err
}

// finish hands on what the state machine wants done, and unlocks.
func (n *Node) finish() {
	out := n.core.Ready()
	n.deliver(out.Changes)
	n.outbox.put(out.Messages)
	n.mu.Unlock()
	n.report(out.Alarms)
}

func (n *Node) report(alarms []replica.Alarm) {
	for _, a := range alarms {
		n.counters.alarms.Add(1)
		n.cfg.Logger.Warn("joinery: "+a.Kind.String(), "space", n.cfg.Space, "document", a.Doc, "detail", a.Detail)
	}
}

func (n *Node) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Read calls fn with a document, nil if the node does not hold it. fn must not
// keep the document nor call the node.
func (n *Node) Read(doc string, fn func(*crdt.Document)) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	fn(n.core.View(doc))
}

// Names returns the names of the documents that match a pattern, in byte order.
func (n *Node) Names(pattern string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, name := range n.core.Names() {
		if message.Match(pattern, name) && !n.core.View(name).State().IsEmpty() {
			out = append(out, name)
		}
	}
	return out
}

// Drain sends what is pending and waits until it has left for the transport.
func (n *Node) Drain(ctx context.Context) error {
	n.mu.Lock()
	n.core.Flush(time.Now())
	n.finish()
	if n.cfg.Broker == nil {
		return nil
	}
	if err := n.outbox.empty(ctx); err != nil {
		return err
	}
	return n.cfg.Broker.Flush(ctx)
}

// Close ends the node and its broker. Writes that were not sent are not lost
// as long as another node holds them or the store does; Drain before to send
// them. Calling it twice is harmless.
func (n *Node) Close() error {
	var err error
	n.closing.Do(func() {
		close(n.done)
		n.outbox.close()
		for _, s := range n.subs {
			_ = s.Unsubscribe()
		}
		if n.cfg.Broker != nil {
			err = n.cfg.Broker.Close()
		}
		n.workers.Wait()
		n.endWatchers()
	})
	return err
}
