// Package delta is what replicas hand to each other.
//
// A [Delta] is a frame of bytes with a version, feature bits and a checksum
// around a set of events with all their effects. The delta of one write, a
// batch, an answer to a repair request and a whole state are of this one type
// and are merged by one call; merging commutes, associates and may be repeated.
// FORMAT.md in this folder specifies the bytes.
//
// [Pending] collects the local events that nobody else has seen yet and seals
// them into units. [Log] keeps the units, one's own and those received, for
// those who missed them.
//
// # Units
//
// A unit is a delta exactly as its origin published it. It is closed: whoever
// absorbs it has all effects of the events that it claims. So it is merged,
// kept, relayed and repaired whole and never taken apart or assembled from
// current state: an event that arrives without the death it caused would claim
// to be known, nobody would ask again, and the victim would live on at one
// side only. It follows that a unit is also atomic: fields changed together
// are seen together.
package delta
