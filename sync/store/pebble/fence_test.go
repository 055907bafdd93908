package pebble_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/faultfs"
)

// TestAfterAFailureTheDiskIsNotTouchedAndNobodyHangs has many writers turn memtables
// and logs over, and fails one operation, which would work if it were tried
// again. Everybody returns, nothing is created, renamed or removed after it, what was
// acknowledged can be read, and is there after a power loss.
func TestAfterAFailureTheDiskIsNotTouchedAndNobodyHangs(t *testing.T) {
	for _, kind := range []faultfs.Kind{faultfs.Create, faultfs.Write, faultfs.Sync, faultfs.Rename} {
		for _, nth := range []int{1, 3, 8} {
			t.Run(fmt.Sprintf("%s %d", kind, nth), func(t *testing.T) { failOne(t, kind, nth) })
		}
	}
}

func failOne(t *testing.T, kind faultfs.Kind, nth int) {
	fs := faultfs.New()
	s, err := openOn(fs)
	require.NoError(t, err)
	var seen, touched int
	fs.Inject(func(op faultfs.Operation) error {
		if seen >= nth && op.Kind != faultfs.Write && op.Kind != faultfs.Sync {
			touched++
		}
		if op.Kind == kind {
			if seen++; seen == nth {
				return syscall.EIO
			}
		}
		return nil
	})
	var acknowledged [64]int
	var failed atomic.Int64
	var wg sync.WaitGroup
	for w := range acknowledged {
		wg.Go(func() {
			for i := range 200 {
				var b store.Batch
				b.Put(fmt.Appendf(nil, "%02d", w), []byte(strconv.Itoa(i)))
				b.Put(fmt.Appendf(nil, "bulk/%02d/%03d", w, i), bulk(i))
				if err := s.Apply(&b, true); err != nil {
					failed.Add(1)
					return
				}
				acknowledged[w] = i
			}
		})
	}
	wg.Wait()
	for w, last := range acknowledged {
		value, err := s.Get(fmt.Appendf(nil, "bulk/%02d/%03d", w, last))
		if last > 0 {
			require.NoError(t, err, "reads go on")
			require.Equal(t, string(bulk(last)), string(value))
		}
	}
	_ = s.Close() // which may be where it fails
	if failed.Load() > 0 {
		require.Zero(t, touched, "operations after the failure")
	}
	after, err := fs.Restart()
	require.NoError(t, err)
	s, err = openOn(after)
	require.NoError(t, err)
	for w, last := range acknowledged {
		value, err := s.Get(fmt.Appendf(nil, "%02d", w))
		if last > 0 {
			require.NoError(t, err)
			n, err := strconv.Atoi(string(value))
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, last)
		}
	}
	require.NoError(t, s.Close())
}
