// Package gate lets calls into something until it is closed, and tells when the
// last of them has left.
//
// A read-write mutex does not serve: a scan's body may read the same store while
// another goroutine waits to close it, which would wait for itself.
package gate

import (
	"sync"

	"github.com/joinery-crdt/joinery/sync/store"
)

// Gate is open in its zero value.
type Gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{} // made by the first Close, closed when nobody is inside
}

// Enter lets a call in, which then has to Leave, or returns [store.ErrClosed].
func (g *Gate) Enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return store.ErrClosed
	}
	g.inside++
	return nil
}

// Leave ends a call.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.announce()
}

// Closed says whether the gate was closed. What is inside leaves soon then.
func (g *Gate) Closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Close lets nobody in any more and returns when nobody is inside. It says
// whether this call was the first.
func (g *Gate) Close() (first bool) {
	g.mu.Lock()
	first = !g.closed
	if first {
		g.closed = true
		g.empty = make(chan struct{})
		g.announce()
	}
	empty := g.empty
	g.mu.Unlock()
	<-empty
	return first
}

// announce closes the channel when nobody is inside. At most one call finds it
// so: nobody enters after closing.
func (g *Gate) announce() {
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}
