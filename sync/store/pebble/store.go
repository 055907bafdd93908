package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/internal/gate"
	"github.com/joinery-crdt/joinery/sync/store/internal/home"
)

// Store is a [store.Store]. It comes from [Open].
type Store struct {
	dir   string
	own   files
	lock  *engine.Lock
	db    *engine.DB
	fence *fence
	gate  gate.Gate

	wedged atomic.Bool // the engine panicked in a write

	mu        sync.Mutex
	snapshots map[*snapshot]struct{} // those that are open
}

var _ store.Store = (*Store)(nil)

// beyond follows every key.
var beyond = bytes.Repeat([]byte{0xff}, store.MaxKey+1)

// Apply implements [store.Store].
func (s *Store) Apply(b *store.Batch, sync bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	if b.Len() == 0 && sync {
		return s.Sync()
	}
	return s.write(func() error {
		batch := s.db.NewBatchWithSize(b.Bytes())
		if err := translate(b, batch); err != nil {
			return err
		}
		if err := s.db.Apply(batch, &engine.WriteOptions{Sync: sync}); err != nil {
			return err
		}
		return batch.Close()
	})
}

// translate copies a batch into one of the engine's.
func translate(b *store.Batch, to *engine.Batch) error {
	for c := range b.Changes() {
		var err error
		switch c.Kind {
		case store.KindPut:
			err = to.Set(c.Key, c.Value, nil)
		case store.KindDelete:
			err = to.Delete(c.Key, nil)
		case store.KindDeleteRange:
			err = deleteRange(to, c.Key, c.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func deleteRange(to *engine.Batch, from, end []byte) error {
	if len(end) == 0 {
		end = beyond
	}
	if bytes.Compare(from, end) >= 0 {
		return nil
	}
	return to.DeleteRange(from, end, nil)
}

// write makes a change if the store is whole, and says whether it still was when
// the change was done. A panic of the engine's breaks it.
func (s *Store) write(do func() error) (err error) {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.fence.failure(); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			s.wedged.Store(true)
			s.fence.fail(fmt.Errorf("panic: %v", r))
			err = s.fence.failure()
		}
	}()
	if err := do(); err != nil {
		s.fence.fail(err)
	}
	return s.fence.failure()
}

// Sync implements [store.Store].
func (s *Store) Sync() error {
	return s.write(func() error { return s.db.LogData(nil, engine.Sync) })
}

// Compact implements [store.Store].
func (s *Store) Compact(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := errors.Join(ctx.Err(), s.fence.failure()); err != nil {
		return err
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-s.fence.gone:
			cancel()
		case <-done:
		}
	}()
	err := s.db.Compact(within, nil, beyond, false)
	if broken := s.fence.failure(); broken != nil {
		return broken
	}
	if err != nil && ctx.Err() == nil {
		return s.readError(nil, err)
	}
	return err
}

// Usage implements [store.Store].
func (s *Store) Usage() (store.Usage, error) {
	if err := s.gate.Enter(); err != nil {
		return store.Usage{}, err
	}
	defer s.gate.Leave()
	m := s.db.Metrics()
	free := m.WAL.ObsoletePhysicalSize + m.Table.Local.ObsoleteSize + m.Table.Local.ZombieSize +
		m.BlobFiles.Local.ObsoleteSize + m.BlobFiles.Local.ZombieSize
	return store.Usage{Bytes: int64(m.DiskSpaceUsage()), Free: int64(free)}, nil
}

// Origin implements [store.Store].
func (s *Store) Origin() (string, error) {
	if err := s.gate.Enter(); err != nil {
		return "", err
	}
	defer s.gate.Leave()
	return home.Origin(s.own)
}

// NewOrigin implements [store.Store].
func (s *Store) NewOrigin() (string, error) {
	if err := s.gate.Enter(); err != nil {
		return "", err
	}
	defer s.gate.Leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fence.failure(); err != nil {
		return "", err
	}
	return home.NewOrigin(s.own)
}

// Close implements [store.Store]. An engine that panicked may hold its locks: it
// is left behind.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	broken := s.fence.failure() != nil
	s.fence.release()
	if s.wedged.Load() {
		return s.lock.Close()
	}
	var err error
	for n := range s.snapshots {
		err = errors.Join(err, n.at.Close())
	}
	err = errors.Join(err, s.db.Close(), s.lock.Close())
	if broken {
		return nil
	}
	return errors.Join(err, s.fence.failure())
}
