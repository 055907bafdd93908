package joinery_test

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

// Two NATS systems that know nothing of each other, and two spaces of other names
// in them: a relay is a replica of both, and passes on what is news.
func ExampleBridge() {
	ctx := context.Background()
	start := func() (*embedded.Server, *nats.Conn) {
		server := must(embedded.Start(ctx, embedded.Config{}))
		return server, must(server.Connect())
	}
	factory, inFactory := start()
	defer factory.Shutdown(ctx)
	defer inFactory.Close()
	office, inOffice := start()
	defer office.Shutdown(ctx)
	defer inOffice.Close()

	press := must(joinery.Open(ctx, joinery.Config{Space: "plant", Conn: inFactory}))
	defer press.Close()
	desk := must(joinery.Open(ctx, joinery.Config{Space: "plants", Conn: inOffice}))
	defer desk.Close()
	relay := must(joinery.Open(ctx, joinery.Config{
		Space: "plant", Conn: inFactory,
		Relay: []joinery.Bridge{{Space: "plants", Conn: inOffice}},
	}))
	defer relay.Close()

	check(press.Doc("press.7").Counter("strokes").Inc(ctx, 41))
	check(desk.Doc("press.7").Counter("strokes").Inc(ctx, 1))
	synced(press, desk)
	fmt.Println(press.Doc("press.7").Counter("strokes").Value(), desk.Doc("press.7").Counter("strokes").Value())
	// Output: 42 42
}
