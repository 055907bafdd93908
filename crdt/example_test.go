package crdt_test

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// In a program each replica takes a random ID of its own, and a random
// incarnation at each start that may have lost something.
var (
	exampleAlice = causal.Actor{ID: causal.ID{0xa1}, Incarnation: 1}
	exampleBob   = causal.Actor{ID: causal.ID{0xb0}, Incarnation: 1}
)

func ExampleRegister() {
	alice, bob := crdt.NewRegister[string](exampleAlice), crdt.NewRegister[string](exampleBob)

	// Both write while they cannot hear each other. Each gets a delta to send.
	fromAlice, _ := alice.Set("tea", crdt.At(1))
	fromBob, _ := bob.Set("coffee", crdt.At(2))
	alice.Merge(fromBob)
	bob.Merge(fromAlice)
	bob.Merge(fromAlice) // a message that comes twice is harmless

	latest, _ := alice.Get()
	fmt.Println("the later one:", latest)
	for _, s := range bob.Siblings() {
		fmt.Println("sibling:", s.Value)
	}

	// Who has seen both settles it by an ordinary write.
	settled, _ := bob.Set("tea and coffee")
	alice.Merge(settled)
	latest, _ = alice.Get()
	fmt.Println("settled:", latest, len(alice.Siblings()))
	// Output:
	// the later one: coffee
	// sibling: coffee
	// sibling: tea
	// settled: tea and coffee 1
}

// A client reads, thinks, and writes over what it has read, at whichever
// replica. What was written meanwhile stays beside it.
func ExampleOver() {
	r := crdt.NewRegister[string](exampleAlice)
	r.Set("draft")
	read := r.Context()
	r.Set("somebody else's draft")
	r.Set("my final", crdt.Over(read...))
	for _, s := range r.Siblings() {
		fmt.Println(s.Value)
	}
	// Output:
	// my final
	// somebody else's draft
}

func ExampleAt() {
	r := crdt.NewRegister[string](exampleAlice)
	r.Set("measured at noon", crdt.At(12))
	_, err := r.Set("measured at eleven, uploaded late", crdt.At(11))
	fmt.Println(err != nil)
	v, _ := r.Get()
	fmt.Println(v)
	// Output:
	// true
	// measured at noon
}

func ExampleCounter() {
	alice, bob := crdt.NewCounter(exampleAlice), crdt.NewCounter(exampleBob)
	a, _ := alice.Add(5)
	b, _ := bob.Add(-2)
	alice.Merge(b)
	bob.Merge(a)
	bob.Merge(a)
	fmt.Println(alice.Value(), bob.Value())
	// Output: 3 3
}

func ExampleEnableFlag() {
	alice, bob := crdt.NewEnableFlag(exampleAlice), crdt.NewEnableFlag(exampleBob)
	d, _ := alice.Enable()
	bob.Merge(d)
	disabled, _ := bob.Disable()
	enabled, _ := alice.Enable() // concurrently
	alice.Merge(disabled)
	bob.Merge(enabled)
	fmt.Println(alice.Enabled(), bob.Enabled())
	// Output: true true
}

func ExampleDisableFlag() {
	alice, bob := crdt.NewDisableFlag(exampleAlice), crdt.NewDisableFlag(exampleBob)
	enabled, _ := alice.Enable()
	disabled, _ := bob.Disable() // concurrently
	alice.Merge(disabled)
	bob.Merge(enabled)
	fmt.Println(alice.Enabled(), bob.Enabled())
	// Output: false false
}

// Many writes that nobody has seen yet need one delta, and what they superseded
// takes no room in it.
func ExampleBase_Flush() {
	visits := crdt.NewCounter(exampleAlice)
	for range 1000 {
		visits.Writer().Add(1)
	}
	d := visits.Flush(nil)
	fmt.Println(visits.Value(), len(d) < 100)
	// Output: 1000 true
}

// A stored value comes back under a new incarnation, so that it never gives the
// name of an event that was lost with the disk to another.
func ExampleBase_Bind() {
	r := crdt.NewRegister[string](exampleAlice)
	r.Set("before the crash")
	stored, _ := r.MarshalBinary()

	var again crdt.Register[string]
	if err := again.UnmarshalBinary(stored); err != nil {
		fmt.Println(err)
	}
	again.Bind(causal.Actor{ID: exampleAlice.ID, Incarnation: 2}, nil)
	v, _ := again.Get()
	fmt.Println(v)
	// Output: before the crash
}

// A Document holds anything under paths; the types are views of one.
func ExampleDocument() {
	d := crdt.NewDocument(exampleAlice, &hlc.Clock{})
	address, _ := d.Ensure([]kernel.Component{{Tag: crdt.TagMap, Name: "address"}})
	d.Assign(address, crdt.TagRegister, "city", "Oslo", false, crdt.Options{})
	d.Increment(kernel.Root, "visits", 1)
	delta := d.Flush(nil)

	other := crdt.NewDocument(exampleBob, nil)
	other.Merge(delta)
	address, _ = other.Container([]kernel.Component{{Tag: crdt.TagMap, Name: "address"}})
	city, _ := other.Latest(address, crdt.TagRegister, "city")
	visits, _ := other.Sum(kernel.Root, "visits")
	fmt.Println(city.Value, visits)
	// Output: Oslo 1
}
