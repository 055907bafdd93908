package store

import (
	"errors"
	"fmt"
	"strconv"
)

// Errors of all engines. They come wrapped: compare with errors.Is.
var (
	// ErrNotFound says that there is nothing at a key.
	ErrNotFound = errors.New("store: not found")
	// ErrClosed says that the store or the snapshot was closed.
	ErrClosed = errors.New("store: closed")
	// ErrFailed says that a write or a sync failed, now or before, and that the
	// store takes no more of them. It comes with the first cause.
	ErrFailed = errors.New("store: a write failed and no more are taken; see to the disk, then open the store again")
	// ErrLocked says that another process, or another Store of this one, has
	// the directory.
	ErrLocked = errors.New("store: the directory is in use; stop the process that has it or choose another directory")
	// ErrVersion says that the files are in a format that this program does not
	// read.
	ErrVersion = errors.New("store: the files are in another format; run the program that wrote them or a newer one")
	// ErrBounds says that a key, a value or a batch has a size that no store takes.
	ErrBounds = errors.New("store: out of bounds")
	// ErrCorrupt is what every [CorruptError] is.
	ErrCorrupt = errors.New("store: corrupt")
)

// CorruptError says where stored bytes are not what was written. It is
// [ErrCorrupt] for errors.Is.
type CorruptError struct {
	// File is the path of the damaged file; empty if the engine cannot tell.
	File string
	// Key is the key that was read, or that a scan had reached; nil if it is not
	// known.
	Key []byte
	// Err is what the engine said.
	Err error
}

// Error returns all that is known of the place.
func (e *CorruptError) Error() string {
	s := ErrCorrupt.Error()
	if e.File != "" {
		s += ": file " + strconv.Quote(e.File)
	}
	if len(e.Key) > 0 {
		s += ": key " + strconv.Quote(string(e.Key))
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is says that e is [ErrCorrupt].
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Unwrap returns what the engine said.
func (e *CorruptError) Unwrap() error { return e.Err }

// Failed returns the error of a store that broke: [ErrFailed] and its cause. It
// is for engines.
func Failed(cause error) error { return fmt.Errorf("%w: %w", ErrFailed, cause) }
