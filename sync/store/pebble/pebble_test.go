package pebble_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/conformance"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// small makes memtables and their logs turn over within a test.
var small = pebble.Options{MemtableBytes: 256 << 10, CacheBytes: 1 << 20}

func TestPebbleOnDiskConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Place {
		return onDisk(filepath.Join(t.TempDir(), "data"))
	})
}

func onDisk(dir string) conformance.Place {
	return conformance.Place{
		Locks: true,
		Open:  func() (store.Store, error) { return open(pebble.Open(dir, small)) },
		Copy: func(t *testing.T) conformance.Place {
			to := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
			return onDisk(to)
		},
	}
}

// open makes a nil of a nil *Store.
func open(s *pebble.Store, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openOnDisk(dir string) (store.Store, error) { return open(pebble.Open(dir, small)) }

func TestAKillTakesNothingThatWasSynced(t *testing.T) {
	conformance.KillProcesses(t, conformance.Killing{
		Open: openOnDisk, Sync: true, Processes: long(t, "JOINERY_KILLS", 5),
	})
}

// A memtable is not full before its log has been handed over, but for the last
// blocks, so that no kill can take more than one memtable's log.
func TestAKillTakesTheLastBlocksOfTheLog(t *testing.T) {
	lost := conformance.KillProcesses(t, conformance.Killing{
		Open: openOnDisk, Processes: long(t, "JOINERY_KILLS", 5), MayLose: small.MemtableBytes,
	})
	t.Logf("%d bytes lost", lost)
}

// writeTables leaves a store whose entries are in tables.
func writeTables(t *testing.T, dir string) {
	t.Helper()
	s, err := pebble.Open(dir, small)
	require.NoError(t, err)
	value := make([]byte, 1000)
	for i := range 2000 {
		var b store.Batch
		for j := range value {
			value[j] = byte(i * j * 31)
		}
		b.Put(fmt.Appendf(nil, "%06d", i), value)
		require.NoError(t, s.Apply(&b, false))
	}
	require.NoError(t, s.Compact(context.Background()))
	require.NoError(t, s.Close())
}

func TestADamagedTableIsNamedAndTheRestIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	writeTables(t, dir)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	data, err := os.ReadFile(tables[0])
	require.NoError(t, err)
	data[len(data)/2] ^= 4
	require.NoError(t, os.WriteFile(tables[0], data, 0o600))

	s, err := pebble.Open(dir, small)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	good, bad := 0, 0
	for i := range 2000 {
		key := fmt.Appendf(nil, "%06d", i)
		if _, err := s.Get(key); err != nil {
			var corrupt *store.CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, tables[0], corrupt.File)
			require.Equal(t, key, corrupt.Key)
			bad++
			continue
		}
		good++
	}
	require.Positive(t, bad)
	require.Greater(t, good, 1500)
	var b store.Batch
	b.Put([]byte("still"), []byte("writable"))
	require.NoError(t, s.Apply(&b, true))
	var last error
	for _, err := range s.Scan(nil, nil) {
		last = err
	}
	require.ErrorIs(t, last, store.ErrCorrupt)
}

// TestADamagedListOfTablesIsFoundOrHarmless flips one bit at a time of the
// manifest. What opens has everything.
func TestADamagedListOfTablesIsFoundOrHarmless(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	writeTables(t, dir)
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	require.NoError(t, err)
	name := manifests[len(manifests)-1]
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	found := 0
	for at := 0; at < len(whole); at += 1 + len(whole)/60 {
		copied := filepath.Join(t.TempDir(), "data")
		require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		require.NoError(t, os.WriteFile(filepath.Join(copied, filepath.Base(name)), flipped, 0o600))
		s, err := pebble.Open(copied, small)
		if err != nil {
			require.ErrorIs(t, err, store.ErrCorrupt, "byte %d of %d", at, len(whole))
			_, err = pebble.Open(copied, small)
			require.NotErrorIs(t, err, store.ErrLocked, "the lock was given back")
			found++
			continue
		}
		n := 0
		for _, err := range s.Scan(nil, nil) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 2000, n, "byte %d of %d", at, len(whole))
		require.NoError(t, s.Close())
	}
	require.Positive(t, found)
	t.Logf("%d of 60 found", found)
}

func TestAMissingTableIsAnErrorOfOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	writeTables(t, dir)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(tables[0]))
	_, err = pebble.Open(dir, small)
	require.ErrorIs(t, err, store.ErrCorrupt)
	require.ErrorContains(t, err, strings.TrimSuffix(filepath.Base(tables[0]), ".sst"))
}

func TestACutTableIsAnErrorOfOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	writeTables(t, dir)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(tables[0], 100))
	_, err = pebble.Open(dir, small)
	require.ErrorIs(t, err, store.ErrCorrupt)
	require.ErrorContains(t, err, filepath.Base(tables[0]))
}

func TestOptionsOutOfBoundsAreRefused(t *testing.T) {
	for _, o := range []pebble.Options{{CacheBytes: -1}, {MemtableBytes: 1}, {MaxOpenFiles: 1}} {
		_, err := pebble.Open(t.TempDir(), o)
		require.ErrorContains(t, err, "give")
	}
}

// denied is a file system that lets nobody lock.
type denied struct{ vfs.FS }

func (denied) Lock(name string) (io.Closer, error) {
	return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EACCES}
}

func TestALockThatIsNotPermittedIsNotInUse(t *testing.T) {
	_, err := pebble.Open("data", pebble.Options{FS: denied{vfs.NewMem()}})
	require.ErrorIs(t, err, os.ErrPermission)
	require.NotErrorIs(t, err, store.ErrLocked)
}

func TestADirectoryOfOthersIsLeftAsItWas(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600))
	_, err := pebble.Open(dir, small)
	require.ErrorContains(t, err, "thesis.doc")
	require.NoFileExists(t, filepath.Join(dir, "LOCK"))
}
