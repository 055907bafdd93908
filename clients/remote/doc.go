// Package remote is the client for programs without a replica of their own. It
// has the handles of package joinery, and asks a replica that runs elsewhere, over
// the NATS micro service that "joinery serve" offers:
//
//	c, err := remote.New(nc, remote.Config{Space: "shop"})
//	user := c.Doc("user:123")
//	err = user.Register("name").Set(ctx, "Alice")
//	err = user.Counter("visits").Inc(ctx, 1)
//	name, ok, err := remote.Get[string](ctx, user.Register("name"))
//	err = user.Update(ctx, func(tx *remote.Tx) error { ... })
//	for ev, err := range c.Watch(ctx, "cart.*") { ... }
//
// A replica reads and writes without asking anybody; a thin client needs one that
// can be reached. What it is for: web back ends, jobs, tools, and programs in
// which there is no room for the documents. docs/service.md has the messages for
// other languages.
//
// # Calls
//
// A client asks one replica as long as it answers, and another one when it goes
// away. Calls try again, with growing pauses, until their context ends; one
// without a deadline gets one of [Config].Timeout. Errors are those of package
// joinery wherever there is one: errors.Is(err, joinery.ErrTooLarge).
//
// # A write counts once
//
// An answer may get lost, and then a client cannot tell a write that was carried
// out from one that never arrived. Asking again must not count twice. So:
//
//   - A client names each write, and the replica writes the name into the
//     document, in the same atomic group. Whoever has seen the write has seen its
//     name, across restarts and at every other replica that it spreads to.
//   - As long as nobody got the write, as NATS says so, anybody may be asked.
//   - Once a replica may have got it, that one alone is asked again. It finds the
//     name, and answers as it should have before.
//   - If that one is gone, or has begun a new life and may have forgotten, others
//     are asked whether they have seen the name. If so, the write stands.
//   - If nobody has when the context ends, the error is [ErrUnknown]: the write may
//     stand, and spread when that replica comes back. [Client.Settle] asks
//     again; to make the write anew is the caller's decision, who alone knows
//     whether twice is worse than not at all.
//
// So a write is never carried out twice, and once if its call returned nil. The
// other way would have been to let another replica carry it out again at once, and
// to take one of the two back when they meet. That gives fewer unknown ends, and
// for it values that are too high as long as the two have not met, a
// record for as long as any replica may be away, and the removal of what somebody
// may have seen and acted upon. A replica sends on what it has written
// within milliseconds, so an end is unknown only if it dies or is cut off within
// these.
//
// The names are remembered for an hour, and a client stops to repeat a write
// after half of that. A replica whose clock jumps by more in between may
// forget too soon.
//
// # What was read
//
// A client follows what it has read and written, see [Session]: at another
// replica it waits until that one has seen as much, or fails with
// joinery.ErrBehind. A web back end hands the session's token to each user. A write
// replaces what the replica has seen at a place; to replace just what
// a user has seen in a form, hand out [ReadContext] with it and write [Over] it.
//
// # Bounds
//
// No answer is above 128 KiB: longer readings come in pieces, each asked for when
// the loop wants it. Lists of documents can be had page by page, see
// [Client.Page]. An Update has at most 10,000 writes and what fits in a message of
// the connection, 1 MiB unless configured otherwise; a group's own limit is 512
// KiB.
//
// # What is not guaranteed
//
// A reading in pieces, such as Fields of a large document, fails with [ErrBroken]
// if its replica goes away in the middle; Docs and Watch go on. A session's
// guarantee is for each document by itself. A Watch that goes on elsewhere may
// show an older state for a moment. Whoever may publish to the service writes as
// the replica that answers.
package remote
