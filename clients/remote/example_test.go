package remote_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/remote"
)

// shop serves a space, in place of "joinery serve", and returns a client of it.
func shop(ctx context.Context) (c *remote.Client, stop func()) {
	server := must(embedded.Start(ctx, embedded.Config{}))
	nc := must(server.Connect())
	r := must(joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc}))
	api := must(service.Serve(nc, "shop", r, nil))
	c = must(remote.New(nc, remote.Config{Space: "shop"}))
	return c, func() {
		check(errors.Join(api.Close(), r.Close()))
		nc.Close()
		check(server.Shutdown(ctx))
	}
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

func Example() {
	ctx := context.Background()
	c, stop := shop(ctx)
	defer stop()
	user := c.Doc("user:123")
	check(user.Update(ctx, func(tx *remote.Tx) error {
		return errors.Join(tx.Register("name").Set(ctx, "Alice"), tx.Set("tags").Add(ctx, "vip"))
	}))
	check(user.Counter("visits").Inc(ctx, 2))
	name, ok, err := remote.Get[string](ctx, user.Register("name"))
	fmt.Println(name, ok, err)
	fmt.Println(remote.Members[string](ctx, user.Set("tags")))
	fmt.Println(user.Counter("visits").Value(ctx))
	// Output:
	// Alice true <nil>
	// [vip] <nil>
	// 2 <nil>
}

// A user's session goes from one process to another, with a token in between.
func ExampleClient_Resume() {
	ctx := context.Background()
	c, stop := shop(ctx)
	defer stop()
	first := c.Session()
	check(first.Doc("cart").Map("items").Counter("tea").Inc(ctx, 1))
	token := first.Token() // to the user, with the answer

	next := must(c.Resume(token)) // the next request, elsewhere
	fmt.Println(next.Doc("cart").Map("items").Counter("tea").Value(ctx))
	// Output: 1 <nil>
}

// A form that was shown before somebody else wrote replaces what it showed, and
// not what it did not.
func ExampleOver() {
	ctx := context.Background()
	c, stop := shop(ctx)
	defer stop()
	text := c.Doc("note").Register("text")
	check(text.Set(ctx, "draft"))
	form := must(remote.ReadContext(ctx, text)).String() // to the browser
	check(text.Set(ctx, "somebody else's"))

	seen := must(joinery.ParseContext(form)) // and back
	check(text.Set(ctx, "mine", remote.Over(seen)))
	for _, s := range must(remote.Siblings[string](ctx, text)) {
		fmt.Println(s.Value)
	}
	// Output:
	// mine
	// somebody else's
}

// What to do when nobody can say whether a write stands.
func ExampleUnknownError() {
	ctx := context.Background()
	c, stop := shop(ctx)
	defer stop()
	err := c.Doc("user:123").Counter("visits").Inc(ctx, 1)
	if unknown := (*remote.UnknownError)(nil); errors.As(err, &unknown) {
		err = c.Settle(ctx, unknown) // later: did it come through?
	}
	fmt.Println(err)
	// Output: <nil>
}

func ExampleClient_Page() {
	ctx := context.Background()
	c, stop := shop(ctx)
	defer stop()
	for i := range 5 {
		check(c.Doc(fmt.Sprint("user.", i)).Register("n").Set(ctx, i))
	}
	after := ""
	for {
		page := must(c.Page(ctx, "user.*", after, 2))
		if len(page) == 0 {
			break
		}
		fmt.Println(page)
		after = page[len(page)-1]
	}
	// Output:
	// [user.0 user.1]
	// [user.2 user.3]
	// [user.4]
}
