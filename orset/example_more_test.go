package orset_test

import (
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/orset"
)

// Writers make no deltas; Flush makes one of all that was written.
func ExampleSetWriter() {
	actor := causal.Actor{ID: causal.ID{1}}
	tags, banned, user := orset.New[string](actor), orset.NewRemoveWins[string](actor), orset.NewTree(actor)
	var add *orset.SetWriter[string] = tags.Writer()
	var ban *orset.RemoveWinsWriter[string] = banned.Writer()
	var name orset.FieldWriter = user.Field("name").Writer()
	fmt.Println(add.Add("a"), add.Add("b"), ban.Add("c"), name.Assign("Alice"))
	delta := tags.Flush(nil)

	other := orset.New[string](causal.Actor{ID: causal.ID{2}})
	fmt.Println(other.Merge(delta), other.Len(), banned.Contains("c"))
	// Output:
	// <nil> <nil> <nil> <nil>
	// <nil> 2 true
}

// A map with a clock of its own, and keys that expire.
func ExampleMapConfig() {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := &hlc.Clock{Source: func() time.Time { return now }}
	m := orset.NewMapWith(causal.Actor{ID: causal.ID{1}}, orset.MapConfig[string, int]{Clock: clock})
	m.Put("stays", 1)
	m.Put("goes", 2, crdt.TTL(time.Minute))
	fmt.Println(m.Len())
	now = now.Add(time.Hour)
	fmt.Println(m.Len(), m.Contains("goes"))
	// Output:
	// 2
	// 1 false
}
