package memory

import "fmt"

// Step hands one waiting message to its handler, in the caller's goroutine, and
// reports whether there was one. Several goroutines may call it; a subscription
// whose handler runs is passed over. It panics unless the network is manual.
func (n *Network) Step() bool {
	if !n.cfg.Manual {
		panic("memory: Step on a network that delivers by itself; set Config.Manual")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.next()
	if s == nil {
		return false
	}
	s.run()
	return true
}

// Deliver calls Step until nothing waits, messages included that the handlers
// publish meanwhile, and returns the number of messages delivered. It panics
// after four million: by then the handlers answer each other for ever.
func (n *Network) Deliver() int {
	for count := range maxDeliveries {
		if !n.Step() {
			return count
		}
	}
	panic(fmt.Sprintf("memory: no end after %d deliveries", maxDeliveries))
}

// Waiting returns the number of messages that wait for a handler.
func (n *Network) Waiting() (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.eachReady(func(s *subscription) { count += len(s.waiting) })
	return count
}

// next chooses the subscription to run: the one with the oldest message, or
// with Shuffle any. The lock is held.
func (n *Network) next() (chosen *subscription) {
	seen := 0
	n.eachReady(func(s *subscription) {
		seen++
		if n.cfg.Shuffle {
			if n.rng.IntN(seen) == 0 {
				chosen = s
			}
		} else if chosen == nil || s.waiting[0].seq < chosen.waiting[0].seq {
			chosen = s
		}
	})
	return chosen
}

func (n *Network) eachReady(f func(*subscription)) {
	for _, b := range n.order {
		for _, s := range b.subs {
			if len(s.waiting) > 0 && !s.running {
				f(s)
			}
		}
	}
}
