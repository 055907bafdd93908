package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	engine "go.etcd.io/bbolt"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/internal/gate"
)

// view is a transaction that reads one moment of a file.
type view struct {
	store *Store
	file  *file
	tx    *engine.Tx
}

// view begins a transaction on the current file, which is not closed before it
// ends. The caller is inside the store's gate.
func (s *Store) view() (*view, error) {
	s.mu.Lock()
	v := &view{store: s, file: s.current}
	err := v.file.gate.Enter()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	err = guard(func() (err error) {
		v.tx, err = v.file.db.Begin(false)
		return err
	})
	if err != nil {
		v.file.gate.Leave()
		return nil, s.readError(nil, err)
	}
	return v, nil
}

func (v *view) end() {
	_ = v.tx.Rollback() // of a reader: it fails only if it was ended before
	v.file.gate.Leave()
}

func (v *view) bucket() (*engine.Bucket, error) {
	if b := v.tx.Bucket(bucketName); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%w: no entries", errPanic)
}

func (v *view) get(key []byte) (value []byte, err error) {
	err = guard(func() error {
		b, err := v.bucket()
		if err != nil {
			return err
		}
		sealed := b.Get(key)
		if sealed == nil {
			return store.ErrNotFound
		}
		value, err = unseal([]byte{}, key, sealed)
		return err
	})
	return value, v.store.readError(key, err)
}

// readError returns an error of a read as one of ours.
func (s *Store) readError(key []byte, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return store.ErrNotFound
	case errors.Is(err, errPanic), errors.Is(err, errChecksum):
		return &store.CorruptError{File: s.path(), Key: bytes.Clone(key), Err: err}
	default:
		return fmt.Errorf("store/bolt: %w", err)
	}
}

// cursor walks a range. Its entry is copied out of the mapped file.
type cursor struct {
	at    *engine.Cursor
	to    []byte
	entry store.Entry
}

// step moves to the first entry at or after a key, or to the next if the key is
// nil, and says whether there is one within the range.
func (c *cursor) step(seek []byte) (ok bool, err error) {
	err = guard(func() error {
		var key, sealed []byte
		if seek == nil {
			key, sealed = c.at.Next()
		} else {
			key, sealed = c.at.Seek(seek)
		}
		if key == nil || (len(c.to) > 0 && bytes.Compare(key, c.to) >= 0) {
			return nil
		}
		ok = true
		c.entry.Key = append(c.entry.Key[:0], key...)
		value, err := unseal(c.entry.Value[:0], key, sealed)
		c.entry.Value = value
		return err
	})
	return ok, err
}

func (v *view) scan(from, to []byte, closed func() bool, yield func(store.Entry, error) bool) {
	c := cursor{to: to}
	err := guard(func() error {
		b, err := v.bucket()
		if err == nil {
			c.at = b.Cursor()
		}
		return err
	})
	seek := append([]byte{}, from...)
	for ok := true; err == nil; seek = nil {
		if ok, err = c.step(seek); err != nil || !ok {
			break
		}
		if closed() {
			yield(store.Entry{Key: c.entry.Key}, store.ErrClosed)
			return
		}
		if !yield(c.entry, nil) {
			return
		}
	}
	if err != nil {
		yield(store.Entry{Key: c.entry.Key}, v.store.readError(c.entry.Key, err))
	}
}

// Get implements [store.Store].
func (s *Store) Get(key []byte) ([]byte, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.end()
	return v.get(key)
}

// Scan implements [store.Store].
func (s *Store) Scan(from, to []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := s.gate.Enter(); err != nil {
			yield(store.Entry{}, err)
			return
		}
		defer s.gate.Leave()
		v, err := s.view()
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		defer v.end()
		v.scan(from, to, s.gate.Closed, yield)
	}
}

// snapshot is a [store.Snapshot]. Whoever is inside its gate is inside the
// store's, too, so that closing the store ends its scans.
type snapshot struct {
	view *view
	gate gate.Gate
}

// Snapshot implements [store.Store].
func (s *Store) Snapshot() (store.Snapshot, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	n := &snapshot{view: v}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots[n] = struct{}{}
	return n, nil
}

func (n *snapshot) enter() error {
	if err := n.view.store.gate.Enter(); err != nil {
		return err
	}
	if err := n.gate.Enter(); err != nil {
		n.view.store.gate.Leave()
		return err
	}
	return nil
}

func (n *snapshot) leave() {
	n.gate.Leave()
	n.view.store.gate.Leave()
}

func (n *snapshot) closed() bool { return n.gate.Closed() || n.view.store.gate.Closed() }

func (n *snapshot) Get(key []byte) ([]byte, error) {
	if err := n.enter(); err != nil {
		return nil, err
	}
	defer n.leave()
	return n.view.get(key)
}

func (n *snapshot) Scan(from, to []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := n.enter(); err != nil {
			yield(store.Entry{}, err)
			return
		}
		defer n.leave()
		n.view.scan(from, to, n.closed, yield)
	}
}

// Close implements [store.Snapshot]. A store that is being closed does it itself.
func (n *snapshot) Close() error {
	s := n.view.store
	if s.gate.Enter() != nil {
		return nil
	}
	defer s.gate.Leave()
	if n.gate.Close() {
		s.mu.Lock()
		delete(s.snapshots, n)
		s.mu.Unlock()
		n.view.end()
	}
	return nil
}

// end closes the snapshot with its store, where nobody is inside.
func (n *snapshot) end() {
	n.gate.Close()
	n.view.end()
}
