package bolt_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/bolt"
	"github.com/joinery-crdt/joinery/sync/store/conformance"
)

func TestBoltConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Place {
		return place(filepath.Join(t.TempDir(), "data"))
	})
}

func place(dir string) conformance.Place {
	var last *bolt.Store
	return conformance.Place{
		Locks: true,
		Open: func() (store.Store, error) {
			s, err := bolt.Open(dir, bolt.Options{})
			if err != nil {
				return nil, err
			}
			last = s
			return s, nil
		},
		Copy: func(t *testing.T) conformance.Place {
			to := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
			return place(to)
		},
		FailWrites: func() { bolt.FailWrites(last) },
	}
}

func open(t testing.TB, dir string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(dir, bolt.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func put(t *testing.T, s *bolt.Store, key, value string) {
	t.Helper()
	var b store.Batch
	b.Put([]byte(key), []byte(value))
	require.NoError(t, s.Apply(&b, true))
}

// damage changes bytes of the store's file.
func damage(t *testing.T, dir string, change func(data []byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, "store.bolt")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, change(data), 0o600))
}

func TestAFlippedBitInAValueIsFoundAndTheRestIsRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", "first")
	put(t, s, "b", "second")
	put(t, s, "c", "third")
	require.NoError(t, s.Close())
	damage(t, dir, func(data []byte) []byte {
		return bytes.ReplaceAll(data, []byte("second"), []byte("sacond"))
	})
	s = open(t, dir)
	_, err := s.Get([]byte("b"))
	var corrupt *store.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, "b", string(corrupt.Key))
	require.Equal(t, filepath.Join(dir, "store.bolt"), corrupt.File)
	require.ErrorIs(t, s.Compact(context.Background()), store.ErrCorrupt, "compaction drops nothing")
	for _, k := range []string{"a", "c"} {
		_, err := s.Get([]byte(k))
		require.NoError(t, err)
	}
	put(t, s, "b", "healed")
	_, err = s.Get([]byte("b"))
	require.NoError(t, err)
}

func TestADamagedTreeIsAnErrorAndNoPanic(t *testing.T) {
	fill := func(t *testing.T) string {
		dir := t.TempDir()
		s := open(t, dir)
		for i := range 200 {
			put(t, s, fmt.Sprintf("%04d", i), string(make([]byte, 500)))
		}
		require.NoError(t, s.Close())
		return dir
	}
	for name, change := range map[string]func([]byte) []byte{
		"no meta pages": func(d []byte) []byte { clear(d[:8192]); return d },
		"no tree":       func(d []byte) []byte { clear(d[8192:]); return d },
		"ones":          func(d []byte) []byte { copy(d[8192:], bytes.Repeat([]byte{0xff}, len(d))); return d },
		"cut short":     func(d []byte) []byte { return d[:12288] },
	} {
		t.Run(name, func(t *testing.T) {
			dir := fill(t)
			damage(t, dir, change)
			s, err := bolt.Open(dir, bolt.Options{})
			if err != nil {
				require.ErrorIs(t, err, store.ErrCorrupt)
				return
			}
			defer s.Close()
			_, err = s.Get([]byte("0100"))
			require.ErrorIs(t, err, store.ErrCorrupt)
			for _, scanErr := range s.Scan(nil, nil) {
				err = scanErr
			}
			require.ErrorIs(t, err, store.ErrCorrupt)
		})
	}
}

func TestASnapshotOutlivesCompaction(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "k", "before")
	n, err := s.Snapshot()
	require.NoError(t, err)
	put(t, s, "k", "after")
	require.NoError(t, s.Compact(context.Background()))
	require.NoError(t, s.Compact(context.Background()))
	value, err := n.Get([]byte("k"))
	require.NoError(t, err)
	require.Equal(t, "before", string(value))
	value, err = s.Get([]byte("k"))
	require.NoError(t, err)
	require.Equal(t, "after", string(value))
	require.NoError(t, n.Close())
}

func TestAKillTakesNothing(t *testing.T) {
	conformance.KillProcesses(t, conformance.Killing{
		Open:      func(dir string) (store.Store, error) { return bolt.Open(dir, bolt.Options{}) },
		Processes: 5,
	})
}
