// Package pebble is a [store.Store] on Pebble, the log-structured merge tree of
// CockroachDB. It is the engine for servers: concurrent writers share a sync, a
// start after a crash replays a bounded log, and blocks of tables and records of
// the log carry checksums.
//
// # What a crash can take
//
// Nothing that was applied with sync. What was applied without it is handed to the
// operating system block by block of 32 KiB, as fast as the disk takes them, and
// in full at the next sync and when the store is closed. So the kill of a process
// takes the batches of the last block however old they are, and of those before
// that were not written out yet, Options.MemtableBytes at most; a power loss takes
// all since the last sync. Either way a prefix of the batches is left.
//
// # Failures
//
// After the first write or sync that fails, for whatever reason, the disk is
// not touched any more and the store refuses writes with [store.ErrFailed]: a
// second fsync that succeeds proves nothing about pages that the first one
// failed to write. The process goes on, and so do reads, also of what was applied
// and not synced.
//
// # Corruption
//
// What fails a checksum when it is read is a [*store.CorruptError] that names
// the file; all else stays readable. Where compaction meets it, that is logged, and
// compaction rests for ten seconds. A damaged list of tables or a log that is damaged before what was synced
// keeps the store from opening. A log that was cut, or damaged in its last
// records, looks as if a crash had torn it: its tail is missing without a word.
package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"

	engine "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/internal/home"
)

// The format of the files: ours, and Pebble's, which goes with it. Whoever
// raises the second has to raise the first, so that an older program refuses the
// files with words that say what to do.
const (
	engineName    = "pebble"
	formatVersion = 1
	format        = engine.FormatValueSeparation
)

// lockName is the file by which Pebble locks a directory, before it is marked.
const lockName = "LOCK"

// Bounds and defaults of [Options].
const (
	defaultCacheBytes    = 16 << 20
	defaultMemtableBytes = 4 << 20
	minMemtableBytes     = 256 << 10
	maxMemtableBytes     = 1 << 30
	defaultMaxOpenFiles  = 256
	minMaxOpenFiles      = 32
)

// Options of a store. The zero value is for a small footprint: some 25 MB of
// memory and 256 open files.
type Options struct {
	// CacheBytes is the size of the cache for blocks of tables. 0 means 16 MiB.
	CacheBytes int64
	// MemtableBytes is how much is written before it is sorted into a table, and
	// about how much of the log a start replays. Up to four memtables are in
	// memory. 0 means 4 MiB; the bounds are 256 KiB and 1 GiB.
	MemtableBytes int
	// MaxOpenFiles bounds the file handles. 0 means 256; the least is 32.
	MaxOpenFiles int
	// Logger gets failures and corruption found in the background. Nil means
	// silence.
	Logger *slog.Logger
	// FS is a file system for tests, on which the directory is made as it is named
	// and an origin holds for the files' content alone. Nil means that of the
	// operating system.
	FS vfs.FS
}

func (o Options) withDefaults() (Options, error) {
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.MemtableBytes == 0 {
		o.MemtableBytes = defaultMemtableBytes
	}
	if o.MaxOpenFiles == 0 {
		o.MaxOpenFiles = defaultMaxOpenFiles
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.CacheBytes < 0:
		return o, fmt.Errorf("store/pebble: CacheBytes is %d; give a size or 0", o.CacheBytes)
	case o.MemtableBytes < minMemtableBytes || o.MemtableBytes > maxMemtableBytes:
		return o, fmt.Errorf("store/pebble: MemtableBytes is %d; give %d to %d", o.MemtableBytes, minMemtableBytes, maxMemtableBytes)
	case o.MaxOpenFiles < minMaxOpenFiles:
		return o, fmt.Errorf("store/pebble: MaxOpenFiles is %d; give %d or more", o.MaxOpenFiles, minMaxOpenFiles)
	}
	return o, nil
}

// Open opens the store in a directory, which is made if it is not there. Its
// errors are [store.ErrLocked] if the directory is in use, [store.ErrVersion] if
// it has another format, a [*store.CorruptError] if it cannot be read, and those
// of the operating system. It replays the log, which takes some time per MB of
// Options.MemtableBytes.
func Open(dir string, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	dir, files, err := prepare(dir, o)
	if err != nil {
		return nil, err
	}
	lock, err := lockDirectory(dir, files.fs)
	if err != nil {
		return nil, err
	}
	s, err := open(dir, files, lock, o)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// prepare makes the directory and returns its path and its files.
func prepare(dir string, o Options) (string, files, error) {
	if o.FS != nil {
		f := files{fs: o.FS, dir: dir}
		return dir, f, makeDir(o.FS, dir)
	}
	dir, err := home.Prepare(dir, engineName, formatVersion, lockName)
	f := files{fs: vfs.Default, dir: dir, onDisk: true}
	return dir, f, err
}

func lockDirectory(dir string, fs vfs.FS) (*engine.Lock, error) {
	lock, err := engine.LockDirectory(dir, fs)
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, syscall.EAGAIN), err.Error() == "lock held by current process":
		return nil, fmt.Errorf("%w: %s", store.ErrLocked, dir)
	default:
		return nil, fmt.Errorf("store/pebble: cannot lock %s: %w", dir, err)
	}
}

// open opens the engine in a directory that is locked.
func open(dir string, own files, lock *engine.Lock, o Options) (*Store, error) {
	if err := home.CheckVersion(own, dir, engineName, formatVersion, lockName); err != nil {
		return nil, err
	}
	if err := checkManifest(own); err != nil {
		return nil, err
	}
	if _, err := home.Origin(own); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, own: own, lock: lock, fence: newFence(own.fs), snapshots: make(map[*snapshot]struct{})}
	if err := s.start(o); err != nil {
		return nil, err
	}
	s.fence.begin()
	if err := s.fence.failure(); err != nil {
		s.fence.release()
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// wrongSize is what Pebble says of a table that was cut, without marking the error.
const wrongSize = "object size mismatch"

// start opens the engine. What it cannot read may make it panic.
func (s *Store) start(o Options) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("store/pebble: cannot open %s: %v", s.dir, r)
		}
	}()
	if s.db, err = engine.Open(s.dir, s.engineOptions(o)); err != nil {
		err = fmt.Errorf("cannot open %s: %w", s.dir, err)
		if errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), wrongSize) { // a table that its list names
			return &store.CorruptError{Err: err}
		}
		return s.readError(nil, err)
	}
	return nil
}

func (s *Store) engineOptions(o Options) *engine.Options {
	log := &logger{fence: s.fence, log: o.Logger.With("store", s.dir)}
	pace := newPace()
	opts := &engine.Options{
		FS:                         s.fence,
		Lock:                       s.lock,
		CacheSize:                  o.CacheBytes,
		MemTableSize:               uint64(o.MemtableBytes),
		MaxOpenFiles:               o.MaxOpenFiles,
		FormatMajorVersion:         format,
		Logger:                     log,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		EventListener: &engine.EventListener{
			BackgroundError: func(err error) {
				log.backgroundError(err)
				pace.rest()
			},
			DataCorruption:  log.corruption,
			WriteStallBegin: func(engine.WriteStallBeginInfo) { s.fence.setStalled(true) },
			WriteStallEnd:   func() { s.fence.setStalled(false) },
		},
	}
	opts.Experimental.CompactionScheduler = pace
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}
