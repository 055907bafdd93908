package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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
	binding  binding
	most     int // largest message in bytes that the configuration allows

	mu       sync.RWMutex // guards core, watchers and closed
	core     *replica.Replica
	watchers map[*Watcher]struct{}
	closed   bool
	reentry  reentry

	inbox  inbox
	wake   chan struct{} // the next deadline may have moved
	outbox outbox

	subs     []broker.Subscription
	life     context.Context // ends with Close
	end      context.CancelFunc
	closing  sync.Once
	workers  sync.WaitGroup
	counters counters
	audited  atomic.Bool // the subscriptions were checked one by one
}

// openGrace bounds how long Open waits for a link that says it is up.
const openGrace = 2 * time.Second

// Open starts a node and announces it to the others. On a link that is down it
// starts offline. It fails if the configuration is wrong, the link closed for
// good, or ctx ends first.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
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
		binding:  bindTo(cfg.Space),
		most:     cfg.Replica.MaxMessage,
		core:     core,
		watchers: make(map[*Watcher]struct{}),
		wake:     make(chan struct{}, 1),
	}
	n.life, n.end = context.WithCancel(context.Background())
	n.inbox.init(cfg.Inbox, cfg.InboxBytes)
	n.outbox.init(cfg.Outbox)
	if cfg.Broker == nil {
		return n, nil
	}
	if err := n.join(ctx); err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

// join subscribes and starts the goroutines.
func (n *Node) join(ctx context.Context) error {
	if err := n.subscribe(); err != nil {
		return err
	}
	n.workers.Go(n.run)
	n.workers.Go(n.publish)
	short, cancel := context.WithTimeout(ctx, openGrace)
	defer cancel()
	err := n.cfg.Broker.Flush(short)
	if err == nil {
		n.connect(true)
	}
	if errors.Is(err, broker.ErrClosed) {
		return err
	}
	return ctx.Err()
}

// interest is a pattern that the node subscribes to.
type interest struct{ pattern, queue string }

func (n *Node) interests() []interest {
	return []interest{
		{n.subjects.Deltas(">"), ""},
		{n.subjects.Beacon(), ""},
		{n.subjects.Any(), message.Queue},
		{n.subjects.Replica(n.cfg.Replica.ID), ""},
	}
}

func (n *Node) subscribe() error {
	for _, i := range n.interests() {
		sub, err := n.cfg.Broker.Subscribe(i.pattern, i.queue, n.receive)
		if err != nil {
			return fmt.Errorf("node: subscribe to %s: %w", i.pattern, err)
		}
		n.subs = append(n.subs, sub)
	}
	sub, err := n.cfg.Broker.Respond(n.subjects.Probe(n.cfg.Replica.ID))
	if err != nil {
		return fmt.Errorf("node: answer probes: %w", err)
	}
	n.subs = append(n.subs, sub)
	return nil
}

// receive queues a message for the state machine; it must not block.
func (n *Node) receive(m broker.Message) {
	n.binding.apply(m.Data)
	a := arrival{data: m.Data}
	onDoc := n.subjects.IsDelta(m.Subject)
	if onDoc != isDelta(m.Data) {
		n.counters.refused.Add(1)
		return
	}
	if onDoc {
		doc, err := n.subjects.Doc(m.Subject)
		if err != nil {
			n.counters.refused.Add(1)
			return
		}
		a.doc = doc
	}
	if !n.inbox.put(a) {
		n.counters.dropped.Add(1)
	}
}

// isDelta reports whether a message says that it is a delta: those, and no
// others, go to the subjects of documents, where permissions bind them.
func isDelta(data []byte) bool {
	return len(data) > 1 && message.Kind(data[1]) == message.KindDelta
}

// lock locks the state machine for a change. A call from inside fn of Guard
// would wait for itself; it panics.
func (n *Node) lock() {
	if !n.mu.TryLock() {
		n.reentry.check()
		n.mu.Lock()
	}
}

// Write runs fn on a document, which is created by need, and lets the others
// know. It returns fn's error; see replica.Replica.Write. If ctx has ended
// nothing is written. A full outbox makes it wait a moment, never for long: a
// link that is stuck is no reason not to write.
func (n *Node) Write(ctx context.Context, doc string, fn func(*crdt.Document) error) error {
	if err := n.outbox.wait(ctx); err != nil {
		return err
	}
	n.lock()
	if n.closed {
		n.mu.Unlock()
		return ErrClosed
	}
	before := n.core.Next()
	defer func() { // also if fn panics
		moved := n.core.Next() != before
		n.finish()
		if moved {
			n.poke()
		}
	}()
	return n.core.Write(time.Now(), doc, fn)
}

// finish hands on what the state machine wants done, and unlocks.
func (n *Node) finish() {
	out := n.core.Ready()
	n.deliver(out.Changes)
	n.counters.unsent.Add(n.outbox.put(out.Messages))
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
// keep the document nor call the node. A closed node can be read still.
func (n *Node) Read(doc string, fn func(*crdt.Document)) {
	if !n.mu.TryRLock() {
		n.reentry.check()
		n.mu.RLock()
	}
	defer n.mu.RUnlock()
	fn(n.core.View(doc))
}

// Seal makes the writes to a document final, so that the names of its events
// may leave by a door that is not the node's own: in what a client is told. It
// costs nothing if there is nothing to seal.
func (n *Node) Seal(doc string) {
	pending := false
	n.Read(doc, func(d *crdt.Document) { pending = d != nil && d.Pending().Len() > 0 })
	if !pending {
		return
	}
	n.lock()
	n.core.Seal(doc)
	n.finish()
}

// Names returns the names of the documents that match a pattern, in byte order.
// Without a wildcard it costs O(1), else O(documents).
func (n *Node) Names(pattern string) (out []string) {
	if !strings.ContainsAny(pattern, "*>") {
		n.Read(pattern, func(d *crdt.Document) {
			if d != nil && !d.State().IsEmpty() {
				out = []string{pattern}
			}
		})
		return out
	}
	n.lock()
	defer n.mu.Unlock()
	for _, name := range n.core.Names() {
		if message.Match(pattern, name) && !n.core.View(name).State().IsEmpty() {
			out = append(out, name)
		}
	}
	return out
}

// Drain hands what is pending to the transport and returns when the other end
// of the link has it. It says nothing about other nodes. Without a link it
// fails at once.
func (n *Node) Drain(ctx context.Context) error {
	if n.cfg.Broker == nil {
		return nil
	}
	if err := n.cfg.Broker.Flush(ctx); err != nil { // also: is there a link?
		return err
	}
	unsent := n.counters.unsent.Load()
	n.lock()
	if n.closed {
		n.mu.Unlock()
		return ErrClosed
	}
	if !n.core.Online() {
		n.core.Connect(time.Now(), true)
	}
	n.core.Flush(time.Now())
	n.finish()
	n.poke()
	if err := n.outbox.empty(ctx); err != nil {
		return err
	}
	if n.counters.unsent.Load() != unsent {
		return broker.ErrDisconnected // it broke meanwhile
	}
	return n.cfg.Broker.Flush(ctx)
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
		n.handOver()
		n.end()
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

func (n *Node) handOver() {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	_ = n.outbox.empty(ctx) // what is left is lost with the link
}
