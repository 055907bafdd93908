package node

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Bounds of the changed places that wait for a watcher, and of their names.
const (
	maxPlaces     = 16384
	maxPlaceBytes = 16 << 20
)

// Place is where something changed since the watcher's last look.
type Place struct {
	replica.Change
	// Skipped is set if it changed again while it waited: what was there in
	// between is not to be seen any more. Changes that came together count once.
	Skipped bool

	round uint64 // of the last put that changed it
}

// Watcher collects the places that change in the documents of a pattern. It
// keeps which places changed, not what they were in between: whoever reads
// slowly gets the newest values, and a gap if even the places were too many.
type Watcher struct {
	node    *Node
	pattern string

	mu     sync.Mutex
	queue  []Place
	queued map[string]int // place to index in queue
	bytes  int            // of the names in queued
	round  uint64         // counts puts
	gap    bool
	ended  bool
	news   chan struct{} // holds one token while there is something to take
}

// Watch begins to collect the changes of documents that match a pattern.
func (n *Node) Watch(pattern string) *Watcher {
	w := &Watcher{node: n, pattern: pattern, queued: make(map[string]int), news: make(chan struct{}, 1)}
	n.lock()
	defer n.mu.Unlock()
	if n.closed {
		w.end()
		return w
	}
	n.watchers[w] = struct{}{}
	n.core.Watch(true)
	return w
}

// Stop ends the watcher.
func (w *Watcher) Stop() {
	n := w.node
	n.lock()
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
	clear(n.watchers)
	n.core.Watch(false)
}

// deliver hands changes to the watchers; the caller holds the lock.
func (n *Node) deliver(changes []replica.Change) {
	if len(changes) == 0 || len(n.watchers) == 0 {
		return
	}
	places := make([]string, len(changes))
	var scratch []byte
	for i := range changes {
		scratch = AppendPlace(scratch[:0], &changes[i])
		places[i] = string(scratch)
	}
	for w := range n.watchers {
		w.put(changes, places)
	}
}

// AppendPlace appends a name of where a change happened, for comparison: each
// part with its length, so that no two places share one.
func AppendPlace(dst []byte, c *replica.Change) []byte {
	part := func(tag kernel.Tag, name string) {
		dst = binary.AppendUvarint(append(dst, byte(tag)), uint64(len(name)))
		dst = append(dst, name...)
	}
	part(0, c.Doc)
	for _, p := range c.Path {
		part(p.Tag, p.Name)
	}
	part(c.Tag, c.Key)
	return dst
}

// put adds changes, those of one write or merge together.
func (w *Watcher) put(changes []replica.Change, places []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	some := false
	w.round++
	for i := range changes {
		if shows(w.pattern, changes[i].Doc) {
			w.add(&changes[i], places[i])
			some = true
		}
	}
	if some {
		w.notify()
	}
}

func (w *Watcher) add(c *replica.Change, place string) {
	if i, ok := w.queued[place]; ok {
		p := &w.queue[i]
		p.Local = p.Local && c.Local
		p.Skipped = p.Skipped || p.round != w.round
		p.round = w.round
		return
	}
	if len(w.queue) == maxPlaces || w.bytes+len(place) > maxPlaceBytes {
		w.queue, w.bytes, w.gap = nil, 0, true
		clear(w.queued)
	}
	w.queued[place] = len(w.queue)
	w.bytes += len(place)
	w.queue = append(w.queue, Place{Change: *c, round: w.round})
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
func (w *Watcher) Next(ctx context.Context) (changes []Place, gap bool, err error) {
	for {
		changes, gap, ended := w.take()
		switch {
		case len(changes) > 0 || gap:
			return changes, gap, nil
		case ended:
			return nil, false, ErrClosed
		}
		select {
		case <-w.news:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

func (w *Watcher) take() (changes []Place, gap, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes, gap = w.queue, w.gap
	w.queue, w.bytes, w.gap = nil, 0, false
	if len(changes) > 0 {
		w.queued = make(map[string]int) // clear would keep the room of the worst case
	}
	return changes, gap, w.ended
}
