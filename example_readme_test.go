package joinery_test

import (
	"context"
	"fmt"
	"log"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

func Example_readme() {
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	ctx := context.Background()
	server, err := embedded.Start(ctx, embedded.Config{})
	check(err)
	defer server.Shutdown(ctx)
	nc, err := server.Connect()
	check(err)
	defer nc.Close()
	shop, err := joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc})
	check(err)
	defer shop.Close()
	phone, err := joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc})
	check(err)
	defer phone.Close()

	check(shop.Doc("user:123").Register("name").Set(ctx, "Alice"))
	check(shop.Doc("user:123").Counter("visits").Inc(ctx, 2))
	user := phone.Doc("user:123")
	check(user.Counter("visits").Inc(ctx, 3))
	for range phone.Watch(ctx, "user:123") { // what is there, then each change
		if user.Counter("visits").Value() == 5 {
			break
		}
	}
	name, _, err := joinery.Get[string](user.Register("name"))
	check(err)
	fmt.Println(name, user.Counter("visits").Value())
	// Output: Alice 5
}
