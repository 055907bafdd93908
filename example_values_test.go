package joinery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Several documents at once, each atomic by itself, with one wait for the disk.
func ExampleBatch() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	var batch *joinery.Batch = r.Batch()
	batch.Update("account.1", func(tx *joinery.Tx) error { return tx.Counter("balance").Inc(ctx, -5) })
	batch.Update("account.2", func(tx *joinery.Tx) error { return errors.New("closed") })
	batch.Update("account.3", func(tx *joinery.Tx) error { return tx.Counter("balance").Inc(ctx, 5) })
	err := batch.Commit(ctx)
	var failed *joinery.BatchError
	if errors.As(err, &failed) {
		var first joinery.BatchFailure = failed.Failed[0]
		fmt.Println(first.Index, first.Doc, first.Fate, first.Err)
	}
	fmt.Println(r.Doc("account.3").Counter("balance").Value())
	// Output:
	// 1 account.2 nothing was written closed
	// 5
}

// An error says what became of the write.
func ExampleWriteError() {
	r := offline()
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := r.Doc("user:123").Counter("visits").Inc(ctx, 1)
	var failed *joinery.WriteError
	if errors.As(err, &failed) {
		var fate joinery.Fate = failed.Fate
		fmt.Println(failed.Doc, fate == joinery.NothingWritten, errors.Is(err, context.Canceled))
	}
	fmt.Println(err)
	// Output:
	// user:123 true true
	// joinery: document "user:123": nothing was written: context canceled
}

// What is written may expire: a field, an element, a document.
func ExampleTTL() {
	ctx := context.Background()
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	r, err := joinery.Open(ctx, joinery.Config{Space: "example", Clock: func() time.Time { return now }})
	check(err)
	defer r.Close()
	session := r.Doc("session:7")
	var brief joinery.Option = joinery.TTL(15 * time.Minute)
	check(session.Register("token").Set(ctx, "9f2c", brief))
	check(session.Set("devices").AddFor(ctx, time.Hour, "phone"))
	check(session.Expire(ctx, 24*time.Hour))

	now = now.Add(30 * time.Minute)
	_, ok, err := joinery.Get[string](session.Register("token"))
	fmt.Println(ok, err, session.Set("devices").Contains("phone"))
	now = now.Add(24 * time.Hour)
	fmt.Println(session.Exists())
	// Output:
	// false <nil> true
	// false
}

// A write may return when it is on the disk, or before.
func ExampleDurability() {
	ctx := context.Background()
	var relaxed joinery.Durability = joinery.Interval
	disk := store.NewMemory() // or one of a directory: see sync/store/pebble and sync/store/bolt
	r, err := joinery.Open(ctx, joinery.Config{Space: "example", Store: disk, Durability: relaxed, SyncEvery: time.Second})
	check(err)
	fmt.Println(r.Doc("d").Counter("n").Inc(ctx, 1), r.Close())
	// Output: <nil> <nil>
}

// Each value that stands says who wrote it, when, and how to replace just it.
func ExampleSibling() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	name := r.Doc("user:123").Register("name")
	check(name.Set(ctx, "Alice", joinery.At(joinery.TimeAt(time.Unix(1_700_000_000, 0)))))
	all, err := joinery.Siblings[string](name)
	check(err)
	var s joinery.Sibling[string] = all[0]
	var when joinery.Time = joinery.TimeAt(s.Time)
	var seen joinery.Context = s.Context
	fmt.Println(s.Value, s.Replica == r.ID(), when)
	fmt.Println(name.Set(ctx, "Alice Smith", joinery.Over(seen)))
	// Output:
	// Alice true 2023-11-14T22:13:20.000Z+0
	// <nil>
}

// Functions over any place with a value, and over any set.
func ExampleCell() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	d := r.Doc("d")
	check(d.Register("a").Set(ctx, 1))
	check(d.LWWMap("m").Put(ctx, "b", 2))
	check(d.Set("s").Add(ctx, 3))
	for _, cell := range []joinery.Cell{d.Register("a"), d.LWWMap("m").Entry("b")} {
		n, _, err := joinery.Get[int](cell)
		fmt.Println(n, err)
	}
	for _, set := range []joinery.Collection{d.Set("s"), d.RemoveWinsSet("none")} {
		all, err := joinery.Members[int](set)
		fmt.Println(all, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// [3] <nil>
	// [] <nil>
}

// What a watch yields, without what is there when it begins.
func ExampleEvent() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := offline()
	defer r.Close()
	options := []joinery.WatchOption{joinery.UpdatesOnly(), joinery.OldValues()}
	events := r.Watch(ctx, "cart.*", options...)
	check(r.Doc("cart.7").Counter("milk").Inc(ctx, 2))
	for ev, err := range events {
		check(err)
		var e joinery.Event = ev
		fmt.Println(e.Doc, e.Path, e.Value, e.Old.Exists, e.Local)
		break
	}
	// Output: cart.7 [milk] 2 false true
}

// A client that may have to ask twice is served once, and reads what it wrote.
func ExampleRequest() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	d := r.Doc("account")
	req := joinery.Request{Client: joinery.NewID(), Number: 1}
	for range 2 {
		repeated, err := d.Once(ctx, req, func(tx *joinery.Tx) error { return tx.Counter("balance").Inc(ctx, 5) })
		fmt.Println(repeated, err, d.Counter("balance").Value())
	}
	var seen joinery.Position = d.Position() // to be taken to another replica
	fmt.Println(d.Await(ctx, seen))
	// Output:
	// false <nil> 5
	// true <nil> 5
	// <nil>
}

// How a replica is, and what may be the matter with it.
func ExampleStatus() {
	r := offline()
	defer r.Close()
	var s joinery.Status = r.Status()
	report := func(peers []joinery.PeerStatus, clocks []joinery.Drifting, fetched []joinery.Incoming, bridges []joinery.BridgeStatus) {
		fmt.Println(len(peers), "peers,", len(clocks), "clocks ahead,", len(fetched), "on their way,", len(bridges), "bridges")
	}
	report(s.Peers, s.Drifting, s.Incoming, s.Bridges)
	var aside []joinery.Quarantined = r.Quarantined()
	var conflicts []joinery.Conflict
	for c, err := range r.Conflicts(">") {
		check(err)
		conflicts = append(conflicts, c)
	}
	fmt.Println(len(aside), "aside,", len(conflicts), "conflicts")
	// Output:
	// 0 peers, 0 clocks ahead, 0 on their way, 0 bridges
	// 0 aside, 0 conflicts
}
