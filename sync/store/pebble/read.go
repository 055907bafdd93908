package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/internal/gate"
)

// Get implements [store.Store].
func (s *Store) Get(key []byte) ([]byte, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	return s.get(s.db, key)
}

func (s *Store) get(from engine.Reader, key []byte) ([]byte, error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, s.readError(key, err)
	}
	owned := append([]byte{}, value...)
	return owned, closer.Close()
}

// Scan implements [store.Store].
func (s *Store) Scan(from, to []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := s.gate.Enter(); err != nil {
			yield(store.Entry{}, err)
			return
		}
		defer s.gate.Leave()
		s.scan(s.db, from, to, s.gate.Closed, yield)
	}
}

// scan yields a range of a reader until it is closed.
func (s *Store) scan(r engine.Reader, from, to []byte, closed func() bool, yield func(store.Entry, error) bool) {
	var bounds engine.IterOptions
	if len(from) > 0 {
		bounds.LowerBound = from
	}
	if len(to) > 0 {
		if bytes.Compare(from, to) >= 0 {
			return
		}
		bounds.UpperBound = to
	}
	it, err := r.NewIter(&bounds)
	if err != nil {
		yield(store.Entry{}, s.readError(nil, err))
		return
	}
	defer it.Close()
	var last []byte
	for ok := it.First(); ok; ok = it.Next() {
		if closed() {
			yield(store.Entry{Key: last}, store.ErrClosed)
			return
		}
		last = append(last[:0], it.Key()...)
		value, err := it.ValueAndErr()
		if err != nil {
			yield(store.Entry{Key: last}, s.readError(last, err))
			return
		}
		if !yield(store.Entry{Key: last, Value: value}, nil) {
			return
		}
	}
	if err := it.Error(); err != nil {
		yield(store.Entry{Key: last}, s.readError(last, err))
	}
}

// readError returns an error of the engine's as one of ours.
func (s *Store) readError(key []byte, err error) error {
	if !engine.IsCorruptionError(err) {
		return fmt.Errorf("store/pebble: %w", err)
	}
	corrupt := &store.CorruptError{Key: bytes.Clone(key), Err: plainError{err}}
	if info := engine.ExtractDataCorruptionInfo(err); info != nil {
		corrupt.File = info.Path
	}
	return corrupt
}

// carrier is the text of the part of an error that only carries details.
const carrier = "\n<corruption detail carrier>"

// plainError is an error of the engine's without that text.
type plainError struct{ error }

func (e plainError) Error() string { return strings.ReplaceAll(e.error.Error(), carrier, "") }

func (e plainError) Unwrap() error { return e.error }

// snapshot is a [store.Snapshot]. Whoever is inside its gate is inside the
// store's, too, so that closing the store ends its scans.
type snapshot struct {
	store *Store
	at    *engine.Snapshot
	gate  gate.Gate
}

// Snapshot implements [store.Store].
func (s *Store) Snapshot() (store.Snapshot, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	n := &snapshot{store: s, at: s.db.NewSnapshot()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots[n] = struct{}{}
	return n, nil
}

func (n *snapshot) enter() error {
	if err := n.store.gate.Enter(); err != nil {
		return err
	}
	if err := n.gate.Enter(); err != nil {
		n.store.gate.Leave()
		return err
	}
	return nil
}

func (n *snapshot) leave() {
	n.gate.Leave()
	n.store.gate.Leave()
}

func (n *snapshot) closed() bool { return n.gate.Closed() || n.store.gate.Closed() }

func (n *snapshot) Get(key []byte) ([]byte, error) {
	if err := n.enter(); err != nil {
		return nil, err
	}
	defer n.leave()
	return n.store.get(n.at, key)
}

func (n *snapshot) Scan(from, to []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := n.enter(); err != nil {
			yield(store.Entry{}, err)
			return
		}
		defer n.leave()
		n.store.scan(n.at, from, to, n.closed, yield)
	}
}

// Close implements [store.Snapshot]. A store that is being closed does it itself.
func (n *snapshot) Close() error {
	if n.store.gate.Enter() != nil {
		return nil
	}
	defer n.store.gate.Leave()
	if !n.gate.Close() {
		return nil
	}
	n.store.mu.Lock()
	delete(n.store.snapshots, n)
	n.store.mu.Unlock()
	return n.at.Close()
}
