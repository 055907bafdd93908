package lwwmap_test

import (
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/lwwmap"
)

// A map with a clock of its own, and keys that expire.
func ExampleConfig() {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := &hlc.Clock{Source: func() time.Time { return now }}
	m := lwwmap.NewWith(causal.Actor{ID: causal.ID{1}}, lwwmap.Config[string, int]{Clock: clock})
	m.Put("stays", 1)
	m.Put("goes", 2, crdt.TTL(time.Minute))
	fmt.Println(m.Len())
	now = now.Add(time.Hour)
	fmt.Println(m.Len(), m.Contains("goes"))
	// Output:
	// 2
	// 1 false
}
