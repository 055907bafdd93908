package pebble

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/joinery-crdt/joinery/sync/store"
)

// fence stands between pebble and the file system. Pebble ends the process when
// its log or its manifest cannot be written: it calls Logger.Fatalf, or panics
// while it holds locks. So it never hears of such an error.
//
// With the first write that fails, the disk freezes: logs, manifests, renames and
// removals are taken for done and are not, so that the disk stays as a crash at
// that moment would leave it. Tables of memtables that are flushed after that go
// to memory, where they can be read; compactions wait, unless writers that were
// let in before wait for them. Reads go on, and whoever wrote looks at failure()
// before it believes that anything is done.
//
// That holds while pebble opens, too; Open asks failure() at its end.
type fence struct {
	vfs.FS
	lost *vfs.MemFS    // tables that were written after the failure
	gone chan struct{} // closed at the first failure

	mu      sync.Mutex
	changed *sync.Cond
	cause   error // the first failure; nil if there is none
	stalled bool  // writers wait for a flush or a compaction
	opening bool  // pebble opens, and waits for the compactions that it has begun
	closing bool
}

func newFence(inner vfs.FS) *fence {
	f := &fence{FS: inner, lost: vfs.NewMem(), gone: make(chan struct{}), opening: true}
	f.changed = sync.NewCond(&f.mu)
	return f
}

// failure returns [store.ErrFailed] with its cause once a write has failed.
func (f *fence) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause == nil {
		return nil
	}
	return store.Failed(f.cause)
}

// fail freezes the disk.
func (f *fence) fail(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause == nil {
		f.cause = cause
		close(f.gone)
		f.changed.Broadcast()
	}
}

func (f *fence) setStalled(stalled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stalled = stalled
	f.changed.Broadcast()
}

// begin says that pebble has opened.
func (f *fence) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opening = false
}

// release lets compactions that wait fail, because the store is closing.
func (f *fence) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closing = true
	f.changed.Broadcast()
}

// frozen says whether the disk takes no more.
func (f *fence) frozen() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause != nil
}

// note takes an error of a write and returns what pebble is to hear of it: errors
// of tables, which it can live with, and no others.
func (f *fence) note(err error, table bool) error {
	if err == nil {
		return nil
	}
	f.fail(err)
	if table {
		return err
	}
	return nil
}

// Names of files that hold tables. Pebble reads them while it runs, and it
// survives if it cannot write them.
func isTable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}

func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if f.frozen() {
		return f.createLost(name, category)
	}
	file, err := f.FS.Create(name, category)
	return f.opened(file, err, name)
}

// opened wraps a file that is to be written.
func (f *fence) opened(file vfs.File, err error, name string) (vfs.File, error) {
	if err == nil {
		fenced := &fencedFile{File: file, fence: f, path: name, table: isTable(name)}
		if base := f.FS.PathBase(name); isManifest(base) {
			fenced.sum = newSum(base)
		}
		return fenced, nil
	}
	f.fail(err)
	if isTable(name) {
		return nil, err
	}
	return f.createLost(name, vfs.WriteCategoryUnspecified)
}

// createLost makes a file that the disk never sees.
func (f *fence) createLost(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !isTable(name) {
		return &fencedFile{File: vfs.NewMemFile(nil), fence: f}, nil
	}
	if category == compaction {
		if err := f.awaitNeed(); err != nil {
			return nil, err
		}
	}
	if err := f.lost.MkdirAll(f.lost.PathDir(name), 0o700); err != nil {
		return nil, err
	}
	return f.lost.Create(name, category)
}

// compaction is how pebble calls the writes of its compactions.
const compaction vfs.DiskWriteCategory = "pebble-compaction"

// awaitNeed returns when writers wait for the compaction, or with an error when
// the store is being opened or closed.
func (f *fence) awaitNeed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.stalled && !f.closing && !f.opening {
		f.changed.Wait()
	}
	if f.closing || f.opening {
		return f.cause
	}
	return nil
}

func (f *fence) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if f.frozen() {
		return f.createLost(newname, category)
	}
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	return f.opened(file, err, newname)
}

func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if f.frozen() {
		return f.createLost(name, category)
	}
	file, err := f.FS.OpenReadWrite(name, category, opts...)
	return f.opened(file, err, name)
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: dir, fence: f}, nil
}

// change makes a change of names, which the frozen disk does not see.
func (f *fence) change(do func() error) error {
	if f.frozen() {
		return nil
	}
	return f.note(do(), false)
}

func (f *fence) Link(oldname, newname string) error {
	return f.change(func() error { return f.FS.Link(oldname, newname) })
}

func (f *fence) Rename(oldname, newname string) error {
	return f.change(func() error { return f.FS.Rename(oldname, newname) })
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.change(func() error { return f.FS.MkdirAll(dir, perm) })
}

// Remove fails without harm: the file is there for the next start to remove.
func (f *fence) Remove(name string) error {
	if f.frozen() {
		return nil
	}
	return f.FS.Remove(name)
}

func (f *fence) RemoveAll(name string) error {
	if f.frozen() {
		return nil
	}
	return f.FS.RemoveAll(name)
}

func (f *fence) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if f.isLost(name) {
		return f.lost.Open(name, opts...)
	}
	return f.FS.Open(name, opts...)
}

func (f *fence) Stat(name string) (vfs.FileInfo, error) {
	if f.isLost(name) {
		return f.lost.Stat(name)
	}
	return f.FS.Stat(name)
}

func (f *fence) isLost(name string) bool {
	if !isTable(name) || !f.frozen() {
		return false
	}
	_, err := f.lost.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file that is written, or a directory that is synced.
type fencedFile struct {
	vfs.File
	fence *fence
	path  string
	table bool
	sum   *sum // of a manifest; nil for others
}

// do writes or syncs. On a frozen disk only tables go on, whose errors pebble hears.
func (f *fencedFile) do(write func() error) error {
	if !f.table && f.fence.frozen() {
		return nil
	}
	return f.fence.note(write(), f.table)
}

func (f *fencedFile) Write(p []byte) (int, error) {
	n := len(p)
	if f.sum != nil {
		f.sum.add(p)
	}
	err := f.do(func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *fencedFile) WriteAt(p []byte, offset int64) (int, error) {
	n := len(p)
	err := f.do(func() (err error) {
		n, err = f.File.WriteAt(p, offset)
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *fencedFile) Sync() error     { return f.sync(f.File.Sync) }
func (f *fencedFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *fencedFile) sync(sync func() error) error {
	err := f.do(sync)
	if f.sum != nil && !f.fence.frozen() {
		err = f.do(f.nameManifest)
		f.fence.writeSum(f.path, f.sum)
	}
	return err
}

// nameManifest makes a manifest's name durable with its first sync. Pebble leaves
// that to the sync of the marker that points to it, and a power loss before that
// may keep the marker and not the manifest.
func (f *fencedFile) nameManifest() error {
	if f.sum.named {
		return nil
	}
	f.sum.named = true
	return syncDir(f.fence.FS, f.fence.PathDir(f.path))
}

func (f *fencedFile) SyncTo(length int64) (full bool, err error) {
	err = f.do(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Preallocate is an optimization; a disk that refuses it is full at the next
// write, if at all.
func (f *fencedFile) Preallocate(offset, length int64) error {
	if f.fence.frozen() {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

// Close of a log may be what tells that it was not written.
func (f *fencedFile) Close() error { return f.fence.note(f.File.Close(), f.table) }
