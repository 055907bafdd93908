// Package nats is a broker over a NATS connection that belongs to the caller.
//
// [New] takes a *nats.Conn and leaves it as it found it: it never closes it,
// sets no option and replaces no handler. What it wants to know it reads from
// the connection's status channel, counters and last error.
//
// # What core NATS does, and what this package makes of it
//
// Core NATS delivers at most once. Messages are lost without a word to anybody
// when a link breaks, when nobody listens, when a reader is slow. The engine
// above repairs all of it; this package reports what can be known.
//
//   - Disconnection. nats.go keeps what is published while it reconnects in a
//     buffer of 8 MiB and fails when that is full. This package returns
//     broker.ErrDisconnected instead, because by the time of the reconnect the
//     old messages are superseded. A message published in the very moment of
//     the break may still end up in the buffer; it then arrives late.
//   - Slow subscriptions. A subscription whose handler falls behind loses
//     messages by the thousand for one asynchronous error, and the connection
//     stays up. Queues here are bounded in messages and bytes ([Config]), every
//     loss is counted, and Dropped events carry the counts.
//   - Payload limit. The server announces its limit at each connect.
//     [Broker.MaxPayload] is the smaller of it and the configured one, which is
//     well below NATS's default of 1 MiB: a leaf node whose limit is larger than
//     its hub's has its whole link dropped for one message in between.
//   - Permissions. Publish and Flush return nil for subjects that the server
//     refuses; the refusal comes later and aside. Call [Broker.SelfTest] at
//     start. Later refusals become Denied events, as far as nats.go tells: it
//     keeps the last error only, so of several at once one is seen, and
//     refusals caused by other users of the connection are seen too.
//   - Echo. Unless the caller's connection has the NoEcho option, a broker's own
//     messages come back to it. The option is per connection, so do not rely on
//     it: filter what is your own. With NoEcho a broker cannot probe its own
//     responders either.
//   - Leaf nodes. A client of a leaf node gets no event when the leaf's link to
//     its hub goes or returns, and loses what is published meanwhile. Probe a
//     subject to which only the far side responds: if the leaf knows that the
//     link is down the answer is ErrNoResponders at once, if the link only fell
//     silent there is no answer before the context ends.
//   - Interest. After Subscribe and Flush the server of this connection knows of
//     the subscription; servers behind it learn a little later. At 40 ms of
//     round trip between leaf and hub about 20 ms of messages are missed.
//
// A subscription costs the servers a few kilobytes and each of their links a
// line of protocol: subscribe to one pattern with a wildcard, not to a hundred
// thousand subjects.
package nats
