package delta_test

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// A log of units answers who has missed some of them.
func ExampleLog() {
	var alice kernel.State
	self := alice.Intern(causal.Actor{ID: causal.ID{0xa1}})
	pending := delta.Pending{Self: self}
	log := delta.Log{MaxBytes: 1 << 20}
	for _, value := range []string{"one", "two"} {
		seq := alice.Next(self)
		p := kernel.Payload{Tag: 2, Key: value, Value: value}
		pending.Record(seq, alice.Assign(self, seq, &p, nil))
		var unit delta.Delta
		unit, _ = pending.Seal(nil, &alice, 0)
		var frame *delta.Frame
		frame, err := unit.Open()
		if err != nil {
			panic(err)
		}
		log.Append("doc", unit, frame.Claims())
	}
	var need causal.Context
	need.AddRange(causal.Actor{ID: causal.ID{0xa1}}, causal.Range{Lo: 2, Hi: 2})
	units, _, missing := log.Answer("doc", need, 1<<20)
	adorned, err := units[0].WithParts([]delta.Part{{ID: 1 << 20, Data: []byte("kept by who does not know it")}})
	fmt.Println(len(units), missing.IsEmpty(), len(adorned) > len(units[0]), err)
	// Output: 1 true true <nil>
}

// What is pending may be taken back, and minted again under another name.
func ExamplePending_Take() {
	var alice kernel.State
	pending := delta.Pending{Self: alice.Intern(causal.Actor{ID: causal.ID{0xa1}})}
	p := kernel.Payload{Tag: 2, Key: "title", Value: "draft"}
	pending.Record(1, alice.Assign(pending.Self, 1, &p, nil))
	var events []delta.Event = pending.Take(&alice)
	fmt.Println(len(events), events[0].Payload.Value, alice.Dots(), pending.Len())
	// Output: 1 draft 0 0
}
