package faultfs

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Restart returns the disk as the machine finds it when the power is back: with
// what was synced, and nothing else. It works, and this one goes on as it is.
func (f *FS) Restart() (*FS, error) {
	return f.restart(vfs.CrashCloneCfg{}, func(_, now []byte) []byte { return now })
}

// RestartTorn returns the disk as the machine finds it if some of what was not
// synced did reach it: each directory entry or block of 4 KiB by a chance that the
// seed chooses, and files torn at any byte, with nothing, zeros or garbage
// behind. What was synced is there.
func (f *FS) RestartTorn(seed uint64) (*FS, error) {
	rng := rand.New(rand.NewPCG(seed, seed))
	return f.restart(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}, func(synced, now []byte) []byte {
		if rng.IntN(2) == 0 {
			return now
		}
		return tear(rng, synced, now)
	})
}

// restart returns a disk that survived a crash. change gets what was synced of
// each file and what is there, and returns what is to be there.
func (f *FS) restart(cfg vfs.CrashCloneCfg, change func(synced, now []byte) []byte) (*FS, error) {
	next := wrap(f.disk.CrashClone(cfg))
	f.mu.Lock()
	synced, whole := make(map[string][]byte, len(f.synced)), maps.Clone(f.whole)
	for name, data := range f.synced {
		synced[name] = slices.Clone(data)
	}
	f.mu.Unlock()
	return next, next.eachFile("/", func(path string) error {
		now, err := read(next.disk, path)
		if err != nil {
			return err
		}
		left := now
		if !whole[string(now)] {
			left = change(synced[path], now)
		}
		next.synced[path] = left
		if bytes.Equal(left, now) {
			return nil
		}
		return write(next.disk, path, left)
	})
}

// eachFile visits the files below a directory, in the order of their names.
func (f *FS) eachFile(dir string, visit func(path string) error) error {
	names, err := f.disk.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		path := f.disk.PathJoin(dir, name)
		info, err := f.disk.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = f.eachFile(path, visit)
		} else {
			err = visit(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moved notes that a file has another name, or that a name has an empty file.
func (f *FS) moved(from, to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced[to] = f.synced[from]
	delete(f.synced, from)
}

// renaming notes what the two files hold that a renaming is about. After a crash
// each may be found under either name, whole.
func (f *FS) renaming(oldname, newname string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range []string{oldname, newname} {
		f.whole[string(f.synced[name])] = true
	}
}

// remember notes what is in a file that was synced. Nobody writes to a file while
// it is synced.
func (f *FS) remember(name string) error {
	if info, err := f.disk.Stat(name); err != nil || info.IsDir() {
		return err
	}
	data, err := f.disk.UnsafeGetFileDataBuffer(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced[name] = append(f.synced[name][:0], data...)
	return nil
}

// tear returns a file's content if its change from what was synced stopped at
// some byte.
func tear(rng *rand.Rand, synced, now []byte) []byte {
	first := 0
	for first < len(synced) && first < len(now) && synced[first] == now[first] {
		first++
	}
	if first == len(now) {
		return now
	}
	cut := first + rng.IntN(len(now)-first)
	torn := append([]byte{}, now[:cut]...)
	if cut < len(synced) {
		return append(torn, synced[cut:]...)
	}
	rest := make([]byte, rng.IntN(len(now)-cut+1))
	switch rng.IntN(3) {
	case 0:
		return torn
	case 1:
		for i := range rest {
			rest[i] = byte(rng.Uint32())
		}
	}
	return append(torn, rest...)
}

func read(fs *vfs.MemFS, path string) ([]byte, error) {
	file, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	return data, errors.Join(err, file.Close())
}

func write(fs *vfs.MemFS, path string, data []byte) error {
	file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	dir, err := fs.OpenDir(fs.PathDir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
