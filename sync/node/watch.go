package node

import (
	"context"
	"strings"
	"sync"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// maxPlaces bounds the changed places that wait for a watcher.
const maxPlaces = 16384

// Watcher collects the places that change in the documents of a pattern. It
// keeps which places changed, not what they were in between: whoever reads
// slowly gets the newest values, and a gap if even the places were too many.
type Watcher struct {
	node    *Node
	pattern string

	mu     sync.Mutex
	queue  []replica.Change
	queued map[string]int // place to index in queue
	gap    bool
	ended  bool
	news   chan struct{} // holds one token while there is something to take
}

// Watch begins to collect the changes of documents that match a pattern.
func (n *Node) Watch(pattern string) *Watcher {
	w := &Watcher{node: n, pattern: pattern, queued: make(map[string]int), news: make(chan struct{}, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.done:
		w.end()
	default:
		n.watchers[w] = struct{}{}
		n.core.Watch(true)
	}
	return w
}

// Stop ends the watcher.
func (w *Watcher) Stop() {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.watchers, w)
	n.core.Watch(len(n.watchers) > 0)
	w.end()
}

func (w *Watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.notify()
}

func (n *Node) endWatchers() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.watchers {
		w.end()
	}
}

// deliver hands changes to the watchers; the caller holds the lock.
func (n *Node) deliver(changes []replica.Change) {
	for i := range changes {
		for w := range n.watchers {
			if message.Match(w.pattern, changes[i].Doc) {
				w.put(&changes[i])
			}
		}
	}
}

// place names where a change happened, for comparison.
func place(c *replica.Change) string {
	var b strings.Builder
	b.WriteString(c.Doc)
	for _, p := range append(c.Path, kernel.Component{Tag: c.Tag, Name: c.Key}) {
		b.WriteByte(0)
		b.WriteByte(byte(p.Tag))
		b.WriteString(p.Name)
	}
	return b.String()
}

func (w *Watcher) put(c *replica.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := place(c)
	if i, ok := w.queued[at]; ok {
		w.queue[i].Local = w.queue[i].Local && c.Local
		return
	}
	if len(w.queue) == maxPlaces {
		w.queue, w.gap = nil, true
		clear(w.queued)
	}
	w.queued[at] = len(w.queue)
	w.queue = append(w.queue, *c)
	w.notify()
}

func (w *Watcher) notify() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// Next waits for changes and returns the places, in the order in which they
// first changed, and whether some before them were lost: then the documents
// have to be read anew. It returns ErrClosed after Stop or the node's Close.
func (w *Watcher) Next(ctx context.Context) (changes []replica.Change, gap bool, err error) {
	for {
		w.mu.Lock()
		changes, gap = w.queue, w.gap
		w.queue, w.gap = nil, false
		clear(w.queued)
		ended := w.ended
		w.mu.Unlock()
		if len(changes) > 0 || gap {
			return changes, gap, nil
		}
		if ended {
			return nil, false, ErrClosed
		}
		select {
		case <-w.news:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// Snapshot calls fn with every document that matches a pattern, in the order
// of their names, each under the lock by itself.
func (n *Node) Snapshot(pattern string, fn func(name string, d *crdt.Document) bool) {
	for _, name := range n.Names(pattern) {
		goOn := true
		n.Read(name, func(d *crdt.Document) {
			if d != nil {
				goOn = fn(name, d)
			}
		})
		if !goOn {
			return
		}
	}
}
