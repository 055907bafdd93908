package nats

import (
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery/broker"
)

// subscription delivers by the goroutine that nats.go runs for it.
type subscription struct {
	broker  *Broker
	pattern string
	handle  func(*nats.Msg)
	ended   atomic.Bool
	running sync.Mutex // held while the handler runs

	mu   sync.Mutex
	sub  *nats.Subscription
	seen uint64 // dropped messages already reported
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
		panic("nats: Subscribe without a handler")
	}
	return b.add(pattern, queue, func(m *nats.Msg) { b.deliver(h, m) })
}

// deliver passes a message on, unless it is somebody's probe.
func (b *Broker) deliver(h broker.Handler, m *nats.Msg) {
	if m.Reply != "" && len(m.Data) == 0 {
		return
	}
	b.received.Add(1)
	b.receivedBytes.Add(uint64(len(m.Data)))
	h(broker.Message{Subject: m.Subject, Data: m.Data})
}

// Respond implements broker.Broker.
func (b *Broker) Respond(subject string) (broker.Subscription, error) {
	if err := broker.CheckSubject(subject); err != nil {
		return nil, err
	}
	return b.add(subject, "", answer)
}

// answer replies to a probe. A reply that cannot be sent is a lost message.
func answer(m *nats.Msg) {
	if m.Reply != "" {
		_ = m.Respond(nil)
	}
}

// add subscribes on the connection. The broker's lock is held throughout, so
// that Close sees the subscription or prevents it.
func (b *Broker) add(pattern, queue string, handle func(*nats.Msg)) (*subscription, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	s := &subscription{broker: b, pattern: pattern, handle: handle}
	s.mu.Lock() // the first message may arrive before sub is set
	defer s.mu.Unlock()
	sub, err := b.subscribeOn(pattern, queue, s.receive)
	if err != nil {
		return nil, translate(err)
	}
	s.sub = sub
	b.subs[s] = struct{}{}
	return s, nil
}

func (b *Broker) subscribeOn(pattern, queue string, receive nats.MsgHandler) (*nats.Subscription, error) {
	sub, err := b.nc.QueueSubscribe(pattern, queue, receive)
	if err != nil {
		return nil, err
	}
	if err := sub.SetPendingLimits(b.cfg.QueueMessages, b.cfg.QueueBytes); err != nil {
		_ = sub.Unsubscribe()
		return nil, err
	}
	return sub, nil
}

func (s *subscription) receive(m *nats.Msg) {
	s.reportDropped()
	s.run(m)
	if s.ended.Load() {
		s.broker.forget(s)
	}
}

func (s *subscription) run(m *nats.Msg) {
	s.running.Lock()
	defer s.running.Unlock()
	if !s.ended.Load() {
		s.handle(m)
	}
}

// reportDropped posts what was lost since the last look.
func (s *subscription) reportDropped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped, err := s.sub.Dropped()
	if err != nil || uint64(dropped) <= s.seen {
		return // ended, or nothing new
	}
	count := uint64(dropped) - s.seen
	s.seen = uint64(dropped)
	s.broker.dropped.Add(count)
	s.broker.events.Post(broker.Event{Kind: broker.Dropped, Subject: s.pattern, Count: count, Err: nats.ErrSlowConsumer})
}

// Unsubscribe implements broker.Subscription. That the connection is gone is no
// error: so is the subscription.
func (s *subscription) Unsubscribe() error {
	if s.ended.Swap(true) {
		return nil
	}
	s.reportDropped()
	_ = s.sub.Unsubscribe()
	if s.running.TryLock() {
		s.running.Unlock()
		s.broker.forget(s)
	} // else receive does, and Close waits for it until then
	return nil
}

func (b *Broker) forget(s *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs, s)
}

// wait returns when the handler does not run and never will again.
func (s *subscription) wait() {
	s.running.Lock()
	defer s.running.Unlock()
}
