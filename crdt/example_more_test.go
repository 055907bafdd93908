package crdt_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/codec"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// What is written may expire: readers hide it by their clock, and Expire removes
// it by an ordinary write, whose delta goes to the others.
func ExampleTTL() {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := &hlc.Clock{Source: func() time.Time { return now }}
	var text crdt.Codec[string]
	text, err := codec.For[string]() // the one that is taken if none is given
	if err != nil {
		panic(err)
	}
	token := crdt.NewRegisterWith(exampleAlice, crdt.Config[string]{Clock: clock, Codec: text})
	token.Set("9f2c", crdt.TTL(15*time.Minute))

	now = now.Add(time.Hour)
	_, ok := token.Get()
	fmt.Println(ok, token.Document().State().Dots())
	err = token.Document().Expire()
	fmt.Println(err, token.Document().State().Dots(), len(token.Flush(nil)) > 0)
	// Output:
	// false 1
	// <nil> 0 true
}

// Writers make no deltas; Flush makes one of all that was written.
func ExampleRegisterWriter() {
	title := crdt.NewRegister[string](exampleAlice)
	var w *crdt.RegisterWriter[string] = title.Writer()
	w.Set("draft")
	w.Set("final")
	votes, on, off := crdt.NewCounter(exampleAlice), crdt.NewEnableFlag(exampleAlice), crdt.NewDisableFlag(exampleAlice)
	var count *crdt.CounterWriter = votes.Writer()
	var enable *crdt.EnableFlagWriter = on.Writer()
	var disable *crdt.DisableFlagWriter = off.Writer()
	count.Add(2)
	enable.Enable()
	disable.Disable()

	copied := crdt.NewRegister[string](exampleBob)
	copied.Merge(title.Flush(nil))
	var all []crdt.Sibling[string] = copied.Siblings()
	fmt.Println(len(all), all[0].Value, votes.Value(), on.Enabled(), off.Enabled())
	// Output: 1 final 2 true false
}

// A type of one's own refuses what it could not read, whole.
func ExampleDocument_MergeChecked() {
	alice, bob := crdt.NewCounter(exampleAlice), crdt.NewDocument(exampleBob, nil)
	votes, _ := alice.Add(1)
	var registersOnly crdt.Check = func(e wire.Entry) error {
		return crdt.Admit(e, crdt.TagRegister, func(string) error { return nil }, func(string) error { return nil })
	}
	err := bob.MergeChecked(votes, registersOnly)
	fmt.Println(errors.Is(err, crdt.ErrForeign), bob.State().Dots())
	// Output: true 0
}

// A request that is recorded with its writes is known when it comes again.
func ExampleRequest() {
	d := crdt.NewDocument(exampleAlice, nil)
	req := crdt.Request{Client: causal.ID{7}, Number: 1}
	err := d.Update(func() error { return d.RecordRequest(req) })
	done, last := d.Requested(req)
	fmt.Println(err, done, last)
	// Output: <nil> true 1
}

// An increment is a payload of its own until its replica folds it into a sum.
func ExampleDocument_FoldStep() {
	d := crdt.NewDocument(exampleAlice, nil)
	d.Increment(kernel.Root, "visits", 3)
	for l := range d.State().Siblings(kernel.Root, crdt.TagCounter, "visits") {
		var step crdt.FoldStep = d.FoldStep(&l)
		fmt.Println(step == crdt.NoFold)
	}
	// Output: true
}
