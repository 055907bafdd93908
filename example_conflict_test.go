package joinery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery"
)

// A resolver: the next write settles a conflict, whoever makes it.
func ExampleSiblings() {
	ctx := context.Background()
	net, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	net.Partition([]string{"alice"}, []string{"bob"})
	check(alice.Doc("cart").Register("note").Set(ctx, "call first"))
	check(bob.Doc("cart").Register("note").Set(ctx, "leave at the door"))
	net.Heal()
	synced(alice, bob)

	note := alice.Doc("cart").Register("note")
	all, err := joinery.Siblings[string](note)
	check(err)
	fmt.Println(len(all), "values")
	merged := make([]string, len(all))
	for _, s := range all {
		if s.Replica == alice.ID() {
			merged[0] = s.Value
		} else {
			merged[1] = s.Value
		}
	}
	check(note.Set(ctx, strings.Join(merged, "; ")))
	synced(alice, bob)
	settled, _, err := joinery.Get[string](bob.Doc("cart").Register("note"))
	fmt.Println(settled, err)
	// Output:
	// 2 values
	// call first; leave at the door <nil>
}

func ExampleReplica_Conflicts() {
	ctx := context.Background()
	net, alice, bob := pair()
	defer alice.Close()
	defer bob.Close()
	net.Partition([]string{"alice"}, []string{"bob"})
	check(alice.Doc("cart.1").Register("note").Set(ctx, "a"))
	check(bob.Doc("cart.1").Register("note").Set(ctx, "b"))
	check(bob.Doc("cart.2").Register("note").Set(ctx, "c"))
	net.Heal()
	synced(alice, bob)
	for c, err := range alice.Conflicts("cart.*") {
		fmt.Println(c.Doc, c.Path, len(c.Siblings), err)
	}
	// Output: cart.1 [note] 2 <nil>
}

// A client reads, thinks, and writes later, perhaps through another replica:
// its write replaces what it had read. What came meanwhile stays beside it.
func ExampleOver() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	title := r.Doc("page").Register("title")
	check(title.Set(ctx, "Draft"))
	token := joinery.ReadContext(title).String() // goes to the client

	check(title.Set(ctx, "Somebody else's"))

	read, err := joinery.ParseContext(token) // comes back with its write
	check(err)
	check(title.Set(ctx, "The client's", joinery.Over(read)))
	all, err := joinery.Siblings[string](title)
	check(err)
	for _, s := range all {
		fmt.Println(s.Value)
	}
	// Output:
	// The client's
	// Somebody else's
}

// Readings of a sensor carry the time at which they were taken.
func ExampleAt() {
	ctx, r := context.Background(), offline()
	defer r.Close()
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	sensor := r.Doc("sensor.7").Register("celsius")
	check(sensor.Set(ctx, 21.5, joinery.At(joinery.TimeAt(noon))))
	err := sensor.Set(ctx, 19.0, joinery.At(joinery.TimeAt(noon.Add(-time.Hour))))
	fmt.Println("an older one is ignored:", errors.Is(err, joinery.ErrSuperseded))
	// Output: an older one is ignored: true
}
