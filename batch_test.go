package joinery_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/store"
)

func TestABatchWritesEachDocumentByItself(t *testing.T) {
	a, b := duo(t)
	errBroke := errors.New("broke")
	batch := a.Batch()
	for i := range 5 {
		batch.Update(fmt.Sprint("account.", i), func(tx *joinery.Tx) error {
			report(t, tx.Counter("balance").Inc(background, int64(i)))
			report(t, tx.Register("owner").Set(background, i))
			if i == 3 {
				return errBroke
			}
			return nil
		})
	}
	batch.Update("a..bad..name", func(*joinery.Tx) error { return nil })
	require.Equal(t, 6, batch.Len())
	err := batch.Commit(background)
	var failed *joinery.BatchError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 6, failed.Of)
	require.Len(t, failed.Failed, 2)
	require.Equal(t, 3, failed.Failed[0].Index)
	require.Equal(t, "account.3", failed.Failed[0].Doc)
	require.Equal(t, joinery.NothingWritten, failed.Failed[0].Fate)
	require.ErrorIs(t, err, errBroke)
	require.ErrorIs(t, err, joinery.ErrName)
	require.ErrorContains(t, err, `joinery: batch: 2 of 6 updates failed; the first, number 3: joinery: document "account.3": broke`)
	settle(t, a, b)
	for i := range 5 {
		d := b.Doc(fmt.Sprint("account.", i))
		require.Equal(t, i != 3, d.Exists())
		if i != 3 {
			require.EqualValues(t, i, d.Counter("balance").Value())
		}
	}
	require.Zero(t, batch.Len())
	require.NoError(t, batch.Commit(background), "of nothing")
}

// slowDisk is a store that counts syncs, waits before them and fails, as told.
type slowDisk struct {
	store.Store
	syncs atomic.Int64
	held  atomic.Pointer[chan struct{}] // what to wait for
	err   atomic.Pointer[error]
}

func (s *slowDisk) Apply(b *store.Batch, sync bool) error {
	if held := s.held.Load(); held != nil {
		<-*held
	}
	if err := s.err.Load(); err != nil {
		return *err
	}
	if sync {
		s.syncs.Add(1)
	}
	return s.Store.Apply(b, sync)
}

// hold makes the disk wait until release is called.
func (s *slowDisk) hold() (release func()) {
	held := make(chan struct{})
	s.held.Store(&held)
	return func() {
		s.held.Store(nil)
		close(held)
	}
}

func TestABatchWaitsForTheDiskOnce(t *testing.T) {
	disk := &slowDisk{Store: store.NewMemory()}
	r := open(t, joinery.Config{Store: disk})
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	batch := r.Batch()
	for i := range 100 {
		batch.Update(fmt.Sprint("d.", i), func(tx *joinery.Tx) error { return tx.Register("v").Set(background, i) })
	}
	before := disk.syncs.Load()
	require.NoError(t, batch.Commit(background))
	require.LessOrEqual(t, disk.syncs.Load()-before, int64(3), "100 documents")
}

func TestABatchThatIsCancelledSaysWhatStands(t *testing.T) {
	r := alone(t)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	batch := r.Batch()
	for i := range 300 {
		batch.Update(fmt.Sprint("d.", i), func(tx *joinery.Tx) error {
			if i == 200 {
				cancel()
			}
			return tx.Register("v").Set(background, i)
		})
	}
	var failed *joinery.BatchError
	require.ErrorAs(t, batch.Commit(ctx), &failed)
	require.ErrorIs(t, failed, context.Canceled)
	missing := map[string]bool{}
	for _, f := range failed.Failed {
		require.Equal(t, joinery.NothingWritten, f.Fate)
		require.ErrorContains(t, f, "nothing was written: context canceled")
		missing[f.Doc] = true
	}
	require.NotEmpty(t, missing)
	for i := range 300 {
		name := fmt.Sprint("d.", i)
		require.Equal(t, !missing[name], r.Doc(name).Exists(), name)
	}
}
