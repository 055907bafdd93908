// Package lwwmap holds the last-writer-wins map: for each key the put or delete
// with the latest timestamp counts, as in Cassandra or Roshi.
//
// Times come from a hybrid logical clock, so that a write which had seen
// another is later; equal times are ordered by actor and sequence number. A
// delete stays as a tombstone, since a put with an earlier time may still be
// under way from elsewhere; a map by itself cannot know when none is. Where a put should rather survive a concurrent
// removal, and nothing should stay of removed keys, use orset.Map.
//
// The types use no network, storage or goroutine. Each mutator returns a delta,
// to be carried to the other replicas by whatever means; merging them in any
// order, any number of times, gives the same map.
//
// Not guaranteed: that the write which a person would call the later one wins.
// Clocks that are apart by a second decide concurrent writes by up to that
// second wrongly, and no clock can do better.
//
// Source: Johnson and Thomas, "The maintenance of duplicate databases" (RFC 677,
// 1975); Kulkarni et al., "Logical Physical Clocks" (2014).
package lwwmap
