package delta_test

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// Alice overwrites a key while nobody listens. Bob gets the last value alone,
// and merging it twice changes nothing.
func Example() {
	var alice, bob kernel.State
	pending := delta.Pending{Self: alice.Intern(causal.Actor{ID: causal.ID{0xa1}})}
	for _, value := range []string{"draft", "better", "final"} {
		seq := alice.Next(pending.Self)
		p := kernel.Payload{Tag: 2, Key: "title", Value: value}
		pending.Record(seq, alice.Assign(pending.Self, seq, &p, nil))
	}
	unit, events := pending.Seal(nil, &alice, 0)

	for range 2 {
		if err := unit.Merge(&bob); err != nil {
			panic(err)
		}
	}
	title, _ := bob.Winner(kernel.Root, 2, "title")
	fmt.Println(events.Len(), "events,", bob.Dots(), "payload:", title.Value)
	fmt.Println("equal:", alice.Digest() == bob.Digest())
	// Output:
	// 3 events, 1 payload: final
	// equal: true
}
