package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sync"

	engine "go.etcd.io/bbolt"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/internal/gate"
	"github.com/joinery-crdt/joinery/sync/store/internal/home"
)

// Bounds of what is done at once.
const (
	maxGroupBytes  = 16 << 20 // of batches in one transaction, but for a larger one
	deletionsAhead = 1000     // keys that a deletion of a range collects
)

// Store is a [store.Store]. It comes from [Open].
type Store struct {
	dir     string
	root    *home.Root
	options Options
	gate    gate.Gate
	closers sync.WaitGroup // files that were replaced and are still read

	writing sync.Mutex // held by who writes, for the whole group

	mu        sync.Mutex // guards what follows, for moments
	current   *file
	queue     []*request
	failed    error
	snapshots map[*snapshot]struct{}
}

var _ store.Store = (*Store)(nil)

// request is a batch that waits to be written.
type request struct {
	batch *store.Batch
	done  bool
	err   error
}

// Apply implements [store.Store]. It is durable with sync or without.
func (s *Store) Apply(b *store.Batch, _ bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	r := &request{batch: b}
	s.mu.Lock()
	s.queue = append(s.queue, r)
	s.mu.Unlock()

	s.writing.Lock()
	defer s.writing.Unlock()
	for !r.done {
		s.writeGroup()
	}
	return r.err
}

// writeGroup writes the oldest requests in one transaction. Whoever waits for
// writing next finds its request done.
func (s *Store) writeGroup() {
	group := s.takeGroup()
	err := s.failure()
	if err == nil {
		if err = s.transact(group); err != nil {
			err = s.fail(err)
		}
	}
	for _, r := range group {
		r.done, r.err = true, err
	}
}

func (s *Store) takeGroup() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && (n == 0 || size+s.queue[n].batch.Bytes() <= maxGroupBytes) {
		size += s.queue[n].batch.Bytes()
		n++
	}
	group := s.queue[:n:n]
	s.queue = s.queue[n:]
	return group
}

func (s *Store) transact(group []*request) error {
	return guard(func() error {
		return s.file().db.Update(func(tx *engine.Tx) error {
			for _, r := range group {
				if err := apply(tx.Bucket(bucketName), r.batch); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func apply(to *engine.Bucket, b *store.Batch) error {
	for c := range b.Changes() {
		var err error
		switch c.Kind {
		case store.KindPut:
			err = to.Put(c.Key, seal(c.Key, c.Value))
		case store.KindDelete:
			err = to.Delete(c.Key)
		case store.KindDeleteRange:
			err = deleteRange(to, c.Key, c.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteRange collects keys and then deletes them: deleting moves cursors.
func deleteRange(to *engine.Bucket, from, end []byte) error {
	for {
		var keys [][]byte
		c := to.Cursor()
		for k, _ := c.Seek(from); k != nil && len(keys) < deletionsAhead; k, _ = c.Next() {
			if len(end) > 0 && bytes.Compare(k, end) >= 0 {
				break
			}
			keys = append(keys, bytes.Clone(k))
		}
		for _, k := range keys {
			if err := to.Delete(k); err != nil {
				return err
			}
		}
		if len(keys) < deletionsAhead {
			return nil
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// seal puts a checksum in front of a value.
func seal(key, value []byte) []byte {
	sealed := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(value)), checksum(key, value))
	return append(sealed, value...)
}

var errChecksum = errors.New("checksum mismatch")

// unseal appends the value to a buffer, if it is what was written.
func unseal(buffer, key, sealed []byte) ([]byte, error) {
	if len(sealed) < 4 || binary.LittleEndian.Uint32(sealed) != checksum(key, sealed[4:]) {
		return nil, errChecksum
	}
	return append(buffer, sealed[4:]...), nil
}

func (s *Store) file() *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *Store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *Store) fail(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = store.Failed(cause)
	}
	return s.failed
}

// Sync implements [store.Store]. What was applied is durable already.
func (s *Store) Sync() error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.failure()
}

// Usage implements [store.Store].
func (s *Store) Usage() (store.Usage, error) {
	if err := s.gate.Enter(); err != nil {
		return store.Usage{}, err
	}
	defer s.gate.Leave()
	f := s.file()
	info, err := f.os.Stat()
	if err != nil {
		return store.Usage{}, fmt.Errorf("store/bolt: %w", err)
	}
	stats := f.db.Stats()
	free := int64(stats.FreePageN+stats.PendingPageN) * int64(f.db.Info().PageSize)
	return store.Usage{Bytes: info.Size(), Free: min(free, info.Size())}, nil
}

// Origin implements [store.Store].
func (s *Store) Origin() (string, error) {
	if err := s.gate.Enter(); err != nil {
		return "", err
	}
	defer s.gate.Leave()
	return home.Origin(s.root)
}

// NewOrigin implements [store.Store].
func (s *Store) NewOrigin() (string, error) {
	if err := s.gate.Enter(); err != nil {
		return "", err
	}
	defer s.gate.Leave()
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.failure(); err != nil {
		return "", err
	}
	return home.NewOrigin(s.root)
}

// Close implements [store.Store].
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	for n := range s.snapshots {
		n.end()
	}
	s.closers.Wait()
	err := errors.Join(s.current.close(), s.root.Close())
	if s.failed != nil {
		return nil
	}
	return err
}

func (s *Store) path() string { return filepath.Join(s.dir, fileName) }
