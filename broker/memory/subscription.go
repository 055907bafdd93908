package memory

import (
	"slices"
	"sync"

	"github.com/joinery-crdt/joinery/broker"
)

// queued is one message before its handler.
type queued struct {
	seq     uint64 // order of arrival on the whole network
	message broker.Message
}

// subscription is guarded by its network's lock. Invariant: every queued
// message and every running handler is counted once in the network's busy.
type subscription struct {
	owner   *Broker
	pattern string
	queue   string
	probe   bool // made by Respond: hears probes, not messages
	handler broker.Handler
	wake    *sync.Cond // of the network's lock, for loop

	waiting []queued
	bytes   int
	running bool
	ended   bool
}

// enqueue adds a message for the handler if there is room.
func (s *subscription) enqueue(p Packet) {
	n := s.owner.net
	if s.ended {
		return
	}
	if len(s.waiting) >= n.cfg.QueueMessages || s.bytes+len(p.Data) > n.cfg.QueueBytes {
		s.owner.stats.Dropped++
		s.owner.events.Post(broker.Event{Kind: broker.Dropped, Subject: s.pattern, Count: 1})
		return
	}
	n.seq++
	n.busy++
	s.bytes += len(p.Data)
	s.waiting = append(s.waiting, queued{n.seq, broker.Message{Subject: p.Subject, Data: slices.Clone(p.Data)}})
	s.wake.Signal()
}

// run calls the handler with the oldest message that waits. The lock is held,
// but for the time of the call.
func (s *subscription) run() {
	n := s.owner.net
	m := s.waiting[0].message
	s.waiting[0] = queued{}
	s.waiting = s.waiting[1:]
	s.bytes -= len(m.Data)
	s.owner.stats.Received++
	s.owner.stats.ReceivedBytes += uint64(len(m.Data))
	s.running = true
	s.owner.handlers++
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		s.running = false
		s.owner.handlers--
		n.busy--
		n.changed.Broadcast()
	}()
	s.handler(m)
}

// loop delivers until the subscription ends.
func (s *subscription) loop() {
	n := s.owner.net
	defer s.owner.loops.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	for !s.ended {
		if len(s.waiting) > 0 {
			s.run()
		} else {
			s.wake.Wait()
		}
	}
}

// end discards what waits. The lock is held.
func (s *subscription) end() {
	if s.ended {
		return
	}
	n := s.owner.net
	s.ended = true
	n.busy -= len(s.waiting)
	s.waiting, s.bytes = nil, 0
	s.owner.subs = slices.DeleteFunc(s.owner.subs, func(o *subscription) bool { return o == s })
	s.wake.Signal()
	n.changed.Broadcast()
}

// Unsubscribe implements broker.Subscription.
func (s *subscription) Unsubscribe() error {
	n := s.owner.net
	n.mu.Lock()
	defer n.mu.Unlock()
	s.end()
	return nil
}
