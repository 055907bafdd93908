package memory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/internal/eventq"
)

// Defaults and bounds of Config.
const (
	DefaultQueueMessages = 4096
	DefaultQueueBytes    = 64 << 20
	// maxDetained bounds the messages that wait for the clock or for Release.
	maxDetained = 1 << 20
	// maxDeliveries bounds one call of Deliver.
	maxDeliveries = 1 << 22
)

// Config describes a network. The zero value is a network that delivers by
// goroutines, without faults.
type Config struct {
	// Manual leaves delivery to Step and Deliver.
	Manual bool
	// Shuffle makes Step choose among the subscriptions at random instead of
	// taking the oldest message. Each subscription still sees its own in order.
	Shuffle bool
	// Seed of the choice of queue group members and of Shuffle.
	Seed uint64
	// QueueMessages bounds the messages that wait for one handler; 0 means
	// DefaultQueueMessages.
	QueueMessages int
	// QueueBytes bounds their payload bytes; 0 means DefaultQueueBytes.
	QueueBytes int
	// MaxPayload is the limit of new endpoints in bytes; 0 means
	// broker.DefaultMaxPayload.
	MaxPayload int
}

// Network connects endpoints. Its methods are safe for concurrent use. Methods
// that take endpoint names panic if no endpoint has the name, so that a
// misspelt partition does not pass as a network without one; rules may name
// an endpoint whose broker was closed.
type Network struct {
	cfg Config

	mu        sync.Mutex // guards all below and every endpoint and subscription
	changed   *sync.Cond // busy or a broker's handlers went down
	rng       *rand.Rand
	faults    Faults
	endpoints map[string]*Broker
	order     []*Broker // in order of Connect, so that runs repeat
	links     map[link]rule
	detained  []*detained // in order of arrival
	now       time.Duration
	seq       uint64 // of the last message queued
	busy      int    // messages queued or in a handler
}

// NewNetwork returns a network without endpoints. It panics on negative limits.
func NewNetwork(cfg Config) *Network {
	if cfg.QueueMessages < 0 || cfg.QueueBytes < 0 || cfg.MaxPayload < 0 {
		panic(fmt.Sprintf("memory: negative limit in %+v", cfg))
	}
	cfg.QueueMessages = orDefault(cfg.QueueMessages, DefaultQueueMessages)
	cfg.QueueBytes = orDefault(cfg.QueueBytes, DefaultQueueBytes)
	cfg.MaxPayload = orDefault(cfg.MaxPayload, broker.DefaultMaxPayload)
	n := &Network{
		cfg:       cfg,
		rng:       rand.New(rand.NewPCG(cfg.Seed, cfg.Seed)),
		endpoints: make(map[string]*Broker),
		links:     make(map[link]rule),
	}
	n.changed = sync.NewCond(&n.mu)
	return n
}

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// Connect adds an endpoint that is up. A closed broker's name can be taken
// again, with fresh counters; Connect panics if a live one has it.
func (n *Network) Connect(name string) *Broker {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.endpoints[name]; ok {
		if !old.closed {
			panic(fmt.Sprintf("memory: endpoint %q is already connected", name))
		}
		n.order = slices.DeleteFunc(n.order, func(b *Broker) bool { return b == old })
	}
	b := &Broker{net: n, name: name, up: true, maxPayload: n.cfg.MaxPayload, events: eventq.New()}
	n.endpoints[name] = b
	n.order = append(n.order, b)
	b.events.Post(broker.Event{Kind: broker.Connected})
	return b
}

// SetFaults replaces the faults of all links. Messages that earlier ones
// detained stay detained.
func (n *Network) SetFaults(f Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = f
}

// Disconnect takes the endpoint's link down: it cannot publish, and what
// others publish passes it by. Messages already queued are still delivered.
func (n *Network) Disconnect(name string) { n.setUp(name, false, broker.Disconnected) }

// Reconnect takes the endpoint's link up again.
func (n *Network) Reconnect(name string) { n.setUp(name, true, broker.Connected) }

func (n *Network) setUp(name string, up bool, kind broker.EventKind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.endpoint(name)
	if b.up == up || b.gone || b.closed {
		return
	}
	b.up = up
	if !up {
		b.line.Break(broker.ErrDisconnected)
	}
	b.events.Post(broker.Event{Kind: kind})
}

// Terminate ends the endpoint's link for good, as a server does that turns a
// client away: its methods return ErrClosed and a Closed event tells.
func (n *Network) Terminate(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.endpoint(name)
	if !b.gone && !b.closed {
		b.up, b.gone = false, true
		b.line.Break(broker.ErrClosed)
		b.events.Post(broker.Event{Kind: broker.Closed})
	}
}

// SetMaxPayload changes the endpoint's limit in bytes, as a reconnect to
// another server can. Messages above the limit of the receiver are lost.
func (n *Network) SetMaxPayload(name string, bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.endpoint(name).maxPayload = bytes
}

// Stats returns the endpoint's counters, also of one that was closed.
func (n *Network) Stats(name string) Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.endpoint(name).stats
}

// endpoint finds a broker, closed ones included. The lock is held.
func (n *Network) endpoint(name string) *Broker {
	b, ok := n.endpoints[name]
	if !ok {
		panic(fmt.Sprintf("memory: no endpoint %q", name))
	}
	return b
}

// WaitIdle returns when no message waits for a handler and no handler runs, or
// with ctx's error. Detained messages do not count. On a manual network it
// waits for somebody else's Step.
func (n *Network) WaitIdle(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.changed.Broadcast()
	})
	defer stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.busy > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n.changed.Wait()
	}
	return nil
}
