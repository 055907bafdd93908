package pebble

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/joinery-crdt/joinery/sync/store"
)

// Pebble takes a damaged record of its manifest for the torn end of what was being
// written in a crash, and opens with what comes before it. Had the record been
// whole once, the tables that it added would not be known any more, while the logs
// that they replaced are gone: a store with holes, and no error. So the file MANIFEST.sum
// tells how much of the manifest was synced, and its hash.
//
// It is written after each sync of the manifest and not synced itself. After a
// power loss it may be an older one, which is as true of a shorter part, or torn,
// which its own checksum tells, and then it says nothing.
const sumName = "MANIFEST.sum"

// maxSum bounds what is read of the file.
const maxSum = 256

// sum follows what is written to a manifest.
type sum struct {
	name   string
	length int64
	hash   hash.Hash
	named  bool // the manifest's name is on the disk
}

func newSum(name string) *sum { return &sum{name: name, hash: sha256.New()} }

func (s *sum) add(p []byte) {
	s.length += int64(len(p))
	_, _ = s.hash.Write(p)
}

// line returns the file's content, which has the same length for all manifests.
func (s *sum) line() string {
	text := fmt.Sprintf("%-40s %020d %x", s.name, s.length, s.hash.Sum(nil))
	return fmt.Sprintf("%s %08x\n", text, crc32.ChecksumIEEE([]byte(text)))
}

// writeSum stores a sum. Nothing is lost if it cannot: the check is then of less.
func (f *fence) writeSum(path string, s *sum) {
	file, err := f.FS.OpenReadWrite(f.FS.PathJoin(f.FS.PathDir(path), sumName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return
	}
	_, _ = file.WriteAt([]byte(s.line()), 0)
	_ = file.Close()
}

func isManifest(base string) bool { return strings.HasPrefix(base, "MANIFEST-") }

// checkManifest returns a [*store.CorruptError] if the manifest is not what was
// synced.
func checkManifest(own files) error {
	name, err := atomicfs.ReadMarker(own.fs, own.dir, "manifest")
	if err != nil || name == "" {
		return err // a new store
	}
	text, err := own.Read(sumName, maxSum)
	if err != nil {
		return nil
	}
	length, ok := parseLength(string(text), name)
	if !ok {
		return nil
	}
	now := newSum(name)
	if err := now.read(own.fs, own.path(name), length); err != nil {
		return &store.CorruptError{File: own.path(name), Err: err}
	}
	if now.line() != string(text) {
		return &store.CorruptError{File: own.path(name), Err: errors.New("checksum mismatch")}
	}
	return nil
}

// parseLength returns the length of the manifest that a line is about, if it is
// whole and about the one of that name.
func parseLength(line, name string) (length int64, ok bool) {
	end := strings.LastIndexByte(line, ' ')
	if end < 0 || line[end:] != fmt.Sprintf(" %08x\n", crc32.ChecksumIEEE([]byte(line[:end]))) {
		return 0, false
	}
	var about, hash string
	n, _ := fmt.Sscanf(line[:end], "%s %d %s", &about, &length, &hash)
	return length, n == 3 && about == name && length >= 0
}

// read adds the first bytes of a file.
func (s *sum) read(fs vfs.FS, path string, length int64) error {
	file, err := fs.Open(path)
	if err != nil {
		return err
	}
	s.length, err = io.CopyN(s.hash, file, length)
	return errors.Join(err, file.Close())
}
