// Command quickstart: two replicas write at the same time and converge.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	server, err := embedded.Start(ctx, embedded.Config{}) // any NATS server will do
	if err != nil {
		return err
	}
	defer server.Shutdown(ctx)
	var shop [2]*joinery.Replica
	for i := range shop {
		nc, err := server.Connect()
		if err != nil {
			return err
		}
		defer nc.Close()
		if shop[i], err = joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc}); err != nil {
			return err
		}
		defer shop[i].Close()
	}
	for i, name := range []string{"Alice", "Alice Smith"} { // at the same time, in two places
		user := shop[i].Doc("user:123")
		if err := errors.Join(user.Register("name").Set(ctx, name), user.Counter("visits").Inc(ctx, 1)); err != nil {
			return err
		}
	}
	for start := time.Now(); shop[0].Status().Digest != shop[1].Status().Digest; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			return errors.New("not converged")
		}
	}
	user := shop[0].Doc("user:123")
	name, _, err := joinery.Get[string](user.Register("name")) // the last by time
	all, err2 := joinery.Siblings[string](user.Register("name"))
	fmt.Fprintf(out, "converged: name %q of %d siblings, visits %d\n", name, len(all), user.Counter("visits").Value())
	return errors.Join(err, err2)
}
