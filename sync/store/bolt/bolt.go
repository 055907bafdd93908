// Package bolt is a [store.Store] on bbolt: a B+ tree in one file that is mapped
// into memory. It is the engine for small devices: it adds less than a megabyte to a
// program, needs no memory of its own to speak of, and its file is never larger
// than the data at its largest, and some.
//
// # What a crash can take
//
// Nothing that was applied, with sync or without: bbolt's transactions are only safe
// if they are synced, so each Apply is, and Sync has nothing to do. Concurrent
// callers of Apply share a transaction of two syncs. Who writes alone and does not
// need each batch to be durable is better off collecting several in one.
//
// # Failures
//
// After the first write or sync that fails the store refuses writes with
// [store.ErrFailed] and goes on reading.
//
// # Corruption
//
// bbolt has no checksums but for its meta pages, so each value is stored with one of
// its key and itself, and comes back as it was written or as a
// [*store.CorruptError]. A page that is damaged so that the tree does not hang
// together is such an error, too. One that is damaged so that keys are missing
// looks like a store without these keys.
//
// # Readers and growth
//
// Pages that an open scan or snapshot shows are not used again, so the file grows
// meanwhile. A file that outgrows Options.MapBytes is mapped anew by the writer,
// who waits for open scans and snapshots to end. On 64-bit systems that takes
// a file of 64 GiB, except on Windows.
package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"time"

	engine "go.etcd.io/bbolt"
	reasons "go.etcd.io/bbolt/errors"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/internal/home"
)

const (
	engineName    = "bolt"
	formatVersion = 1
	fileName      = "store.bolt"
	newFileName   = "store.bolt.new" // a copy that is being compacted
	allocBytes    = 512 << 10        // how much the file grows at once
	lockPatience  = time.Millisecond // bbolt takes 0 for ever
)

// bucketName is where all entries are.
var bucketName = []byte("entries")

// Options of a store. The zero value is good.
type Options struct {
	// MapBytes is the address space for the file. It takes no memory. 0 means
	// 64 GiB, 256 MiB on 32-bit systems, and as much as the file on Windows.
	MapBytes int
}

func (o Options) mapBytes() int {
	switch {
	case o.MapBytes > 0:
		return o.MapBytes
	case runtime.GOOS == "windows": // the file is made as large as its map there
		return 0
	case bits.UintSize == 32:
		return 256 << 20
	default:
		return 1 << (bits.UintSize - 28)
	}
}

// Open opens the store in a directory, which is made if it is not there. Its
// errors are [store.ErrLocked] if the directory is in use, [store.ErrVersion] if
// it has another format, a [*store.CorruptError] if it cannot be read, and those
// of the operating system. It takes time in the number of free pages.
func Open(dir string, o Options) (*Store, error) {
	if o.MapBytes < 0 {
		return nil, fmt.Errorf("store/bolt: MapBytes is %d; give a size or 0", o.MapBytes)
	}
	dir, err := home.Prepare(dir, engineName, formatVersion)
	if err != nil {
		return nil, err
	}
	root, err := home.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s, err := open(dir, root, o)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func open(dir string, root *home.Root, o Options) (*Store, error) {
	if err := home.CheckVersion(root, dir, engineName, formatVersion); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, root: root, options: o, snapshots: make(map[*snapshot]struct{})}
	file, err := s.openFile(fileName, false)
	if err != nil {
		return nil, err
	}
	s.current = file
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, file.db.Close())
	}
	return s, nil
}

// begin does what may be done only by who holds the lock.
func (s *Store) begin() error {
	if err := s.root.Remove(newFileName); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store/bolt: %w", err)
	}
	_, err := home.Origin(s.root)
	return err
}

// openFile opens a file of the engine's and locks it. One that is to be written in
// bulk is not synced with each transaction.
func (s *Store) openFile(name string, bulk bool) (f *file, err error) {
	f = new(file)
	options := &engine.Options{
		Timeout:         lockPatience,
		FreelistType:    engine.FreelistMapType,
		InitialMmapSize: s.options.mapBytes(),
		NoSync:          bulk,
		OpenFile: func(_ string, flag int, mode os.FileMode) (*os.File, error) {
			opened, err := s.root.OpenFile(name, flag, mode)
			f.os = opened
			return opened, err
		},
	}
	path := filepath.Join(s.dir, name)
	err = guard(func() (err error) {
		f.db, err = engine.Open(path, 0o600, options)
		return err
	})
	if err != nil {
		return nil, s.openError(path, err)
	}
	f.db.AllocSize = allocBytes
	if err := f.prepare(path); err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	return f, nil
}

func (s *Store) openError(path string, err error) error {
	switch {
	case errors.Is(err, reasons.ErrTimeout):
		return fmt.Errorf("%w: %s", store.ErrLocked, s.dir)
	case errors.Is(err, reasons.ErrVersionMismatch):
		return fmt.Errorf("%w: %s: %w", store.ErrVersion, path, err)
	case errors.Is(err, reasons.ErrInvalid), errors.Is(err, reasons.ErrChecksum), errors.Is(err, errPanic):
		return &store.CorruptError{File: path, Err: err}
	default:
		return fmt.Errorf("store/bolt: cannot open %s: %w", path, err)
	}
}

// prepare checks that the file that is locked is the one of that name still, and
// makes the bucket. The holder of the lock may have put a compacted file in the
// place of this one just before it let go.
func (f *file) prepare(path string) error {
	locked, err := f.os.Stat()
	if err != nil {
		return fmt.Errorf("store/bolt: %w", err)
	}
	named, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("store/bolt: %w", err)
	}
	if !os.SameFile(locked, named) {
		return fmt.Errorf("%w: %s", store.ErrLocked, filepath.Dir(path))
	}
	err = guard(func() error {
		return f.db.Update(func(tx *engine.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bytes.Clone(bucketName))
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("store/bolt: %s: %w", path, err)
	}
	return nil
}
