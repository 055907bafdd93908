package home

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Root is the [Files] of a directory on disk. Nothing outside it is reached,
// whatever the names.
type Root struct{ root *os.Root }

// OpenRoot opens a directory that [Prepare] returned. The caller closes it.
func OpenRoot(dir string) (*Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &Root{root}, nil
}

// Close gives the directory up.
func (r *Root) Close() error { return r.root.Close() }

// List implements [Files].
func (r *Root) List() ([]string, error) {
	dir, err := r.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// Read implements [Files].
func (r *Root) Read(name string, max int) ([]byte, error) {
	f, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, name, max)
}

func readBounded(f io.Reader, name string, max int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, int64(max)+1))
	if err == nil && len(data) > max {
		err = fmt.Errorf("%s has more than %d bytes", name, max)
	}
	return data, err
}

// Replace implements [Files].
func (r *Root) Replace(name, temporary string, data []byte) error {
	if err := r.write(temporary, data); err != nil {
		return err
	}
	return r.Rename(temporary, name)
}

func (r *Root) write(name string, data []byte) error {
	f, err := r.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Rename puts a file in the place of another, durably.
func (r *Root) Rename(from, to string) error {
	if err := r.root.Rename(from, to); err != nil {
		return err
	}
	dir, err := r.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// OpenFile opens a file as os.OpenFile does.
func (r *Root) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	return r.root.OpenFile(name, flag, perm)
}

// Remove removes a file.
func (r *Root) Remove(name string) error { return r.root.Remove(name) }

// Stamp implements [Files]: the file's device, its number there, and when it was
// last changed in any way, which no copying tool can set.
func (r *Root) Stamp(name string) (string, error) {
	info, err := r.root.Lstat(name)
	if err != nil {
		return "", err
	}
	return Stamp(info), nil
}
