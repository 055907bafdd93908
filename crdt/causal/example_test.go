package causal_test

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// Bob got Alice's events 1, 2 and 5. What he lacks is exact, so that he can
// ask for it.
func ExampleContext() {
	alice := causal.Actor{ID: causal.ID{0xa1}}
	var hers, his causal.Context
	hers.AddRange(alice, causal.Range{Lo: 1, Hi: 5})
	his.AddRange(alice, causal.Range{Lo: 1, Hi: 2})
	his.Add(causal.Dot{Actor: alice, Seq: 5})

	lacks := hers.Minus(his)
	fmt.Println(his.Of(alice), "lacks", lacks.Of(alice))
	// Output: 1-2,5 lacks 3-4
}
