// Package store is what a durable replica asks of an embedded storage engine:
// an ordered map of bytes that survives what happens to its machine.
//
// A [Store] takes batches. Each of them is there as a whole or not at all, and
// after a crash a prefix of them is left, in the order in which they were
// applied. What was synced is in that prefix.
//
// The package holds the contract and [Memory], an implementation without a disk
// whose crashes, lies and failures a test decides. Engines on files are in the
// packages below, and each is linked only into programs that import it:
//
//   - store/pebble is fast under many writers and adds some 12 MB to a binary;
//   - store/bolt is one file, adds less than 1 MB, and is slower in batches.
//
// Package store/conformance holds each sentence of the contract as a test.
//
// # What is not promised
//
// A store does not notice that its whole machine was taken back to an earlier
// moment (the snapshot of a virtual machine or of a block device): nothing in
// such an image differs from what it was. [Store.Origin] tells only of files that
// were copied, restored or moved. Nor can a store know that a disk lies about
// having written.
package store

import (
	"context"
	"iter"
)

// Bounds of what a store takes, for all engines.
const (
	// MaxKey is the longest key, in bytes. The shortest has one byte.
	MaxKey = 4 << 10
	// MaxValue is the longest value, in bytes. The empty one is legal and is
	// not the same as none.
	MaxValue = 1 << 30
	// MaxBatch bounds [Batch.Bytes].
	MaxBatch = MaxValue + 64<<20
)

// Entry is one key with its value.
type Entry struct {
	Key   []byte
	Value []byte
}

// Reader reads a store, or a snapshot of one.
type Reader interface {
	// Get returns a copy of the value at the key, which the caller owns. It
	// returns [ErrNotFound] if there is none, and a [*CorruptError] if what is
	// there cannot be read.
	Get(key []byte) ([]byte, error)
	// Scan yields the entries with from <= key < to in the order of their keys'
	// bytes; an empty to means no bound. It may be ranged over again: each time
	// it shows the one moment at which that began. Key and value belong to the
	// store, must not be changed, and are valid until the next step.
	//
	// An error ends it and comes with the key that was reached, which is the last
	// one yielded or the one that cannot be read; the key is nil if none is
	// known. A reader that wants what lies behind a damaged entry scans again
	// from the next key.
	Scan(from, to []byte) iter.Seq2[Entry, error]
}

// Snapshot is a read-only view of one moment, for backups while writes go on.
// The engine keeps what it shows until it is closed, so disk use may grow
// meanwhile. Closing the store closes its snapshots.
type Snapshot interface {
	Reader
	// Close gives the view up. It waits for scans to end, so it must not be
	// called within one. A second call does nothing.
	Close() error
}

// Usage says what a store occupies, as far as its engine knows.
type Usage struct {
	// Bytes on disk, of all files.
	Bytes int64
	// Free is the part of Bytes that holds no data and that the engine uses
	// again, or gives back by [Store.Compact]; 0 if the engine cannot tell.
	Free int64
}

// Store is an ordered map of bytes that survives what happens to its machine.
// It is safe for concurrent use.
type Store interface {
	Reader
	// Apply makes all changes of the batch, in their order, at once: readers and
	// crashes see all of them or none. Batches survive in the order in which they
	// were applied; a later one is never there without an earlier one. The store
	// does not keep b, which may be reset and used again.
	//
	// With sync it returns when this batch and all before it are on the disk, and
	// concurrent callers share one sync. Without, it returns when the batch can be
	// read, and the engine says in its documentation what a crash can take.
	//
	// A batch beyond the bounds is refused with [ErrBounds], and a closed store
	// refuses with [ErrClosed]; neither changes anything. After any other error
	// nothing is known of the batch's fate: it may be read now or not, and be
	// there after a restart or not. The store is then broken. It refuses every
	// further Apply and Sync with [ErrFailed]; reads go on.
	Apply(b *Batch, sync bool) error
	// Sync makes all that was applied durable. An error breaks the store, as in
	// Apply.
	Sync() error
	// Snapshot returns a view of this moment. The caller closes it.
	Snapshot() (Snapshot, error)
	// Compact gives the space of what was deleted back to the disk. Readers and
	// writers go on, slower. It may take minutes and, for a time, the disk space
	// of a second copy. If ctx ends, it stops early, harms nothing and returns the
	// context's error.
	Compact(ctx context.Context) error
	// Usage returns the space on disk.
	Usage() (Usage, error)
	// Origin identifies this very copy of the store: a short text that stays as it
	// is while the store is closed and opened again in its place, and is another
	// one where the files were copied, restored from a backup, or moved to another
	// disk. That a store was shut down cleanly counts only under the origin
	// that did it.
	Origin() (string, error)
	// NewOrigin gives the copy another origin, durably, and returns it. Who finds
	// a flag of a clean shutdown calls it and consumes the flag. Otherwise files
	// restored in place by a tool that skips those that look unchanged would come
	// back with an old flag under an origin that still holds.
	NewOrigin() (string, error)
	// Close makes durable what was applied, unless the store is broken, and gives
	// everything back. Running scans end at their next step with [ErrClosed], and
	// Close waits for that, so it must not be called within one. A second call
	// does nothing.
	Close() error
}
