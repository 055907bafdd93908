package node

import "time"

// docsAtOnce bounds the documents that are looked after under one lock.
const docsAtOnce = 64

// expire is the loop that lets the state machine act on what expires, with a
// link or without one. It sleeps as long as nothing does.
func (n *Node) expire() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.life.Done():
			return
		case <-n.expiring:
		case <-timer.C:
			n.expireDue()
		}
		n.mu.RLock()
		next := n.core.NextExpiry(time.Now())
		n.mu.RUnlock()
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// expireDue does what is due, unless documents are missing or the disk takes no
// more writes.
func (n *Node) expireDue() {
	if !n.warm.Load() || n.journal != nil && n.commits.failed() != nil {
		return
	}
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	for range docsAtOnce {
		if !n.core.Expire(time.Now()) {
			break
		}
	}
	n.finish()
	n.poke()
}

// planExpiry wakes the loop if something expires at another time than it knows.
// The caller holds the lock.
func (n *Node) planExpiry() {
	due := n.core.ExpiryDue()
	if due == n.expiryDue {
		return
	}
	n.expiryDue = due
	select {
	case n.expiring <- struct{}{}:
	default:
	}
}
