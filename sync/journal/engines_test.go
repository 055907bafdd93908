package journal

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/bolt"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// TestABackupGoesFromEngineToEngine: a backup says nothing of the store that it
// was made from.
func TestABackupGoesFromEngineToEngine(t *testing.T) {
	o := newOriginal(t)
	data := backupOf(t, o.store)
	twin := store.NewMemory()
	_, err := RestoreBackup(t.Context(), bytes.NewReader(data), twin, nil)
	require.NoError(t, err)
	want := backupOf(t, twin)
	dir := t.TempDir()
	engines := map[string]func() (store.Store, error){
		"pebble": func() (store.Store, error) { return pebble.Open(filepath.Join(dir, "p"), pebble.Options{}) },
		"bolt":   func() (store.Store, error) { return bolt.Open(filepath.Join(dir, "b"), bolt.Options{}) },
	}
	for name, open := range engines {
		s, err := open()
		require.NoError(t, err, name)
		_, err = RestoreBackup(t.Context(), bytes.NewReader(data), s, nil)
		require.NoError(t, err, name)
		require.NoError(t, s.Close(), name)
		s, err = open()
		require.NoError(t, err, name)
		view, err := s.Snapshot()
		require.NoError(t, err, name)
		require.True(t, bytes.Equal(want, backupOf(t, view)), name)
		require.Empty(t, verified(t, view).Problems, name)
		j, _, err := Open(s, o.cfg)
		require.NoError(t, err, name)
		b := &bench{t: t, cfg: o.cfg, j: j}
		b.empty()
		for doc, whole := range o.facts {
			require.NoError(t, b.reload(doc), name)
			require.Equal(t, whole, factsOf(b.r.View(doc).State()), name)
		}
		_, err = j.PutAside("rows", store.ErrCorrupt)
		require.NoError(t, err, name)
		require.Len(t, mustAside(t, j), 1, name)
		require.NoError(t, view.Close(), name)
		require.NoError(t, s.Close(), name)
	}
}
