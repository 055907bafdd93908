// Command helloset is hello with an OR-set: what its import adds to a binary.
package main

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/orset"
)

func main() {
	a, b := orset.New[string](causal.Actor{ID: causal.ID{1}}), orset.New[string](causal.Actor{ID: causal.ID{2}})
	d, err := a.Add("hello")
	if err == nil {
		err = b.Merge(d)
	}
	fmt.Println(b.Contains("hello"), err)
}
