package conformance

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
)

func testSnapshot(t *testing.T, b *bench) {
	b.put("a", "1", "b", "2")
	s, err := b.store.Snapshot()
	require.NoError(t, err)
	var c store.Batch
	c.DeleteRange(nil, nil)
	c.Put([]byte("c"), []byte("3"))
	require.NoError(t, b.store.Apply(&c, true))
	b.wants(s, "a", "1")
	b.lacks(s, "c")
	require.Equal(t, []string{"a", "1", "b", "2"}, b.list(s, "", ""))
	require.Equal(t, []string{"b", "2"}, b.list(s, "b", ""))
	require.Equal(t, []string{"c", "3"}, b.list(b.store, "", ""))
	require.NoError(t, s.Close())
}

func testSnapshotClosed(t *testing.T, b *bench) {
	b.put("a", "1")
	for _, closer := range []func(store.Snapshot) error{
		store.Snapshot.Close,
		func(store.Snapshot) error { return b.store.Close() },
	} {
		s, err := b.store.Snapshot()
		require.NoError(t, err)
		require.NoError(t, closer(s))
		_, err = s.Get([]byte("a"))
		require.ErrorIs(t, err, store.ErrClosed)
		require.ErrorIs(t, scanError(s), store.ErrClosed)
		require.NoError(t, s.Close(), "a second time")
	}
}

// testAtomicForReaders moves a hundred keys from one number to the next.
func testAtomicForReaders(t *testing.T, b *bench) {
	const keys, rounds = 100, 50
	write := func(round int) {
		var c store.Batch
		c.DeleteRange(nil, nil)
		for i := range keys {
			c.Put(fmt.Appendf(nil, "%03d", i), strconv.AppendInt(nil, int64(round), 10))
		}
		require.NoError(t, b.store.Apply(&c, false))
	}
	write(0)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					checkOneRound(t, b.store, keys)
				}
			}
		})
	}
	for round := range rounds {
		write(round)
	}
	close(done)
	wg.Wait()
}

func checkOneRound(t *testing.T, r store.Reader, keys int) {
	seen := map[string]int{}
	for e, err := range r.Scan(nil, nil) {
		if err != nil {
			t.Error(err)
			return
		}
		seen[string(e.Value)]++
	}
	if len(seen) != 1 {
		t.Errorf("values of %d batches at once: %v", len(seen), seen)
	}
	for _, n := range seen {
		if n != keys {
			t.Errorf("%d keys of %d", n, keys)
		}
	}
}

func testConcurrentSync(t *testing.T, b *bench) {
	const writers, each = 16, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := b.store.Apply(batch(fmt.Sprintf("%02d/%02d", w, i), "v", fmt.Sprintf("last/%02d", w), strconv.Itoa(i)), true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.reopen()
	require.Len(t, b.list(b.store, "", "last"), 2*writers*each)
	for w := range writers {
		b.wants(b.store, fmt.Sprintf("last/%02d", w), strconv.Itoa(each-1))
	}
}

func testReopen(t *testing.T, b *bench) {
	require.NoError(t, b.store.Apply(batch("a", "1"), true))
	b.put("b", "2")
	require.NoError(t, b.store.Sync())
	b.reopen()
	require.Equal(t, []string{"a", "1", "b", "2"}, b.list(b.store, "", ""))
	require.NoError(t, b.store.Apply(batch("c", "3"), true))
	b.reopen()
	require.Equal(t, []string{"a", "1", "b", "2", "c", "3"}, b.list(b.store, "", ""))
}

func testCleanClose(t *testing.T, b *bench) {
	b.put("a", "1")
	b.reopen()
	b.wants(b.store, "a", "1")
}

func testCompact(t *testing.T, b *bench) {
	value := string(make([]byte, 4<<10))
	for i := range 500 {
		b.put(fmt.Sprintf("%04d", i), value)
	}
	require.NoError(t, b.store.Sync())
	var c store.Batch
	c.DeleteRange([]byte("0010"), nil)
	require.NoError(t, b.store.Apply(&c, true))
	require.NoError(t, b.store.Compact(context.Background()))
	u, err := b.store.Usage()
	require.NoError(t, err)
	require.Positive(t, u.Bytes)
	require.Less(t, u.Bytes-u.Free, int64(500*len(value)/2), "what is left of %d bytes", 500*len(value))
	require.Len(t, b.list(b.store, "", ""), 2*10)
	b.put("z", "still writable")
	b.reopen()
	require.Len(t, b.list(b.store, "", ""), 2*11)
}

func testCompactCancelled(t *testing.T, b *bench) {
	b.put("a", "1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, b.store.Compact(ctx), context.Canceled)
	b.put("b", "2")
	require.Equal(t, []string{"a", "1", "b", "2"}, b.list(b.store, "", ""))
}

func testLocked(t *testing.T, b *bench) {
	if !b.place.Locks {
		t.Skip("this engine has nothing to lock")
	}
	_, err := b.place.Open()
	require.ErrorIs(t, err, store.ErrLocked)
	b.put("a", "1")
	b.reopen()
	b.wants(b.store, "a", "1")
}

func (b *bench) origin() string {
	b.Helper()
	o, err := b.store.Origin()
	require.NoError(b, err)
	require.NotEmpty(b, o)
	return o
}

func testOrigin(t *testing.T, b *bench) {
	b.put("a", "1")
	first := b.origin()
	require.NoError(t, b.store.Close())
	moved := newBench(t, b.place.Copy(t))
	moved.wants(moved.store, "a", "1")
	require.NotEqual(t, first, moved.origin())
	b.open()
	require.Equal(t, first, b.origin())
}

func testNewOrigin(t *testing.T, b *bench) {
	first := b.origin()
	second, err := b.store.NewOrigin()
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.Equal(t, second, b.origin())
	b.reopen()
	require.Equal(t, second, b.origin())
}

func testClosed(t *testing.T, b *bench) {
	b.put("a", "1")
	require.NoError(t, b.store.Close())
	require.NoError(t, b.store.Close(), "a second time")
	require.ErrorIs(t, b.store.Apply(batch("b", "2"), false), store.ErrClosed)
	require.ErrorIs(t, b.store.Apply(batch("b", "2"), true), store.ErrClosed)
	require.ErrorIs(t, b.store.Sync(), store.ErrClosed)
	require.ErrorIs(t, b.store.Compact(context.Background()), store.ErrClosed)
	require.ErrorIs(t, scanError(b.store), store.ErrClosed)
	for _, read := range []func() error{
		func() error { _, err := b.store.Get([]byte("a")); return err },
		func() error { _, err := b.store.Snapshot(); return err },
		func() error { _, err := b.store.Usage(); return err },
		func() error { _, err := b.store.Origin(); return err },
		func() error { _, err := b.store.NewOrigin(); return err },
	} {
		require.ErrorIs(t, read(), store.ErrClosed)
	}
}

// testScanClosed closes the store while a scan stands at its first entry.
func testScanClosed(t *testing.T, b *bench) {
	b.put("a", "1", "b", "2", "c", "3")
	closed := make(chan error, 1)
	var last error
	entries := 0
	for _, err := range b.store.Scan(nil, nil) {
		last = err
		if err != nil {
			break
		}
		if entries++; entries == 1 {
			go func() { closed <- b.store.Close() }()
			waitClosed(b)
		}
	}
	require.ErrorIs(t, last, store.ErrClosed)
	require.Equal(t, 1, entries)
	require.NoError(t, <-closed)
}

// waitClosed returns when the store has begun to close.
func waitClosed(b *bench) {
	for {
		if _, err := b.store.Usage(); err != nil {
			return
		}
		runtime.Gosched()
	}
}
