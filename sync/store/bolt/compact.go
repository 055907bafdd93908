package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"

	engine "go.etcd.io/bbolt"

	"github.com/joinery-crdt/joinery/sync/store"
)

// compactBytes is how much is copied in one transaction.
const compactBytes = 4 << 20

// Compact implements [store.Store]. It copies all entries into a new file, which
// then takes the place of the old one; writers wait meanwhile. A damaged entry
// ends it, and the old file stays.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := errors.Join(ctx.Err(), s.failure()); err != nil {
		return err
	}
	next, err := s.copy(ctx)
	if err != nil {
		return err
	}
	return s.replace(next)
}

// copy returns a new file with all entries, which are on the disk.
func (s *Store) copy(ctx context.Context) (*file, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.end()
	next, err := s.openFile(newFileName, true)
	if err != nil {
		return nil, err
	}
	if err := v.copyTo(ctx, next); err != nil {
		return nil, s.drop(next, err)
	}
	next.db.NoSync = false
	return next, nil
}

// drop gives a new file up.
func (s *Store) drop(f *file, cause error) error {
	return errors.Join(cause, f.db.Close(), s.root.Remove(newFileName))
}

func (v *view) copyTo(ctx context.Context, to *file) error {
	var batch store.Batch
	flush := func() error {
		defer batch.Reset()
		return guard(func() error {
			return to.db.Update(func(tx *engine.Tx) error {
				b := tx.Bucket(bucketName)
				b.FillPercent = 0.95 // keys come in order
				return apply(b, &batch)
			})
		})
	}
	var failed error
	v.scan(nil, nil, v.store.gate.Closed, func(e store.Entry, err error) bool {
		if failed = errors.Join(err, ctx.Err()); failed != nil {
			return false
		}
		batch.Put(e.Key, e.Value)
		if batch.Bytes() >= compactBytes {
			failed = flush()
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	if err := errors.Join(flush(), to.db.Sync()); err != nil {
		return fmt.Errorf("store/bolt: cannot compact: %w", err)
	}
	return nil
}

// replace puts a new file in the place of the current one, which is closed when
// its last reader has left. Where the name was changed and that is not known to
// last, what is written next might be lost with it: the store is broken.
func (s *Store) replace(next *file) error {
	err := s.root.Rename(newFileName, fileName)
	if refused := (*os.LinkError)(nil); errors.As(err, &refused) {
		return s.drop(next, fmt.Errorf("store/bolt: cannot compact: %w", err))
	}
	if err != nil {
		err = s.fail(fmt.Errorf("cannot replace %s: %w", s.path(), err))
		return errors.Join(err, next.db.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current
	s.current = next
	s.closers.Go(func() { _ = old.close() }) // which nobody can read any more
	return nil
}
