// Package broker is the contract between the sync engine and a transport.
//
// A broker carries opaque bytes on subjects. It is assumed to lose, duplicate,
// delay and reorder messages and to say nothing about it; everything above
// converges regardless. What a broker must get right is small: never deliver a
// message to a subject it was not published on, never deliver bytes that were
// not published, and report what it knows about the health of its link.
//
// Subjects and patterns are NATS subjects: tokens separated by dots, where a
// pattern may hold the wildcards "*" (one token) and ">" (one or more, last).
//
// Implementations: [github.com/joinery-crdt/joinery/broker/memory] for tests,
// with faults on request, and [github.com/joinery-crdt/joinery/broker/nats].
// Both pass the suite in broker/conformance. Package broker/embedded runs a
// NATS server inside the process, and broker/linktest is a TCP link that breaks
// on request.
package broker

import (
	"context"
	"errors"
	"fmt"
)

// Errors that every implementation returns, possibly wrapped.
var (
	// ErrClosed means that the broker or its connection is closed for good.
	ErrClosed = errors.New("broker: closed")
	// ErrDisconnected means that the link is down at this moment. Nothing was
	// sent and nothing is buffered; the caller keeps its data and tries again
	// after a [Connected] event.
	ErrDisconnected = errors.New("broker: disconnected")
	// ErrTooLarge means that the payload is above MaxPayload.
	ErrTooLarge = errors.New("broker: payload too large")
	// ErrNoResponders means that nobody who could be reached listens on the
	// probed subject.
	ErrNoResponders = errors.New("broker: nobody listens")
	// ErrSubject means that a subject, pattern or queue name is malformed.
	ErrSubject = errors.New("broker: bad subject")
	// ErrDenied means that the server refuses the subject to these credentials.
	ErrDenied = errors.New("broker: permission denied")
)

// DefaultMaxPayload is the largest message in bytes that a broker takes unless
// told otherwise. It is a quarter of a NATS server's default limit on purpose:
// a leaf node that forwards a message above its hub's limit does not lose that
// message alone, its whole link to the hub is dropped.
const DefaultMaxPayload = 256 << 10

// Message is one delivery. Data belongs to the receiver.
type Message struct {
	Subject string
	Data    []byte
}

// Handler receives the messages of one subscription, one after the other. It
// must return quickly, and must call neither Unsubscribe nor Close; slow work
// belongs into a queue of the receiver's own. It may publish.
type Handler func(Message)

// Subscription is one interest in a pattern.
type Subscription interface {
	// Unsubscribe ends delivery; what still waits for the handler is discarded.
	// A handler that is running may still finish after it returns. Calling it
	// twice, or after the broker was closed, is harmless.
	Unsubscribe() error
}

// Broker publishes and delivers messages, at most once each as far as it knows.
// All methods are safe for concurrent use.
type Broker interface {
	// Publish hands data to the link and returns without waiting for anyone.
	// The broker does not keep data after it returned. It returns
	// ErrDisconnected instead of buffering, ErrTooLarge above MaxPayload,
	// ErrSubject for what CheckSubject refuses. A nil error does not mean that
	// anybody received the message, nor that the server allowed it.
	Publish(subject string, data []byte) error

	// Subscribe delivers what is published on subjects that match pattern. Of
	// all subscribers that name the same non-empty queue one receives each
	// message. A broker's own messages come back to it if its pattern matches:
	// telling echoes apart is the caller's business.
	//
	// The queue of messages that wait for the handler is bounded; what does
	// not fit is lost and reported by a Dropped event. Subscribe works while
	// the link is down and takes effect when it is up. Interest takes time to
	// spread: after Subscribe and Flush the nearest server knows of it, servers
	// beyond it may not, so subscribe first and then catch up from a peer.
	Subscribe(pattern, queue string, h Handler) (Subscription, error)

	// Respond is Subscribe on an exact subject for Probe: it answers each
	// probe with an empty reply.
	Respond(subject string) (Subscription, error)

	// Probe returns nil if somebody who called Respond on subject answered,
	// ErrNoResponders if the transport knows that nobody listens, or ctx's
	// error. It is how a caller notices a link further away that fell silent:
	// probe a subject to which only the far side responds. Subscribers do not
	// see probes, though their interest keeps ErrNoResponders away. A link that
	// breaks or a broker that is closed meanwhile ends the wait with
	// ErrDisconnected or ErrClosed.
	Probe(ctx context.Context, subject string) error

	// Flush returns when everything published before it has reached the other
	// end of the link (not: its readers), or like Probe when that cannot be.
	Flush(ctx context.Context) error

	// MaxPayload is the largest message in bytes that the link takes now.
	MaxPayload() int

	// Events returns the channel of link events. There is one channel for the
	// broker's lifetime; the first event, Connected or Disconnected, tells how
	// the link was found, and the channel is closed after Close. If its reader
	// is slow, older events of the same kind give way to newer ones: events say
	// "look", they are no log.
	Events() <-chan Event

	// Close ends all subscriptions and waits for running handlers. It leaves
	// the connection underneath open if the caller owns it. Afterwards every
	// method returns ErrClosed, and Close itself nil.
	Close() error
}

// EventKind says what happened to a link.
type EventKind uint8

// The kinds of link events.
const (
	// Connected: the link is up, for the first time or again. Messages may
	// have been lost before it.
	Connected EventKind = iota + 1
	// Disconnected: the link is down; it may come back.
	Disconnected
	// Dropped: the transport discarded Count messages for a slow subscription.
	Dropped
	// Denied: the server refused Subject for want of permission.
	Denied
	// Closed: the link is gone for good.
	Closed
)

// String names the kind in lower case.
func (k EventKind) String() string {
	names := [...]string{"unknown", "connected", "disconnected", "dropped", "denied", "closed"}
	if int(k) >= len(names) {
		return fmt.Sprintf("event(%d)", uint8(k))
	}
	return names[k]
}

// Event is one observation about the link.
type Event struct {
	Kind    EventKind
	Subject string // of Dropped and Denied, where known
	Count   uint64 // of Dropped: messages lost since the last such event
	Err     error  // the transport's own words, if any
}
