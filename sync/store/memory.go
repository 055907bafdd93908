package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"iter"
	"slices"
	"sync"
)

// maxUnsynced bounds the batches that a crash may take. When there are more the
// oldest becomes durable, as an operating system writes back of its own accord.
const maxUnsynced = 1 << 16

// Memory is a [Store] in memory. It tells what was synced from what was not, so
// that a test can crash it, and its faults are the test's to choose. A program
// may use it where nothing is to be kept.
//
// Each change costs time and memory in the logarithm of the number of keys, and a
// snapshot costs nothing.
type Memory struct {
	mu      sync.Mutex
	root    *node   // what readers see
	durable *node   // what survives every crash
	tail    []*node // the state after each unsynced batch, oldest first
	origin  string
	closed  bool
	failed  error // why no more writes are taken; nil if they are
	faults  map[Operation][]error
	lying   bool
}

// NewMemory returns an empty store with an origin of its own.
func NewMemory() *Memory { return newMemory(nil, rand.Text()) }

func newMemory(root *node, origin string) *Memory {
	return &Memory{root: root, durable: root, origin: origin, faults: make(map[Operation][]error)}
}

// Apply implements [Store].
func (m *Memory) Apply(b *Batch, sync bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.writable(); err != nil {
		return err
	}
	root := m.root.apply(b)
	m.push(root)
	if err := m.fault(OpApply); err != nil {
		return m.fail(err)
	}
	m.root = root
	if !sync {
		return nil
	}
	return m.sync()
}

// apply returns the tree after a batch. It copies what it keeps of the batch.
func (n *node) apply(b *Batch) *node {
	for c := range b.Changes() {
		switch c.Kind {
		case KindPut:
			n = n.put(newNode(bytes.Clone(c.Key), bytes.Clone(c.Value)))
		case KindDelete:
			n = n.without(c.Key)
		case KindDeleteRange:
			n = n.cut(c.Key, c.Value)
		}
	}
	return n
}

// push adds the state after a batch to those that a crash can leave.
func (m *Memory) push(root *node) {
	m.tail = append(m.tail, root)
	if len(m.tail) > maxUnsynced {
		half := len(m.tail) / 2
		m.durable = m.tail[half-1]
		m.tail = slices.Clone(m.tail[half:])
	}
}

// Sync implements [Store].
func (m *Memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.writable(); err != nil {
		return err
	}
	return m.sync()
}

func (m *Memory) sync() error {
	if err := m.fault(OpSync); err != nil {
		return m.fail(err)
	}
	if !m.lying {
		m.durable, m.tail = m.root, nil
	}
	return nil
}

func (m *Memory) writable() error {
	if m.closed {
		return ErrClosed
	}
	return m.failed
}

func (m *Memory) fail(cause error) error {
	m.failed = Failed(cause)
	return m.failed
}

// view returns the present root for a read.
func (m *Memory) view(op Operation) (*node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	return m.root, m.fault(op)
}

// Get implements [Store].
func (m *Memory) Get(key []byte) ([]byte, error) {
	root, err := m.view(OpGet)
	if err != nil {
		return nil, err
	}
	return root.get(key)
}

func (n *node) get(key []byte) ([]byte, error) {
	found := n.find(key)
	if found == nil {
		return nil, ErrNotFound
	}
	if found.damaged {
		return nil, found.corrupt()
	}
	return append([]byte{}, found.value...), nil
}

// Scan implements [Store].
func (m *Memory) Scan(from, to []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		root, err := m.view(OpScan)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		root.scan(from, to, m.isClosed, yield)
	}
}

func (m *Memory) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// scan yields a range of the tree. Each entry is shown in the same buffers, so
// that a reader that keeps one is found out.
func (n *node) scan(from, to []byte, closed func() bool, yield func(Entry, error) bool) {
	var e Entry
	n.ascend(from, func(at *node) bool {
		if len(to) > 0 && bytes.Compare(at.key, to) >= 0 {
			return false
		}
		if closed() {
			yield(Entry{Key: e.Key}, ErrClosed)
			return false
		}
		e.Key = append(e.Key[:0], at.key...)
		if at.damaged {
			yield(Entry{Key: e.Key}, at.corrupt())
			return false
		}
		e.Value = append(e.Value[:0], at.value...)
		return yield(e, nil)
	})
}

// Snapshot implements [Store].
func (m *Memory) Snapshot() (Snapshot, error) {
	root, err := m.view(OpSnapshot)
	if err != nil {
		return nil, err
	}
	return &memorySnapshot{store: m, root: root}, nil
}

// Compact implements [Store]. There is nothing to do.
func (m *Memory) Compact(ctx context.Context) error {
	if _, err := m.view(OpCompact); err != nil {
		return err
	}
	return ctx.Err()
}

// Usage implements [Store]. It counts the bytes of keys and values.
func (m *Memory) Usage() (Usage, error) {
	root, err := m.view(OpUsage)
	return Usage{Bytes: root.bytes()}, err
}

// Origin implements [Store]. It is random, and the same after a crash.
func (m *Memory) Origin() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return "", ErrClosed
	}
	return m.origin, nil
}

// NewOrigin implements [Store].
func (m *Memory) NewOrigin() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.writable(); err != nil {
		return "", err
	}
	m.origin = rand.Text()
	return m.origin, nil
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	var err error
	if m.failed == nil {
		err = m.sync()
	}
	m.closed = true
	return err
}
