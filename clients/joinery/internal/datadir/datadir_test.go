package datadir_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/datadir"
	"github.com/joinery-crdt/joinery/sync/store"
)

var quiet = slog.New(slog.DiscardHandler)

func TestADirectoryIsOpenedWithTheEngineItWasMadeWith(t *testing.T) {
	for _, engine := range datadir.Engines() {
		dir := filepath.Join(t.TempDir(), "data")
		s, used, err := datadir.Open(dir, engine, quiet)
		require.NoError(t, err)
		require.Equal(t, engine, used)
		require.NoError(t, s.Close())
		s, used, err = datadir.Open(dir, "", quiet)
		require.NoError(t, err)
		require.Equal(t, engine, used)
		require.NoError(t, s.Close())
		s, used, err = datadir.OpenExisting(dir, quiet)
		require.NoError(t, err)
		require.Equal(t, engine, used)
		_, _, err = datadir.Open(dir, "", quiet)
		require.ErrorIs(t, err, store.ErrLocked)
		require.NoError(t, s.Close())
		_, _, err = datadir.OpenNew(dir, engine, quiet)
		require.ErrorIs(t, err, datadir.ErrOccupied)
	}
}

func TestAnotherEngineIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, _, err := datadir.Open(dir, datadir.Bolt, quiet)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, _, err = datadir.Open(dir, datadir.Pebble, quiet)
	require.ErrorIs(t, err, store.ErrVersion)
	_, _, err = datadir.Open(dir, "paper", quiet)
	require.ErrorIs(t, err, datadir.ErrEngine)
	_, _, err = datadir.OpenNew(filepath.Join(dir, "new"), "paper", quiet)
	require.ErrorIs(t, err, datadir.ErrEngine)
}

func TestWhatIsNoDirectoryOfDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, _, err := datadir.OpenExisting(filepath.Join(dir, "none"), quiet)
	require.ErrorIs(t, err, datadir.ErrNone)
	require.NoDirExists(t, filepath.Join(dir, "none"))
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, open := range []func() error{
		func() error { _, _, err := datadir.Open(file, "", quiet); return err },
		func() error { _, _, err := datadir.Open(file, datadir.Pebble, quiet); return err },
		func() error { _, _, err := datadir.Open(dir, "", quiet); return err }, // has somebody else's file
	} {
		require.Error(t, open())
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "VERSION"), []byte("what?"), 0o600))
	_, _, err = datadir.Open(dir, "", quiet)
	require.ErrorIs(t, err, store.ErrVersion)
}

func TestTheDirectoryIsClosedToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean something else there")
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, engine, err := datadir.OpenNew(dir, "", quiet)
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, datadir.Default, engine)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}
