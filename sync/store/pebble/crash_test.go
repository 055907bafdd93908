package pebble_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/conformance"
	"github.com/joinery-crdt/joinery/sync/store/faultfs"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

func TestPebbleOnAFaultyDiskConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Place { return onFaultyDisk(t) })
}

func onFaultyDisk(t *testing.T) conformance.Place {
	fs := faultfs.New()
	var s *pebble.Store
	return conformance.Place{
		Locks: true,
		Open: func() (store.Store, error) {
			next, err := openOn(fs)
			if err != nil {
				return nil, err
			}
			s = next
			return s, nil
		},
		Copy: func(t *testing.T) conformance.Place {
			t.Skip("a file system in memory has no stamps")
			return conformance.Place{}
		},
		Crash: func(seed uint64) {
			old := s
			fs.Crash()
			next, err := fs.RestartTorn(seed)
			require.NoError(t, err)
			fs = next
			_ = old.Close() // which says that the power is gone
		},
		FailWrites: func() { fs.Inject(refuse(faultfs.Sync, syscall.EIO)) },
	}
}

// refuse fails the operations of a kind.
func refuse(kind faultfs.Kind, err error) func(faultfs.Operation) error {
	return func(op faultfs.Operation) error {
		if op.Kind == kind {
			return err
		}
		return nil
	}
}

func openOn(fs *faultfs.FS) (*pebble.Store, error) {
	o := small
	o.FS = fs
	return pebble.Open("/data", o)
}

// The workload of the crash tests: numbered batches, each with a key of its own, one
// that all share and one that the batch after the next deletes, some large
// enough that memtables, logs and manifests turn over.
const (
	batches  = 500
	bulkSize = 3000
)

func numbered(i int) *store.Batch {
	var b store.Batch
	b.Put(fmt.Appendf(nil, "key/%06d", i), []byte(strconv.Itoa(i)))
	b.Put([]byte("last"), []byte(strconv.Itoa(i)))
	b.Put(fmt.Appendf(nil, "bulk/%06d", i), bulk(i))
	if i > 0 {
		b.DeleteRange([]byte("bulk/"), fmt.Appendf(nil, "bulk/%06d", i-1))
	}
	return &b
}

func bulk(i int) []byte {
	value := make([]byte, i*7919%bulkSize)
	for j := range value {
		value[j] = byte(i*31 + j*j)
	}
	return value
}

// apply runs the workload from a number on and returns the number of batches that
// were acknowledged, and the error that ended it.
func apply(s *pebble.Store, from int) (int, error) {
	for i := from; i < batches; i++ {
		if err := s.Apply(numbered(i), true); err != nil {
			return i, err
		}
	}
	return batches, nil
}

// check returns how many of the batches are there. They must be a prefix, each
// whole, with all that were acknowledged and at most one more.
func check(s *pebble.Store, acknowledged int) (int, error) {
	n, err := checkPrefix(s)
	if err == nil && (n < acknowledged || n > acknowledged+1) {
		err = fmt.Errorf("%d batches, and %d were acknowledged", n, acknowledged)
	}
	return n, err
}

// checkPrefix returns how many of the batches are there, which must be a prefix.
func checkPrefix(s *pebble.Store) (int, error) {
	n := 0
	for e, err := range s.Scan([]byte("key/"), []byte("key0")) {
		if err != nil {
			return 0, err
		}
		if string(e.Key) != fmt.Sprintf("key/%06d", n) || string(e.Value) != strconv.Itoa(n) {
			return 0, fmt.Errorf("%s = %s where batch %d should be", e.Key, e.Value, n)
		}
		n++
	}
	return n, checkRest(s, n)
}

// checkRest looks at what else the last two of n batches wrote.
func checkRest(s *pebble.Store, n int) error {
	if last, err := s.Get([]byte("last")); n > 0 && string(last) != strconv.Itoa(n-1) {
		return fmt.Errorf("the last of %d batches calls itself %q: %w", n, last, err)
	}
	at := max(n-2, 0)
	for e, err := range s.Scan([]byte("bulk/"), []byte("bulk0")) {
		if err != nil {
			return err
		}
		if string(e.Key) != fmt.Sprintf("bulk/%06d", at) || string(e.Value) != string(bulk(at)) {
			return fmt.Errorf("%s where the bulk of batch %d should be", e.Key, at)
		}
		at++
	}
	if at != n {
		return fmt.Errorf("bulk up to batch %d of %d", at, n)
	}
	return nil
}

// crashAt runs the workload until the power goes at an operation. It returns the
// disk and the number of batches that were acknowledged.
func crashAt(fs *faultfs.FS, operation int) (int, error) {
	fs.CrashAt(operation)
	s, err := openOn(fs)
	if err != nil {
		return 0, expect(err, faultfs.ErrPowerLoss)
	}
	n, err := apply(s, 0)
	if err == nil {
		_ = s.Close() // which may be where the power goes
		return n, nil
	}
	return n, errors.Join(expect(err, store.ErrFailed), expect(s.Sync(), store.ErrFailed), s.Close())
}

func expect(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return fmt.Errorf("not %q but %w", target, err)
}

// recoverFrom opens the store on a disk, checks it, and goes on writing.
func recoverFrom(fs *faultfs.FS, acknowledged int) error {
	s, err := openOn(fs)
	if err != nil {
		return fmt.Errorf("after %d batches: %w", acknowledged, err)
	}
	n, err := check(s, acknowledged)
	if err == nil && n < batches {
		err = s.Apply(numbered(n), true)
	}
	return errors.Join(err, s.Close())
}

// operations returns how many operations the workload takes.
func operations(t *testing.T) int {
	fs := faultfs.New()
	n, err := crashAt(fs, -1)
	require.NoError(t, err)
	require.Equal(t, batches, n)
	return fs.Operations()
}

// long returns a number from the environment, or the usual one.
func long(t *testing.T, name string, usual int) int {
	if text := os.Getenv(name); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	return usual
}

// TestAPowerLossAtEveryOperationLosesNothing runs the workload once for each
// operation, loses the power there, and with it all that was not synced.
func TestAPowerLossAtEveryOperationLosesNothing(t *testing.T) {
	total := operations(t)
	step := long(t, "JOINERY_CRASH_STEP", 13)
	if testing.Short() {
		step = 97
	}
	for at := 0; at < total; at += step {
		fs := faultfs.New()
		n, err := crashAt(fs, at)
		require.NoError(t, err, "operation %d", at)
		after, err := fs.Restart()
		require.NoError(t, err)
		require.NoError(t, recoverFrom(after, n), "operation %d of %d", at, total)
	}
	t.Logf("every %d. of %d operations", step, total)
}

// TestATornDiskLosesNothing keeps a part of what was not synced, down to the byte.
func TestATornDiskLosesNothing(t *testing.T) {
	total := operations(t)
	seeds := long(t, "JOINERY_TORN_CRASHES", 300)
	if testing.Short() {
		seeds = 40
	}
	const perRun = 20 // disks torn from one run
	for seed := 0; seed < seeds; seed += perRun {
		at := seed * 7919 % total
		fs := faultfs.New()
		n, err := crashAt(fs, at)
		require.NoError(t, err, "operation %d", at)
		for i := range min(perRun, seeds-seed) {
			after, err := fs.RestartTorn(uint64(seed + i))
			require.NoError(t, err)
			require.NoError(t, recoverFrom(after, n), "seed %d, operation %d of %d", seed+i, at, total)
		}
	}
	t.Logf("%d torn disks", seeds)
}

// TestATornStartCanBeStartedAgain tears the disk while a store is made, where Pebble
// trusts names to reach the disk in order.
func TestATornStartCanBeStartedAgain(t *testing.T) {
	for at := range 45 {
		fs := faultfs.New()
		n, err := crashAt(fs, at)
		require.NoError(t, err, "operation %d", at)
		for seed := range uint64(10) {
			after, err := fs.RestartTorn(seed)
			require.NoError(t, err)
			require.NoError(t, recoverFrom(after, n), "seed %d, operation %d", seed, at)
		}
	}
}

// TestAFailedSyncIsNeverAcknowledged fails each sync of the log in turn, once: the
// syncs after it would succeed.
func TestAFailedSyncIsNeverAcknowledged(t *testing.T) {
	for nth := 0; nth < batches; nth += 25 {
		fs := faultfs.New()
		s, err := openOn(fs)
		require.NoError(t, err)
		seen := 0
		fs.Inject(func(op faultfs.Operation) error {
			if op.Kind == faultfs.Sync && strings.HasSuffix(op.Name, ".log") {
				if seen++; seen == nth+1 {
					return syscall.EIO
				}
			}
			return nil
		})
		n, err := apply(s, 0)
		require.ErrorIs(t, err, store.ErrFailed)
		require.ErrorIs(t, err, syscall.EIO)
		require.Less(t, n, batches)
		require.ErrorIs(t, s.Apply(numbered(n), false), store.ErrFailed)
		require.ErrorIs(t, s.Sync(), store.ErrFailed)
		last, err := s.Get([]byte("key/000000"))
		if n > 0 {
			require.NoError(t, err, "reads go on")
			require.Equal(t, "0", string(last))
		}
		require.NoError(t, s.Close())
		after, err := fs.Restart()
		require.NoError(t, err)
		require.NoError(t, recoverFrom(after, n), "sync %d", nth)
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	for _, room := range []int64{0, 1, 5_000, 100_000, 300_000, 600_000} {
		fs := faultfs.New()
		s, err := openOn(fs)
		require.NoError(t, err)
		fs.LimitSpace(room)
		n, err := apply(s, 0)
		require.ErrorIs(t, err, store.ErrFailed, "room for %d", room)
		require.ErrorIs(t, err, syscall.ENOSPC)
		for i := range n {
			_, err := s.Get(fmt.Appendf(nil, "key/%06d", i))
			require.NoError(t, err, "reads go on")
		}
		require.NoError(t, s.Close())
		fs.LimitSpace(-1)
		require.NoError(t, recoverFrom(fs, n))
	}
}

// TestALyingDiskLosesTheTail shows what no store can help: but what is left is a
// prefix all the same, where the tables and their list survive together.
func TestALyingDiskLosesTheTail(t *testing.T) {
	fs := faultfs.New()
	s, err := openOn(fs)
	require.NoError(t, err)
	require.NoError(t, s.Apply(numbered(0), true))
	fs.LieAboutSync(true)
	for i := 1; i < 20; i++ {
		require.NoError(t, s.Apply(numbered(i), true))
	}
	after, err := fs.Restart()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, recoverFrom(after, 1))
}

// TestAFullDiskDoesNotHoldUpOpen: opening waited for a compaction that waited for
// the opening to end.
func TestAFullDiskDoesNotHoldUpOpen(t *testing.T) {
	full := 0
	for space := int64(0); space < 40_000; space += 1_000 {
		fs := faultfs.New()
		s, err := openOn(fs)
		require.NoError(t, err)
		_, err = apply(s, 0)
		require.NoError(t, err)
		fs.Crash()
		_ = s.Close()
		fs, err = fs.Restart()
		require.NoError(t, err)
		fs.LimitSpace(space)
		opened := make(chan error, 1)
		go func() {
			s, err := openOn(fs)
			if err == nil {
				err = s.Close()
			}
			opened <- err
		}()
		select {
		case err := <-opened:
			if err != nil {
				full++
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("opening with %d bytes left does not end", space)
		}
	}
	require.Positive(t, full)
}
