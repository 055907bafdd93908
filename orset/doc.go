// Package orset holds observed-remove sets and maps: a removal affects only
// what its writer had observed.
//
//   - [Set] is the add-wins set: an element that is added and concurrently
//     removed is in.
//   - [RemoveWins] is its twin: such an element is out.
//   - [Map] maps keys to values. A put beats a concurrent removal of the key;
//     of concurrent puts to one key all values stand, to be read as the latest
//     or as siblings.
//   - [Tree] nests: fields that hold registers, counters, flags, sets and
//     further fields. An update beats a concurrent removal of what it is in,
//     and only the update survives.
//
// All are views of one kernel ([github.com/joinery-crdt/joinery/crdt/kernel])
// and use no network, storage or goroutine. Each mutator returns a delta, to be
// carried to the other replicas by whatever means: lost, doubled, out of order
// or as part of a whole state, merging gives every replica that has seen the
// same writes the same value. A lost delta is made up for by a later state or
// by the delta again; it is never taken for a removal.
//
// A removal leaves no tombstone in Set, Map and Tree. A RemoveWins keeps a mark
// for each element ever removed.
//
// Source: Shapiro et al., "Conflict-free Replicated Data Types" (2011); Bieniusa
// et al., "An optimized conflict-free replicated set" (2012); Almeida, Shoker
// and Baquero, "Delta state replicated data types" (JPDC 2018).
package orset
