// Package service is how thin clients talk to a replica: a NATS micro service
// that every replica of a space offers, and the client for it.
//
// # Subjects
//
// A request goes to "joinery-api.SPACE.any.OP", and one replica of the space
// answers it, or to "joinery-api.SPACE.ID.OP", and that one does. The answer's
// Joinery-Replica header says who it was, so that a client that has written
// can go on reading where its writes are. Operations:
//
//	import    lines of JSON (package record); an optional header Joinery-Keep-Going.
//	          Answers {"applied":N,"errors":[{"line":I,"error":"..."}]}
//	inc       {"doc","field","by"}                         answers {"value":N}
//	remove    {"doc","field","elements":[...],"remove_wins"}   answers {"changed":N}
//	delete    {"doc","field"}                              answers {"changed":N}
//	resolve   {"doc","field","pick"|"value","context"}     answers {"value":...}
//	status    {}                                           answers the replica's status
//	open      a Query; answers the first chunk of a stream
//	next      {"cursor","chunk"}; answers a further chunk
//	close     {"cursor"}
//	backup    {}; answers the first chunk of a copy of the replica's store
//	compact   {}; answers the first chunk of a stream of one line
//
// Requests and answers are JSON except for the lines of import and of streams.
// Errors are those of NATS micro services, with codes as in HTTP: 400 bad
// request, 404 not found, 409 superseded or busy, 413 above a limit, 503 closing.
//
// # Streams
//
// A stream (documents, fields, conflicts, or what a watch sees) is lines of
// JSON without an end in sight, so the client pulls it, chunk by chunk: nothing
// piles up for a client that is slow or gone. A replica keeps a cursor for it,
// answers the last chunk again if asked again, and forgets a cursor that has
// not been asked for a minute. Lines may be cut by the chunks' borders.
//
// # Durability
//
// A write is answered when it is as durable as the replica is told to make it.
// Writes of many clients, and the lines of one import, are under way at the same
// time, so that they share syncs of the disk. Lines keep their order; requests
// that do not wait for each other have none.
//
// # Limits
//
// Requests and answers stay below the connection's payload limit; a replica
// keeps [MaxCursors] cursors. What is not guaranteed: two requests to "any" may
// reach two replicas, of which one has not heard yet what the other was told.
package service
