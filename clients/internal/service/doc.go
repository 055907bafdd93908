// Package service is the NATS micro service by which a replica answers thin
// clients. What the two say to each other is in package clients/remote/protocol,
// and on the page docs/service.md; the client is package clients/remote.
//
// # Writes
//
// A write is answered when it is as durable as the replica is told to make it.
// Writes of many clients, and the lines of one import, are under way at the same
// time, so that they share syncs of the disk. Lines keep their order; requests
// that do not wait for each other have none. A request with a name is carried out
// by [joinery.Doc.Once], and only by the replica, in the same incarnation, that it
// was sent to at first.
//
// # Streams
//
// A stream (documents, fields, conflicts, or what a watch sees) is lines of
// JSON without an end in sight, so the client pulls it, chunk by chunk: nothing
// piles up for a client that is slow or gone. A replica keeps a cursor for one
// that is longer than a chunk, answers the last chunk again if asked again, and
// forgets a cursor that has not been asked for a minute. Lines may be cut by the
// chunks' borders.
//
// # Limits
//
// Requests and answers stay below the connection's payload limit; a replica
// keeps [protocol.MaxCursors] cursors. What is not guaranteed: two requests to "any"
// may reach two replicas, of which one has not heard yet what the other was told.
package service
