package faultfs_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store/faultfs"
)

func create(t *testing.T, fs vfs.FS, name, text string, sync bool) vfs.File {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write([]byte(text))
	require.NoError(t, err)
	if sync {
		require.NoError(t, f.Sync())
		syncDir(t, fs)
	}
	return f
}

func syncDir(t *testing.T, fs vfs.FS) {
	t.Helper()
	dir, err := fs.OpenDir("/")
	require.NoError(t, err)
	require.NoError(t, dir.Sync())
}

// content returns a file's content, or "none".
func content(t *testing.T, fs vfs.FS, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		return "none"
	}
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(data)
}

func TestOnlyWhatWasSyncedSurvives(t *testing.T) {
	fs := faultfs.New()
	f := create(t, fs, "/kept", "kept", true)
	_, err := f.Write([]byte(" and lost"))
	require.NoError(t, err)
	create(t, fs, "/lost", "lost", false)
	after, err := fs.Restart()
	require.NoError(t, err)
	require.Equal(t, "kept", content(t, after, "/kept"))
	require.Equal(t, "none", content(t, after, "/lost"))
}

func TestATornFileKeepsWhatWasSyncedAndStopsAtAnyByte(t *testing.T) {
	fs := faultfs.New()
	f := create(t, fs, "/f", "synced.", true)
	_, err := f.Write([]byte("unsynced"))
	require.NoError(t, err)
	seen := map[string]bool{}
	for seed := range uint64(500) {
		after, err := fs.RestartTorn(seed)
		require.NoError(t, err)
		text := content(t, after, "/f")
		require.True(t, strings.HasPrefix(text, "synced."), "seed %d: %q", seed, text)
		require.LessOrEqual(t, len(text), len("synced.unsynced"))
		seen[text] = true
	}
	for _, text := range []string{"synced.", "synced.u", "synced.unsyn", "synced.unsynced", "synced.uns\x00\x00"} {
		require.True(t, seen[text], "%q never came up", text)
	}
}

func TestARenamedFileIsTheOldOneOrTheNewOneWhole(t *testing.T) {
	fs := faultfs.New()
	create(t, fs, "/f", "old", true)
	create(t, fs, "/f.new", "newer", true)
	require.NoError(t, fs.Rename("/f.new", "/f"))
	seen := map[string]bool{}
	for seed := range uint64(100) {
		after, err := fs.RestartTorn(seed)
		require.NoError(t, err)
		seen[content(t, after, "/f")] = true
	}
	require.Equal(t, map[string]bool{"old": true, "newer": true}, seen)
}

func TestThePowerGoesAtTheChosenOperation(t *testing.T) {
	fs := faultfs.New()
	f := create(t, fs, "/f", "1", true) // create, write, sync, sync
	require.Equal(t, 4, fs.Operations())
	fs.CrashAt(5)
	_, err := f.Write([]byte("2"))
	require.NoError(t, err)
	require.ErrorIs(t, f.Sync(), faultfs.ErrPowerLoss)
	require.True(t, fs.Crashed())
	_, err = f.Write([]byte("3"))
	require.ErrorIs(t, err, faultfs.ErrPowerLoss)
	require.ErrorIs(t, fs.Remove("/f"), faultfs.ErrPowerLoss)
	after, err := fs.Restart()
	require.NoError(t, err)
	require.Equal(t, "1", content(t, after, "/f"))
	require.False(t, after.Crashed())
}

func TestALyingSyncKeepsNothing(t *testing.T) {
	fs := faultfs.New()
	fs.LieAboutSync(true)
	create(t, fs, "/f", "text", true)
	after, err := fs.Restart()
	require.NoError(t, err)
	require.Equal(t, "none", content(t, after, "/f"))
}

func TestAFullDiskTakesAPartOfAWrite(t *testing.T) {
	fs := faultfs.New()
	f := create(t, fs, "/f", "", true)
	fs.LimitSpace(3)
	_, err := f.Write([]byte("ab"))
	require.NoError(t, err)
	n, err := f.Write([]byte("cd"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 1, n)
	require.Equal(t, "abc", content(t, fs, "/f"))
	_, err = fs.Create("/g", vfs.WriteCategoryUnspecified)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, fs.Remove("/f"))
	fs.LimitSpace(-1)
	create(t, fs, "/g", "text", true)
}

func TestAnInjectedErrorKeepsTheOperationFromHappening(t *testing.T) {
	fs := faultfs.New()
	broken := errors.New("broken")
	var seen []faultfs.Kind
	fs.Inject(func(op faultfs.Operation) error {
		seen = append(seen, op.Kind)
		if op.Kind == faultfs.Rename {
			return broken
		}
		return nil
	})
	create(t, fs, "/f", "text", true)
	require.ErrorIs(t, fs.Rename("/f", "/g"), broken)
	require.Equal(t, "text", content(t, fs, "/f"))
	require.Equal(t, []faultfs.Kind{faultfs.Create, faultfs.Write, faultfs.Sync, faultfs.Sync, faultfs.Rename}, seen)
}
