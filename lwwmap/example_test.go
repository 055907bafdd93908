package lwwmap_test

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/lwwmap"
)

func ExampleMap() {
	alice := lwwmap.New[string, int](causal.Actor{ID: causal.ID{1}, Incarnation: 1})
	bob := lwwmap.New[string, int](causal.Actor{ID: causal.ID{2}, Incarnation: 1})
	d, _ := alice.Put("speed", 70)
	bob.Merge(d)

	// A delete and a put, concurrently: the later one counts.
	put, _ := alice.Put("speed", 80, crdt.At(1<<62))
	deleted, _ := bob.Delete("speed", crdt.At(1<<62+1))
	alice.Merge(deleted)
	bob.Merge(put)
	fmt.Println(alice.Contains("speed"), bob.Contains("speed"), alice.Equal(bob))

	// An explicit timestamp that is too old is ignored, and the caller told.
	_, err := bob.Put("speed", 90, crdt.At(1))
	fmt.Println(errors.Is(err, crdt.ErrSuperseded))
	// Output:
	// false false true
	// true
}

func ExampleWriter() {
	m := lwwmap.New[string, int](causal.Actor{ID: causal.ID{1}, Incarnation: 1})
	w := m.Writer()
	for i, sensor := range []string{"north", "south", "east"} {
		w.Put(sensor, i)
	}
	w.Delete("east")
	d := m.Flush(nil)

	var copy lwwmap.Map[string, int]
	copy.Merge(d)
	for sensor, n := range copy.Sorted() {
		fmt.Println(sensor, n)
	}
	// Output:
	// north 0
	// south 1
}
