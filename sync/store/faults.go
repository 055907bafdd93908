package store

import (
	"bytes"
	"crypto/rand"
	"errors"
)

// Operation names a method of [Memory] that can be made to fail.
type Operation string

// The operations. An Apply with sync meets the faults of OpApply and then those of
// OpSync; so does Close meet those of OpSync.
const (
	OpApply    Operation = "apply"
	OpSync     Operation = "sync"
	OpGet      Operation = "get"
	OpScan     Operation = "scan"
	OpSnapshot Operation = "snapshot"
	OpCompact  Operation = "compact"
	OpUsage    Operation = "usage"
)

// FailNext makes the next call of an operation return err; several queue up. The
// batch of an Apply that failed cannot be read and counts as unsynced: whether it
// survives is decided by [Memory.Crash].
func (m *Memory) FailNext(op Operation, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults[op] = append(m.faults[op], err)
}

// fault takes the next fault of an operation, if there is one.
func (m *Memory) fault(op Operation) error {
	queue := m.faults[op]
	if len(queue) == 0 {
		return nil
	}
	m.faults[op] = queue[1:]
	return queue[0]
}

// LieAboutSync makes syncs succeed without making anything durable, as disks with
// a volatile cache do, until it is told to stop.
func (m *Memory) LieAboutSync(lie bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lying = lie
}

// Unsynced returns the number of batches that a crash can take.
func (m *Memory) Unsynced() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tail)
}

// Crash takes the power away. It closes m and returns the store as the next
// start finds it: with all that was synced and as many of the unsynced batches,
// oldest first, as keep says; a nil keep keeps none. The origin is the same,
// no fault is pending, and syncs tell the truth. A store that was closed may
// crash too.
func (m *Memory) Crash(keep func(unsynced int) int) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	n := 0
	if keep != nil {
		n = min(max(keep(len(m.tail)), 0), len(m.tail))
	}
	root := m.durable
	if n > 0 {
		root = m.tail[n-1]
	}
	return newMemory(root, m.origin)
}

// Reopen closes m and returns the store as the next start finds it, with all
// that was applied.
func (m *Memory) Reopen() (*Memory, error) {
	if err := m.Close(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return newMemory(m.root, m.origin), nil
}

// Copy returns another store with what can be read now, as a copy of the files
// would be: its origin is another one.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return newMemory(m.root, rand.Text())
}

// errDamaged is the cause in the error of a damaged entry.
var errDamaged = errors.New("checksum mismatch")

func (n *node) corrupt() error {
	return &CorruptError{File: "memory", Key: bytes.Clone(n.key), Err: errDamaged}
}

// Damage makes the value at a key unreadable, as a bad block does that the engine
// finds by its checksum, until the key is written again. It says whether the
// key is there. Snapshots taken before do not see it.
func (m *Memory) Damage(key []byte) bool {
	return m.alter(key, func(n *node) { n.damaged = true })
}

// Corrupt replaces the value at a key behind the engine's back, so that no read
// fails. change gets a copy, which it may change and return. It says whether the
// key is there. Snapshots taken before do not see it.
func (m *Memory) Corrupt(key []byte, change func(value []byte) []byte) bool {
	return m.alter(key, func(n *node) { n.value = change(bytes.Clone(n.value)) })
}

// alter changes the value at a key wherever a reader or a crash could find the
// same one.
func (m *Memory) alter(key []byte, change func(*node)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.root.find(key)
	if old == nil {
		return false
	}
	altered := *old
	change(&altered)
	replace := func(root *node) *node {
		if n := root.find(key); n == nil || !sameValue(n, old) {
			return root
		}
		return root.put(altered.with(nil, nil))
	}
	m.root, m.durable = replace(m.root), replace(m.durable)
	for i := range m.tail {
		m.tail[i] = replace(m.tail[i])
	}
	return true
}

func sameValue(a, b *node) bool {
	return a.damaged == b.damaged && bytes.Equal(a.value, b.value)
}
