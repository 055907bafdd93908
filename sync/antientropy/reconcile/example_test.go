package reconcile_test

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy/reconcile"
)

// Alice and Bob had the same thousand keys. Then Bob removed one, and neither
// has a log that tells. Alice has pulled with her context, and Bob opens.
func Example() {
	alice := &kernel.State{}
	a := alice.Intern(causal.Actor{ID: causal.ID{'a'}})
	for n := range uint64(1000) {
		alice.Add(a, n+1, &kernel.Payload{Tag: 2, Key: fmt.Sprint(n)})
	}
	bob := alice.Clone()
	b := bob.Intern(causal.Actor{ID: causal.ID{'b'}})
	bob.Clear(kernel.Root, 2, "421", nil)
	bob.Event(b, 1)

	pulled := alice.Context()
	cut, err := reconcile.Take(bob, pulled)
	if err != nil {
		fmt.Println(err)
		return
	}
	const salt = 0x5eed // from a random source, of course
	sketch := cut.Sketch(nil, salt)
	reply, err := reconcile.Answer(alice, pulled, sketch)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := cut.Resolve(bob, reply.Table)
	if err != nil {
		fmt.Println(err) // ErrAgain: with another sketch
		return
	}
	news := delta.AppendNews(nil, bob, plan.Common, plan.There, plan.Conflicts)
	fmt.Println("dead at Bob's:", plan.There.String())
	fmt.Println("merged:", news.Merge(alice), alice.Digest() == bob.Digest())
	fmt.Println("bytes:", len(sketch), len(reply.Table), len(news))
	// Output:
	// dead at Bob's: {61000000-0000-0000-0000-000000000000:422}
	// merged: <nil> true
	// bytes: 42 22 57
}
