package pebble

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/joinery-crdt/joinery/sync/store/internal/home"
)

// files are the small files beside Pebble's own, on the same file system.
type files struct {
	fs     vfs.FS
	dir    string
	onDisk bool
}

func (f files) path(name string) string { return f.fs.PathJoin(f.dir, name) }

// List implements [home.Files].
func (f files) List() ([]string, error) { return f.fs.List(f.dir) }

// Read implements [home.Files].
func (f files) Read(name string, max int) ([]byte, error) {
	file, err := f.fs.Open(f.path(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, int64(max)+1))
	if err == nil && len(data) > max {
		err = fmt.Errorf("%s has more than %d bytes", f.path(name), max)
	}
	return data, err
}

// Replace implements [home.Files].
func (f files) Replace(name, temporary string, data []byte) error {
	file, err := f.fs.Create(f.path(temporary), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(append([]byte{}, data...))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := f.fs.Rename(f.path(temporary), f.path(name)); err != nil {
		return err
	}
	return syncDir(f.fs, f.dir)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Stamp implements [home.Files]. A file system of a test's has no stamps.
func (f files) Stamp(name string) (string, error) {
	if !f.onDisk {
		return "", nil
	}
	info, err := f.fs.Stat(f.path(name))
	if err != nil {
		return "", err
	}
	return home.Stamp(info), nil
}

// makeDir makes a directory, durably.
func makeDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("store/pebble: %w", err)
	}
	if err := syncDir(fs, fs.PathDir(dir)); err != nil {
		return fmt.Errorf("store/pebble: %w", err)
	}
	return nil
}
