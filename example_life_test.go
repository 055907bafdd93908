package joinery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

// A connection that was closed for good is replaced; what was written meanwhile
// goes out over the new one.
func ExampleReplica_Rebind() {
	ctx := context.Background()
	server, err := embedded.Start(ctx, embedded.Config{})
	check(err)
	defer server.Shutdown(ctx)
	first, second := must(server.Connect()), must(server.Connect())
	defer second.Close()
	office := must(joinery.Open(ctx, joinery.Config{Space: "shop", Conn: second}))
	defer office.Close()
	till := must(joinery.Open(ctx, joinery.Config{Space: "shop", Conn: first}))
	defer till.Close()

	first.Close() // as nats.go does by itself when it gives up
	check(till.Doc("sales").Counter("today").Inc(ctx, 3))
	fmt.Println(errors.Is(till.Drain(ctx), joinery.ErrConnClosed))

	check(till.Rebind(ctx, second))
	synced(office, till)
	fmt.Println(office.Doc("sales").Counter("today").Value(), till.Status().Gone)
	// Output:
	// true
	// 3 false
}

// A watch that says what was there before, and who wrote what is there now.
func ExampleOldValues() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	order := r.Doc("order.7")
	check(order.Register("state").Set(ctx, "new"))
	for ev, err := range r.Watch(ctx, "order.*", joinery.OldValues()) {
		check(err)
		if ev.Snapshot {
			fmt.Println(ev.Doc, ev.Path, "is", ev.Value)
			check(order.Register("state").Set(ctx, "paid")) // a loop may write to what it watches
			continue
		}
		fmt.Println(ev.Doc, ev.Path, "was", ev.Old.Value, "and is", ev.Value, "by this replica:", ev.Origin == r.ID())
		break
	}
	// Output:
	// order.7 [state] is new
	// order.7 [state] was new and is paid by this replica: true
}

// A copy goes its own way.
func ExampleDoc_Copy() {
	ctx := context.Background()
	r := offline()
	defer r.Close()
	draft, order := r.Doc("draft"), r.Doc("order.7")
	check(draft.Set("items").Add(ctx, "milk", "bread"))
	check(draft.Copy(ctx, "order.7"))
	check(draft.Delete(ctx))
	fmt.Println(draft.Exists(), order.Set("items").Len())
	fmt.Println(errors.Is(order.Copy(ctx, "order.7"), joinery.ErrExists))
	// Output:
	// false 2
	// true
}
