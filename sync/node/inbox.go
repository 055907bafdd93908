package node

import "sync"

// arrival is a message on its way to the state machine.
type arrival struct {
	port  int
	doc   string // whose subject it came on
	scope string // pattern whose subject it came on
	data  []byte
}

// inbox is the queue between the transport and the state machine, bounded in
// messages and bytes. It takes no room while it is empty.
type inbox struct {
	some chan struct{} // holds one token while there may be something to take

	mu       sync.Mutex
	queue    []arrival
	bytes    int // queued or taken and not merged yet
	maxCount int
	maxBytes int
}

func (b *inbox) init(count, bytes int) {
	b.some = make(chan struct{}, 1)
	b.maxCount, b.maxBytes = count, bytes
}

// put queues a message and reports whether there was room.
func (b *inbox) put(a arrival) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == b.maxCount || b.bytes+len(a.data) > b.maxBytes {
		return false
	}
	b.bytes += len(a.data)
	b.queue = append(b.queue, a)
	if len(b.queue) == 1 {
		b.signal()
	}
	return true
}

func (b *inbox) signal() {
	select {
	case b.some <- struct{}{}:
	default:
	}
}

// idle reports whether nothing waits and nothing is being merged.
func (b *inbox) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes == 0 && len(b.queue) == 0
}

// take returns what waits. spent is a slice that take returned before, to be
// used again.
func (b *inbox) take(spent []arrival) []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.queue
	b.queue = nil
	if clear(spent); cap(spent) <= maxSpare {
		b.queue = spent[:0]
	}
	return all
}

// merged notes that taken messages of so many bytes are done with.
func (b *inbox) merged(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= bytes
}
