// Package datadir opens the directories in which replicas keep their data, with
// the engine that each of them is for.
//
// A directory is one replica's. Whoever opens it has it alone until it is closed;
// a second process is refused with [store.ErrLocked]. It is mode 0700 and
// belongs to the store: nothing else may lie in it.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/bolt"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// The engines.
const (
	Pebble = "pebble" // many writers at once: servers
	Bolt   = "bolt"   // one file and little memory: small devices
)

// Default is the engine of a new directory.
const Default = Pebble

// Engines returns the names of all engines.
func Engines() []string { return []string{Pebble, Bolt} }

// Errors of directories; those of package store come as well.
var (
	// ErrNone says that a directory holds no data of a replica.
	ErrNone = errors.New("datadir: no replica's data is there")
	// ErrOccupied says that a directory that should be empty is not.
	ErrOccupied = errors.New("datadir: the directory is not empty")
	// ErrEngine says that there is no such engine.
	ErrEngine = errors.New("datadir: no such engine")
)

// versionName is the file in which a store names its engine.
const versionName = "VERSION"

// EngineOf returns the engine that a directory was made with, "" if it is empty
// or not there.
func EngineOf(dir string) (string, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("datadir: %s cannot be opened as a directory: %w", dir, err)
	}
	defer root.Close()
	f, err := root.Open(versionName)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("datadir: %w", err)
	}
	defer f.Close()
	var version int
	var engine string
	if _, err := fmt.Fscanf(f, "joinery-store %d %s\n", &version, &engine); err != nil {
		return "", fmt.Errorf("%w: %s names no engine", store.ErrVersion, filepath.Join(dir, versionName))
	}
	return engine, nil
}

// Open opens a directory, which is made if it is not there. Without an engine it
// is the one that the directory was made with, or the default. The caller
// closes the store. It returns the engine that is used.
func Open(dir, engine string, log *slog.Logger) (store.Store, string, error) {
	if engine == "" {
		found, err := EngineOf(dir)
		if err != nil {
			return nil, "", err
		}
		if engine = found; engine == "" {
			engine = Default
		}
	}
	s, err := open(dir, engine, log)
	return s, engine, err
}

func open(dir, engine string, log *slog.Logger) (store.Store, error) {
	switch engine { // an interface that holds a nil pointer is not nil
	case Pebble:
		s, err := pebble.Open(dir, pebble.Options{Logger: log, MemtableBytes: 4 << 20})
		if err != nil {
			return nil, err
		}
		return s, nil
	case Bolt:
		s, err := bolt.Open(dir, bolt.Options{})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return nil, fmt.Errorf("%w as %q; there are %q", ErrEngine, engine, Engines())
}

// OpenExisting opens a directory that has data, and never makes one.
func OpenExisting(dir string, log *slog.Logger) (store.Store, string, error) {
	engine, err := EngineOf(dir)
	if err == nil && engine == "" {
		err = fmt.Errorf("%w: %s", ErrNone, dir)
	}
	if err != nil {
		return nil, "", err
	}
	return Open(dir, engine, log)
}

// OpenNew opens a directory that is empty or not there yet.
func OpenNew(dir, engine string, log *slog.Logger) (store.Store, string, error) {
	if engine != "" && !slices.Contains(Engines(), engine) {
		return nil, "", fmt.Errorf("%w as %q; there are %q", ErrEngine, engine, Engines())
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("datadir: %w", err)
	}
	if len(entries) > 0 {
		return nil, "", fmt.Errorf("%w: %s; choose another one or move that away", ErrOccupied, dir)
	}
	return Open(dir, engine, log)
}

// Empty removes all that is in a directory which [OpenNew] made, for who could
// not fill it.
func Empty(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	defer root.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	for _, e := range entries {
		err = errors.Join(err, root.RemoveAll(e.Name()))
	}
	return err
}
