package crdt

import "errors"

// Errors of writes and merges, possibly wrapped with details.
var (
	// ErrTooLarge means that a key, value, path or group is above its limit.
	// Nothing was written.
	ErrTooLarge = errors.New("crdt: too large")
	// ErrSuperseded means that a write with an explicit timestamp is older than
	// what this replica has observed there. It was ignored; all other writes
	// are never ignored.
	ErrSuperseded = errors.New("crdt: explicit timestamp is older than the value it would replace; ignored")
	// ErrContext means that a write was to supersede a dot that nobody can have
	// read: none at all, or one that this actor has not minted yet. Nothing was
	// written.
	ErrContext = errors.New("crdt: context names a dot that was never minted")
	// ErrUnsealed means that the value holds writes that may still change, made
	// by a Writer and not flushed. Flush, hand on the delta, then encode.
	ErrUnsealed = errors.New("crdt: unsealed writes; Flush before encoding")
	// ErrForeign means that a delta is of another type, or holds bytes that are
	// no encoding of this one's keys or values. Nothing was merged.
	ErrForeign = errors.New("crdt: delta of another type")
	// ErrExhausted means that the actor has no sequence numbers left, which
	// only a forged delta can bring about. Take a new incarnation.
	ErrExhausted = errors.New("crdt: sequence numbers of this actor are exhausted; take a new incarnation")
)
