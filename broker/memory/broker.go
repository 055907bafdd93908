package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/internal/eventq"
	"github.com/joinery-crdt/joinery/broker/internal/lifeline"
)

// Stats are the counters of one endpoint. Bytes are payload bytes.
type Stats struct {
	broker.Stats
	// Lost counts this endpoint's messages that faults or links lost: once for
	// each receiver, or once for all if Faults.Publish dropped the message.
	Lost uint64
	// Duplicated counts extra copies of its messages, for each receiver.
	Duplicated uint64
	Probes     uint64 // probes that it sent
}

// Broker is one endpoint of a Network.
type Broker struct {
	net    *Network
	name   string
	events *eventq.Queue
	line   lifeline.Line
	loops  sync.WaitGroup // delivery goroutines

	// Guarded by the network's lock.
	up         bool
	gone       bool // terminated
	closed     bool
	maxPayload int
	subs       []*subscription
	handlers   int // running now
	stats      Stats
}

var _ broker.Broker = (*Broker)(nil)

// Name returns the endpoint's name.
func (b *Broker) Name() string { return b.name }

// Publish implements broker.Broker.
func (b *Broker) Publish(subject string, data []byte) error {
	if err := broker.CheckSubject(subject); err != nil {
		return err
	}
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	if err := b.ready(); err != nil {
		return err
	}
	if len(data) > b.maxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d", broker.ErrTooLarge, len(data), b.maxPayload)
	}
	b.stats.Sent++
	b.stats.SentBytes += uint64(len(data))
	b.net.route(b, subject, data)
	return nil
}

// open returns ErrClosed if the broker or its link is gone. The lock is held.
func (b *Broker) open() error {
	if b.closed || b.gone {
		return broker.ErrClosed
	}
	return nil
}

// ready returns nil if the link is up. The lock is held.
func (b *Broker) ready() error {
	if err := b.open(); err != nil {
		return err
	}
	if !b.up {
		return broker.ErrDisconnected
	}
	return nil
}

// Subscribe implements broker.Broker.
func (b *Broker) Subscribe(pattern, queue string, h broker.Handler) (broker.Subscription, error) {
	if err := broker.CheckPattern(pattern); err != nil {
		return nil, err
	}
	if err := broker.CheckQueue(queue); err != nil {
		return nil, err
	}
	if h == nil {
		panic("memory: Subscribe without a handler")
	}
	return b.add(&subscription{owner: b, pattern: pattern, queue: queue, handler: h})
}

// Respond implements broker.Broker.
func (b *Broker) Respond(subject string) (broker.Subscription, error) {
	if err := broker.CheckSubject(subject); err != nil {
		return nil, err
	}
	return b.add(&subscription{owner: b, pattern: subject, probe: true})
}

func (b *Broker) add(s *subscription) (broker.Subscription, error) {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	if err := b.open(); err != nil {
		return nil, err
	}
	s.wake = sync.NewCond(&b.net.mu)
	b.subs = append(b.subs, s)
	if !b.net.cfg.Manual && !s.probe {
		b.loops.Add(1)
		go s.loop()
	}
	return s, nil
}

// Probe implements broker.Broker. It answers at once, on a manual network too,
// unless it has to wait for an answer that will not come.
func (b *Broker) Probe(ctx context.Context, subject string) error {
	if err := broker.CheckSubject(subject); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	bound, release := b.line.Bind(ctx)
	defer release()
	answered, err := b.ask(subject)
	if err != nil || answered {
		return err
	}
	<-bound.Done()
	return cmp.Or(ctx.Err(), context.Cause(bound))
}

// ask reports whether a responder's answer comes back.
func (b *Broker) ask(subject string) (answered bool, err error) {
	n := b.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := b.ready(); err != nil {
		return false, err
	}
	b.stats.Probes++
	heard := false
	for _, c := range n.order {
		if !n.routable(b, c) || !slices.ContainsFunc(c.subs, func(s *subscription) bool { return broker.Match(s.pattern, subject) }) {
			continue
		}
		heard = true
		answered = answered || c.responds(subject) && n.whole(b, c) && n.whole(c, b)
	}
	if !heard {
		return false, broker.ErrNoResponders
	}
	return answered, nil
}

func (b *Broker) responds(subject string) bool {
	return slices.ContainsFunc(b.subs, func(s *subscription) bool { return s.probe && s.pattern == subject })
}

// Flush implements broker.Broker.
func (b *Broker) Flush(ctx context.Context) error {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	if err := b.ready(); err != nil {
		return err
	}
	return ctx.Err()
}

// MaxPayload implements broker.Broker.
func (b *Broker) MaxPayload() int {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	return b.maxPayload
}

// Events implements broker.Broker.
func (b *Broker) Events() <-chan broker.Event { return b.events.C() }

// Stats returns the endpoint's counters.
func (b *Broker) Stats() broker.Stats {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	return b.stats.Stats
}

// Close implements broker.Broker.
func (b *Broker) Close() error {
	b.shut()
	b.loops.Wait()
	b.events.Close()
	return nil
}

// shut ends the subscriptions and waits for handlers.
func (b *Broker) shut() {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	b.closed, b.up = true, false
	b.line.Break(broker.ErrClosed)
	for _, s := range slices.Clone(b.subs) {
		s.end()
	}
	for b.handlers > 0 {
		b.net.changed.Wait()
	}
}
