// Package protocol is what thin clients and replicas say to each other: the
// subjects, requests, answers and errors of the NATS micro service that a replica
// offers. It has no I/O. docs/service.md describes all of it for other
// languages, and a test holds the two together.
//
// A request goes to "joinery-api.SPACE.any.OP", and one replica of the space
// answers it, or to "joinery-api.SPACE.ID.OP", and that one does. Requests and
// answers are JSON objects, except for the lines of import and of streams.
package protocol
