// Command durable: a replica that keeps its data in a directory, and goes on from
// there each time it is started.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/store/bolt"
)

func main() {
	dir := "durable-data"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := run(context.Background(), dir, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, out io.Writer) (err error) {
	disk, err := bolt.Open(dir, bolt.Options{}) // pebble.Open for many writers at once
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()                 // after the replica
	r, err := joinery.Open(ctx, joinery.Config{Space: "shop", Store: disk}) // and Conn, to share it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	starts := r.Doc("diary").Counter("starts")
	if err := starts.Inc(ctx, 1); err != nil { // returns when it is on the disk
		return err
	}
	fmt.Fprintf(out, "start %d of replica %s\n", starts.Value(), r.ID())
	return nil
}
