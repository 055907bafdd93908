package store

import (
	"iter"
	"sync/atomic"
)

// memorySnapshot is a root of a [Memory].
type memorySnapshot struct {
	store  *Memory
	root   *node
	closed atomic.Bool
}

func (s *memorySnapshot) isClosed() bool { return s.closed.Load() || s.store.isClosed() }

func (s *memorySnapshot) Get(key []byte) ([]byte, error) {
	if s.isClosed() {
		return nil, ErrClosed
	}
	return s.root.get(key)
}

func (s *memorySnapshot) Scan(from, to []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if s.isClosed() {
			yield(Entry{}, ErrClosed)
			return
		}
		s.root.scan(from, to, s.isClosed, yield)
	}
}

func (s *memorySnapshot) Close() error {
	s.closed.Store(true)
	return nil
}
