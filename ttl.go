package joinery

import (
	"context"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// TTL makes what is written expire: from d after the write on nobody sees it any
// more, and somewhat later a replica that holds it removes it, by an ordinary
// write that removes what it has seen there and nothing else. A further write,
// with another TTL or none, begins anew. It suits a Set of a [Register] or
// [Entry] and the Enable of a flag; [Set.AddFor] is for elements. It means
// nothing to a Remove, Delete or Disable.
//
// The moment is taken from the writer's clock and held against each reader's,
// which never goes back for this purpose. A clock that is wrong makes it late or
// early there, and nothing else: replicas that hold the same do so whatever their
// clocks say. What was written at the same time without a TTL shows again when
// the other is over, as after a Remove.
//
// A watch tells of it when it is hidden, as of something removed, and not again
// when it is removed.
func TTL(d time.Duration) Option {
	return func(o *crdt.Options) { *o = crdt.Combine(*o, crdt.TTL(d)) }
}

// ExpireAt is [TTL] with the moment. One that is over already makes what nobody
// will see.
func ExpireAt(t time.Time) Option {
	return func(o *crdt.Options) { *o = crdt.Combine(*o, crdt.ExpireAt(t)) }
}

// Expire makes the whole document expire, d from now: it is then as if [Doc.Delete]
// had been called, first for readers and then in fact, but that watches may tell
// twice of what was in it. A write to a document that has expired makes a new
// one, which does not expire. Until then the last call counts, wherever it was
// made; concurrent writes of others expire with the rest.
func (d *Doc) Expire(ctx context.Context, ttl time.Duration) error {
	return d.expire(ctx, crdt.TTL(ttl))
}

// ExpireAt is [Doc.Expire] with the moment.
func (d *Doc) ExpireAt(ctx context.Context, t time.Time) error {
	return d.expire(ctx, crdt.ExpireAt(t))
}

func (t target) expire(ctx context.Context, o crdt.Options) error {
	return t.write(ctx, func(c *crdt.Document) error { return c.SetExpiry(o) })
}

// Expire is [Doc.Expire] as a part of the Update.
func (tx *Tx) Expire(ctx context.Context, ttl time.Duration) error {
	return tx.expire(ctx, crdt.TTL(ttl))
}

// ExpireAt is [Doc.ExpireAt] as a part of the Update.
func (tx *Tx) ExpireAt(ctx context.Context, t time.Time) error {
	return tx.expire(ctx, crdt.ExpireAt(t))
}

// Persist takes back what [Doc.Expire] said. A concurrent Expire stands.
func (d *Doc) Persist(ctx context.Context) error {
	return d.write(ctx, func(c *crdt.Document) error { return c.ClearExpiry() })
}

// Expires returns when the document expires, false if it does not.
func (d *Doc) Expires() (at time.Time, ok bool) {
	var t hlc.Time
	d.read(func(c *crdt.Document) {
		if !c.Lapsed() {
			t = c.Expiry()
		}
	})
	if t == 0 {
		return time.Time{}, false
	}
	return t.Time(), true
}
