package joinery_test

import (
	"context"
	"fmt"
	"log"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

func Example_readme() {
	ctx := context.Background()
	server := must(embedded.Start(ctx, embedded.Config{}))
	defer server.Shutdown(ctx)
	nc := must(server.Connect())
	defer nc.Close()
	shop := must(joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc}))
	defer shop.Close()
	phone := must(joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc}))
	defer phone.Close()

	here, there := shop.Doc("user:123"), phone.Doc("user:123")
	check(here.Register("name").Set(ctx, "Alice"))
	check(here.Counter("visits").Inc(ctx, 2))
	check(there.Counter("visits").Inc(ctx, 3))
	for range phone.Watch(ctx, "user:123") { // what is there, then each change
		if there.Counter("visits").Value() == 5 {
			break
		}
	}
	name, _, err := joinery.Get[string](there.Register("name"))
	fmt.Println(name, there.Counter("visits").Value(), err)
	// Output: Alice 5 <nil>
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
