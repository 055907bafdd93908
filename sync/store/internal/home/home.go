// Package home keeps the directory of a store on files: who may look into it,
// which format its files have, and which copy of them this is.
//
// The directory is mode 0700 and neither it nor anything in it is a symbolic
// link, so that no file of a store lies anywhere else. Two files are of this
// package: VERSION names the format, and IDENTITY holds a random text whose
// file, too, identifies the copy.
package home

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/joinery-crdt/joinery/sync/store"
)

// Names of the files of this package. One that is being replaced is written
// under its name with suffix first.
const (
	versionName  = "VERSION"
	identityName = "IDENTITY"
	suffix       = ".new"
)

// maxOwnFile bounds what is read of these files, in bytes.
const maxOwnFile = 4 << 10

// Files is where the small files are. It may be a file system of a test's.
type Files interface {
	// List returns the names in the directory.
	List() ([]string, error)
	// Read returns a file of at most max bytes, fs.ErrNotExist if there is none.
	Read(name string, max int) ([]byte, error)
	// Replace writes a file so that after a crash it is the old or the new one,
	// and the new one once Replace has returned.
	Replace(name, temporary string, data []byte) error
	// Stamp returns what changes when a file is copied or restored.
	Stamp(name string) (string, error)
}

// Prepare makes the directory if there is none, refuses what [CheckVersion]
// refuses and symbolic links, closes it to others, and returns its absolute path.
// A directory that is refused is left as it was.
func Prepare(dir, engine string, version int, ours ...string) (string, error) {
	if dir == "" {
		return "", errors.New("store: no directory given")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("store: %s is not a directory but %s; name the directory itself", dir, info.Mode().Type())
	}
	if err := look(dir, engine, version, ours); err != nil {
		return "", err
	}
	if info.Mode().Perm() == 0o700 {
		return dir, nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return "", fmt.Errorf("store: %s is open to others: %w", dir, err)
	}
	return dir, checkEntries(dir) // others may have put something there until now
}

// look refuses a directory without changing it.
func look(dir, engine string, version int, ours []string) error {
	if err := checkEntries(dir); err != nil {
		return err
	}
	root, err := OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	_, err = inspect(root, dir, engine, version, ours)
	return err
}

func checkEntries(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for _, e := range entries {
		if t := e.Type(); t != 0 && t != fs.ModeDir {
			return fmt.Errorf("store: %s is not a plain file; a store has no others, so move it away", filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

// CheckVersion refuses a directory whose files are not in this version of the
// engine's format with [store.ErrVersion], and marks a new one. Files besides
// those in ours, in a directory without a mark, belong to somebody else.
func CheckVersion(f Files, dir, engine string, version int, ours ...string) error {
	marked, err := inspect(f, dir, engine, version, ours)
	if err != nil || marked {
		return err
	}
	if err := f.Replace(versionName, versionName+suffix, versionText(engine, version)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// inspect tells whether a directory is marked, and refuses those of others. It
// lists the names first: whoever makes a store meanwhile marks it before the rest.
func inspect(f Files, dir, engine string, version int, ours []string) (marked bool, err error) {
	names, err := f.List()
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	data, err := f.Read(versionName, maxOwnFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, checkForeign(dir, names, ours)
	case err != nil:
		return false, fmt.Errorf("store: %w", err)
	}
	return true, checkMark(data, dir, engine, version)
}

// checkMark refuses the mark of another format.
func checkMark(data []byte, dir, engine string, version int) error {
	var foundVersion int
	var foundEngine string
	if _, err := fmt.Sscanf(string(data), "joinery-store %d %s\n", &foundVersion, &foundEngine); err != nil {
		return fmt.Errorf("%w: %s says %q", store.ErrVersion, filepath.Join(dir, versionName), data)
	}
	switch {
	case foundEngine != engine:
		return fmt.Errorf("%w: %s was written by the engine %q, not by %q; choose that engine or another directory",
			store.ErrVersion, dir, foundEngine, engine)
	case foundVersion != version:
		return fmt.Errorf("%w: %s is in version %d of the format and this program reads %d",
			store.ErrVersion, dir, foundVersion, version)
	}
	return nil
}

func versionText(engine string, version int) []byte {
	return fmt.Appendf(nil, "joinery-store %d %s\n", version, engine)
}

// checkForeign refuses names that are not of a store in the making.
func checkForeign(dir string, names, ours []string) error {
	known := append([]string{versionName + suffix, identityName, identityName + suffix}, ours...)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("store: %s holds %q and no store; choose an empty directory", dir, name)
		}
	}
	return nil
}

// Origin returns the origin of the copy, making the identity if there is none.
func Origin(f Files) (string, error) {
	text, err := f.Read(identityName, maxOwnFile)
	if errors.Is(err, fs.ErrNotExist) {
		return NewOrigin(f)
	}
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	stamp, err := f.Stamp(identityName)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	sum := sha256.Sum256(append(append(text, 0), stamp...))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]), nil
}

// NewOrigin replaces the identity and returns the origin that this makes.
func NewOrigin(f Files) (string, error) {
	if err := f.Replace(identityName, identityName+suffix, []byte(rand.Text()+"\n")); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return Origin(f)
}
