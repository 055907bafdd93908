// Package wire is the codec of effects: it writes what a [kernel.State] knows
// as bytes and merges such bytes into another state.
//
// A fragment says, actor by actor, which events it claims, which of their
// payloads are live, and which other dots are known to be dead. A delta, a
// group of deltas, an answer to a repair request and a whole state are all
// fragments; they differ only in size. FORMAT.md in package delta specifies
// the bytes; all integers and strings are msgpack in its shortest form.
//
// A fragment is validated whole by [Parse] before anything of it is applied.
// Validation allocates at most 16 times its input, whatever the bytes claim,
// and a range that claims 2^60 dots costs as much as one that claims two.
package wire
