// Package conformance holds the tests that every store passes.
//
// An implementation calls [Run] from a test with a [Factory] of places to keep a
// store in. Each sentence of the contract in package store is a subtest here.
// What an engine has no seam for (a power loss, a failing disk) is left out for
// it, and its own tests say how it is shown there.
package conformance

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/sync/store"
)

// Place is where one store lives for the length of one subtest.
type Place struct {
	// Open opens the store, the first time an empty one.
	Open func() (store.Store, error)
	// Copy returns a place with a copy of the files of this one, whose store is
	// closed.
	Copy func(t *testing.T) Place
	// Locks says that a second Open is refused while the store is open.
	Locks bool
	// Crash takes the power from the open store, which is not used after that. The
	// next Open finds what was synced and a part of the rest that the seed
	// chooses. It is nil if the engine has no seam for it.
	Crash func(seed uint64)
	// FailWrites makes the writes to the disk fail from now on. It is nil if the
	// engine has no seam for it.
	FailWrites func()
}

// Factory makes a place for one subtest. What it holds ends in t.Cleanup.
type Factory func(t *testing.T) Place

// Run runs the suite.
func Run(t *testing.T, factory Factory) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"what was put is read until it is deleted", testPutGetDelete},
		{"an empty value is not none", testEmptyValue},
		{"a value of some megabytes comes back", testLargeValue},
		{"the caller owns what it gave and what it got", testOwnership},
		{"the changes of a batch happen in their order", testOrderInBatch},
		{"a batch can be used again", testBatchReuse},
		{"what is out of bounds is refused and harms nothing", testBounds},
		{"a scan is in the order of bytes", testScanOrder},
		{"a scan keeps to its bounds", testScanBounds},
		{"a scan can be ranged over twice and left early", testScanAgain},
		{"a scan shows one moment", testScanMoment},
		{"a range is deleted", testDeleteRange},
		{"a random history reads as a sorted map", testModel},
		{"a snapshot shows one moment", testSnapshot},
		{"a snapshot that was closed says so", testSnapshotClosed},
		{"readers never see a part of a batch", testAtomicForReaders},
		{"concurrent writers are all heard", testConcurrentSync},
		{"what was synced is there after opening again", testReopen},
		{"a clean close keeps what was not synced", testCleanClose},
		{"compacting and usage", testCompact},
		{"compacting stops when it is told to", testCompactCancelled},
		{"a second store in the same place is refused", testLocked},
		{"the origin is the place's own", testOrigin},
		{"a new origin stays", testNewOrigin},
		{"a closed store says so", testClosed},
		{"a scan ends when the store is closed", testScanClosed},
		{"a failed store refuses to write and goes on reading", testFailed},
		{"what was synced survives a power loss", testCrashKeepsSynced},
		{"a power loss leaves a prefix of the batches", testCrashKeepsOrder},
	} {
		t.Run(c.name, func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
			c.test(t, newBench(t, factory(t)))
		})
	}
}

// bench is the one store of a subtest.
type bench struct {
	*testing.T
	place Place
	store store.Store
}

func newBench(t *testing.T, p Place) *bench {
	b := &bench{T: t, place: p}
	b.open()
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	return b
}

func (b *bench) open() {
	b.Helper()
	s, err := b.place.Open()
	require.NoError(b, err)
	b.store = s
}

func (b *bench) reopen() {
	b.Helper()
	require.NoError(b, b.store.Close())
	b.open()
}

// batch makes a batch of puts from pairs of key and value.
func batch(pairs ...string) *store.Batch {
	b := new(store.Batch)
	for i := 0; i < len(pairs); i += 2 {
		b.Put([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	return b
}

// put applies pairs of key and value in one batch.
func (b *bench) put(pairs ...string) {
	b.Helper()
	require.NoError(b, b.store.Apply(batch(pairs...), false))
}

// wants reads a key and compares.
func (b *bench) wants(r store.Reader, key, value string) {
	b.Helper()
	v, err := r.Get([]byte(key))
	require.NoError(b, err)
	require.Equal(b, value, string(v))
}

func (b *bench) lacks(r store.Reader, key string) {
	b.Helper()
	_, err := r.Get([]byte(key))
	require.ErrorIs(b, err, store.ErrNotFound)
}

// list returns a range as pairs of key and value.
func (b *bench) list(r store.Reader, from, to string) []string {
	b.Helper()
	out := []string{}
	for e, err := range r.Scan([]byte(from), []byte(to)) {
		require.NoError(b, err)
		out = append(out, string(e.Key), string(e.Value))
	}
	return out
}

// scanError returns the error that ends a scan, or nil.
func scanError(r store.Reader) (last error) {
	for _, err := range r.Scan(nil, nil) {
		last = errors.Join(last, err)
	}
	return last
}
