// Package joinery is the front door of a sync engine for Go programs: replicas
// that read and write locally, online or off, and converge over NATS.
//
//	r, err := joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc})
//	user := r.Doc("user:123")
//	err = user.Register("name").Set(ctx, "Alice Smith")
//	err = user.Set("tags").Add(ctx, "vip")
//	err = user.Counter("visits").Inc(ctx, 1)
//	err = user.Map("address").Register("city").Set(ctx, "Oslo")
//	name, ok, err := joinery.Get[string](user.Register("name"))
//	all, err := joinery.Siblings[string](user.Register("name"))
//	for ev, err := range r.Watch(ctx, "cart.*") { ... }
//
// A [Replica] holds the documents of a space. A [Doc] is a handle on one of
// them, and its fields are typed handles: [Register], [Counter], [Set],
// [RemoveWinsSet], [Flag], [DisableWinsFlag], [Map] and [LWWMap]. Handles are
// small values that cost nothing to make and stay good for ever; a field comes
// to be with its first write. Names and types together make a field: a counter
// and a register of one name are two fields.
//
// # Writes
//
// Every write succeeds on the replica where it is made, whether it is
// connected or not, and is sent to the others as soon as possible. [Doc.Update]
// makes several writes to a document one atomic group: everybody sees all of
// them or none.
//
// # Expiry
//
// [TTL] makes a field or element expire, [Doc.Expire] a document: nobody sees it
// from then on, and a holder removes it later.
//
// # Structs
//
// [Doc.Load] and [Doc.Store] move Go structs, by tags in the manner of
// encoding/json: each field is a field of the document, of the type that its tag
// says, and only what differs is written. [Edit] changes what is there:
//
//	type User struct {
//		Name   string   `joinery:"name"`
//		Tags   []string `joinery:"tags,set"`
//		Visits int64    `joinery:"visits,counter"`
//	}
//	err = joinery.Edit(ctx, user, func(u *User) error { u.Visits++; return nil })
//
// # Conflicts
//
// Writes that did not know of each other are concurrent. What comes of them is
// chosen by the type, and for registers by the reader: [Get] returns the last
// write by time, [Siblings] all concurrent values with who wrote them and when.
// The next write replaces all the siblings that its replica has seen.
//
// # Limits
//
// A document's name has up to 256 bytes and is one or more tokens separated by
// dots, the first of which does not begin with $; a space's has 64 bytes. Names of fields, keys and elements have up to 4 KiB
// each, paths 8 KiB and 31 levels, values 128 KiB, an atomic group 512 KiB, a
// document 16M fields. What is above a limit is refused at the write with
// [ErrTooLarge] or [ErrName]; [Config] can lower most of these, bounds the bytes of a document, and
// bounds the documents that others bring. README.md has all limits in a table.
//
// # Connections
//
// A replica uses the program's connection and never closes it. It works
// offline when the connection is down, catches up when it returns, and loses
// nothing by a slow or silent link. [Replica.Status] says how things are.
// nats.go may close a connection for good; [Replica.Rebind] goes on with a new one.
//
// # Tests
//
// Package sync/joinerytest has replicas, links to cut and clocks to turn for the
// tests of a program, without a server.
//
// # What is not guaranteed
//
// There is no order across documents, no uniqueness constraint and no
// linearizability. A peer with valid credentials that lies about its own
// events, or claims others', is not detected by others than its victim.
//
// This package imports neither an embedded server nor a store: see broker/embedded.
package joinery
