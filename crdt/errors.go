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
	// ErrOverflow means that an increment does not fit in 64 bits. Nothing was written.
	ErrOverflow = errors.New("crdt: counter overflow")
	// ErrExhausted means that the actor has no sequence numbers left, which
	// only a forged delta can bring about. Take a new incarnation.
	ErrExhausted = errors.New("crdt: sequence numbers of this actor are exhausted; take a new incarnation")
)
