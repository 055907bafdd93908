// Package eventq is the bounded channel of link events that brokers share.
//
// A reader that keeps up sees every event in order. When the reader is slow and
// the channel is full, the events that wait are reduced to the newest of each
// kind, in order, the counts of Dropped added up. Posting never blocks, and no
// goroutine is needed.
package eventq

import (
	"sync"

	"github.com/joinery-crdt/joinery/broker"
)

// capacity is the number of events that wait for a slow reader. Invariant: it
// is above the number of event kinds, so that reducing always makes room.
const capacity = 16

// Queue holds link events for one reader. Make one with New.
type Queue struct {
	mu     sync.Mutex
	ch     chan broker.Event
	closed bool
}

// New returns an empty queue.
func New() *Queue {
	return &Queue{ch: make(chan broker.Event, capacity)}
}

// C returns the channel to read from. It is closed by Close.
func (q *Queue) C() <-chan broker.Event { return q.ch }

// Post adds e, reducing what waits if there is no room. After Close it does
// nothing.
func (q *Queue) Post(e broker.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	select {
	case q.ch <- e:
	default:
		q.replace(reduce(append(q.drain(), e)))
	}
}

// Close closes the channel; events that wait can still be read.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.ch)
	}
}

func (q *Queue) drain() (waiting []broker.Event) {
	for {
		select {
		case e := <-q.ch:
			waiting = append(waiting, e)
		default:
			return waiting
		}
	}
}

// replace fills the channel again. The lock keeps other writers out and a
// reader only makes room, so sending cannot block.
func (q *Queue) replace(events []broker.Event) {
	for _, e := range events {
		q.ch <- e
	}
}

// reduce keeps the newest event of each kind.
func reduce(events []broker.Event) []broker.Event {
	newest := make([]broker.Event, 0, capacity)
	for _, e := range events {
		for i, old := range newest {
			if old.Kind == e.Kind {
				e = merge(old, e)
				newest = append(newest[:i], newest[i+1:]...)
				break
			}
		}
		newest = append(newest, e)
	}
	return newest
}

func merge(old, e broker.Event) broker.Event {
	if e.Kind != broker.Dropped {
		return e
	}
	e.Count += old.Count
	if e.Subject != old.Subject {
		e.Subject = ""
	}
	return e
}
