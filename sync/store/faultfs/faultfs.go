// Package faultfs is a file system in memory that loses power, fills up, fails and
// lies when it is told to, for tests of stores that write through Pebble's file
// system interface.
//
// It builds on the crashable file system that Pebble tests itself with, which
// knows what was synced: of data and of directory entries. This package numbers
// every write, sync, creation, renaming and removal, so that a test can stop at
// each of them, and tears what was not synced at any byte.
package faultfs

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrPowerLoss is what every operation returns once the power is gone.
var ErrPowerLoss = errors.New("faultfs: the power is gone")

// Kind is what an operation does.
type Kind string

// The kinds of operations that are numbered.
const (
	Create Kind = "create"
	Write  Kind = "write"
	Sync   Kind = "sync"
	Rename Kind = "rename"
	Remove Kind = "remove"
	Mkdir  Kind = "mkdir"
)

// Operation is one change to the disk.
type Operation struct {
	// Number of the operation, from 0.
	Number int
	Kind   Kind
	// Name of the file or directory; the new one of a renaming.
	Name string
}

// FS is a [vfs.FS]. It is safe for concurrent use.
type FS struct {
	vfs.FS
	disk *vfs.MemFS

	mu      sync.Mutex
	count   int
	crashAt int // number of the operation at which the power goes; -1 for never
	dead    bool
	lying   bool
	space   int64 // bytes that can still be written; -1 for no limit
	inject  func(Operation) error
	synced  map[string][]byte // what was last synced of each file
	whole   map[string]bool   // contents that were synced before a renaming
}

// New returns an empty file system that works.
func New() *FS { return wrap(vfs.NewCrashableMem()) }

func wrap(disk *vfs.MemFS) *FS {
	return &FS{
		FS: disk, disk: disk, crashAt: -1, space: -1,
		synced: make(map[string][]byte), whole: make(map[string]bool),
	}
}

// Operations returns how many operations there were.
func (f *FS) Operations() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// CrashAt takes the power away at the operation of that number: it may reach the
// disk in part, is not synced, and fails, as does everything after it.
func (f *FS) CrashAt(number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashAt = number
}

// Crash takes the power away now.
func (f *FS) Crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// Crashed says whether the power is gone.
func (f *FS) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// LieAboutSync makes syncs return at once and without effect.
func (f *FS) LieAboutSync(lie bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lying = lie
}

// LimitSpace lets no more than so many bytes be written from now on. What is
// removed gives nothing back. A negative number lifts the limit.
func (f *FS) LimitSpace(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space = bytes
}

// Inject sets a function that is asked before each operation, one at a time, and
// whose errors the operation returns instead of happening. Nil asks nobody.
func (f *FS) Inject(fail func(Operation) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inject = fail
}

// fate is what becomes of an operation.
type fate struct {
	err   error
	skip  bool  // do nothing
	space int64 // bytes of a write that fit
}

// begin numbers an operation and decides on it.
func (f *FS) begin(kind Kind, name string, bytes int) fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := Operation{Number: f.count, Kind: kind, Name: name}
	f.count++
	switch {
	case f.dead:
		return fate{err: ErrPowerLoss, skip: true}
	case op.Number == f.crashAt:
		f.dead = true
		return fate{err: ErrPowerLoss, skip: kind == Sync, space: int64(bytes)}
	}
	if f.inject != nil {
		if err := f.inject(op); err != nil {
			return fate{err: err, skip: true}
		}
	}
	return f.fit(kind, bytes)
}

// fit takes the space that an operation needs. Names can be changed and removed
// on a full disk, and what is written is written in part.
func (f *FS) fit(kind Kind, bytes int) fate {
	switch {
	case kind == Sync:
		return fate{skip: f.lying}
	case kind == Rename, kind == Remove, f.space < 0:
		return fate{space: int64(bytes)}
	case f.space == 0:
		return fate{err: syscall.ENOSPC, skip: true}
	}
	fits := min(f.space, int64(bytes))
	f.space -= fits
	if fits < int64(bytes) {
		return fate{err: syscall.ENOSPC, space: fits}
	}
	return fate{space: fits}
}

// do runs an operation as it is its fate to.
func (f *FS) do(kind Kind, name string, run func() error) error {
	fate := f.begin(kind, name, 0)
	if fate.skip {
		return fate.err
	}
	return errors.Join(run(), fate.err)
}

// Create implements [vfs.FS].
func (f *FS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(Create, name, func() (vfs.File, error) {
		f.moved("", name)
		return f.disk.Create(name, category)
	})
}

// OpenReadWrite implements [vfs.FS].
func (f *FS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open(Create, name, func() (vfs.File, error) { return f.disk.OpenReadWrite(name, category, opts...) })
}

// ReuseForWrite implements [vfs.FS].
func (f *FS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(Rename, newname, func() (vfs.File, error) {
		f.moved(oldname, newname)
		return f.disk.ReuseForWrite(oldname, newname, category)
	})
}

func (f *FS) open(kind Kind, name string, open func() (vfs.File, error)) (file vfs.File, err error) {
	err = f.do(kind, name, func() (err error) {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &tracked{File: file, fs: f, name: name}, nil
}

// OpenDir implements [vfs.FS].
func (f *FS) OpenDir(name string) (vfs.File, error) {
	dir, err := f.disk.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &tracked{File: dir, fs: f, name: name}, nil
}

// Link implements [vfs.FS].
func (f *FS) Link(oldname, newname string) error {
	return f.do(Create, newname, func() error { return f.disk.Link(oldname, newname) })
}

// Rename implements [vfs.FS].
func (f *FS) Rename(oldname, newname string) error {
	return f.do(Rename, newname, func() error {
		f.renaming(oldname, newname)
		f.moved(oldname, newname)
		return f.disk.Rename(oldname, newname)
	})
}

// Remove implements [vfs.FS].
func (f *FS) Remove(name string) error {
	return f.do(Remove, name, func() error { return f.disk.Remove(name) })
}

// RemoveAll implements [vfs.FS].
func (f *FS) RemoveAll(name string) error {
	return f.do(Remove, name, func() error { return f.disk.RemoveAll(name) })
}

// MkdirAll implements [vfs.FS].
func (f *FS) MkdirAll(dir string, perm os.FileMode) error {
	return f.do(Mkdir, dir, func() error { return f.disk.MkdirAll(dir, perm) })
}

// Unwrap implements [vfs.FS].
func (f *FS) Unwrap() vfs.FS { return f.disk }

// tracked is a file whose changes are operations.
type tracked struct {
	vfs.File
	fs   *FS
	name string
}

func (t *tracked) Write(p []byte) (int, error) {
	return t.write(p, t.File.Write)
}

func (t *tracked) WriteAt(p []byte, offset int64) (int, error) {
	return t.write(p, func(p []byte) (int, error) { return t.File.WriteAt(p, offset) })
}

func (t *tracked) write(p []byte, write func([]byte) (int, error)) (int, error) {
	fate := t.fs.begin(Write, t.name, len(p))
	if fate.skip {
		return 0, fate.err
	}
	n, err := write(p[:fate.space])
	return n, errors.Join(err, fate.err)
}

func (t *tracked) Sync() error     { return t.sync(t.File.Sync) }
func (t *tracked) SyncData() error { return t.sync(t.File.SyncData) }

func (t *tracked) sync(sync func() error) error {
	return t.fs.do(Sync, t.name, func() error {
		if err := sync(); err != nil {
			return err
		}
		return t.fs.remember(t.name)
	})
}
