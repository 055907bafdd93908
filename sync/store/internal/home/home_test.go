package home_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/internal/home"
)

func root(t *testing.T, dir string) *home.Root {
	t.Helper()
	dir, err := home.Prepare(dir, "pebble", 2)
	require.NoError(t, err)
	r, err := home.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func TestTheDirectoryIsClosedToOthers(t *testing.T) {
	parent := t.TempDir()
	made := filepath.Join(parent, "a", "b")
	found := filepath.Join(parent, "found")
	require.NoError(t, os.Mkdir(found, 0o755))
	for _, dir := range []string{made, found} {
		_, err := home.Prepare(dir, "pebble", 2)
		require.NoError(t, err)
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

func TestSymbolicLinksAreRefused(t *testing.T) {
	parent := t.TempDir()
	target := filepath.Join(parent, "elsewhere")
	require.NoError(t, os.Mkdir(target, 0o700))
	link := filepath.Join(parent, "link")
	require.NoError(t, os.Symlink(target, link))
	_, err := home.Prepare(link, "pebble", 2)
	require.ErrorContains(t, err, "not a directory")

	dir := filepath.Join(parent, "data")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Symlink(filepath.Join(parent, "victim"), filepath.Join(dir, "LOCK")))
	_, err = home.Prepare(dir, "pebble", 2)
	require.ErrorContains(t, err, "not a plain file")
}

func TestADirectoryThatIsRefusedIsLeftAsItWas(t *testing.T) {
	for name, content := range map[string]string{"thesis.doc": "", "VERSION": "joinery-store 2 bolt\n"} {
		dir := filepath.Join(t.TempDir(), "found")
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		before, err := os.Stat(dir)
		require.NoError(t, err)
		_, err = home.Prepare(dir, "pebble", 2)
		require.Error(t, err)
		after, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, before.Mode(), after.Mode())
	}
}

func TestAFileInThePlaceOfTheDirectoryIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := home.Prepare(file, "pebble", 2)
	require.Error(t, err)
	_, err = home.Prepare("", "pebble", 2)
	require.Error(t, err)
}

func TestOtherVersionsAreRefused(t *testing.T) {
	dir := t.TempDir()
	r := root(t, dir)
	require.NoError(t, home.CheckVersion(r, dir, "pebble", 2))
	text, err := os.ReadFile(filepath.Join(dir, "VERSION"))
	require.NoError(t, err)
	require.Equal(t, "joinery-store 2 pebble\n", string(text))
	require.NoError(t, home.CheckVersion(r, dir, "pebble", 2), "again")
	require.ErrorIs(t, home.CheckVersion(r, dir, "pebble", 1), store.ErrVersion)
	require.ErrorIs(t, home.CheckVersion(r, dir, "bolt", 2), store.ErrVersion)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "VERSION"), []byte("?"), 0o600))
	require.ErrorIs(t, home.CheckVersion(r, dir, "pebble", 2), store.ErrVersion)
}

func TestADirectoryWithOtherFilesIsRefused(t *testing.T) {
	dir := t.TempDir()
	r := root(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LOCK"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600))
	require.ErrorContains(t, home.CheckVersion(r, dir, "pebble", 1, "LOCK"), "thesis.doc")
	require.NoError(t, os.Remove(filepath.Join(dir, "thesis.doc")))
	require.NoError(t, home.CheckVersion(r, dir, "pebble", 1, "LOCK"))
}

func TestAnOriginIsOfTheFileAndOfItsContent(t *testing.T) {
	dir := t.TempDir()
	r := root(t, dir)
	identity := filepath.Join(dir, "IDENTITY")
	first, err := home.Origin(r)
	require.NoError(t, err)
	same, err := home.Origin(r)
	require.NoError(t, err)
	require.Equal(t, first, same)

	text, err := os.ReadFile(identity)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(identity+".copy", text, 0o600))
	require.NoError(t, os.Rename(identity+".copy", identity))
	restored, err := home.Origin(r)
	require.NoError(t, err)
	require.NotEqual(t, first, restored, "the same content in another file")

	fresh, err := home.NewOrigin(r)
	require.NoError(t, err)
	require.NotEqual(t, restored, fresh)
}
