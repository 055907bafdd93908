package lawtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/lawtest"
)

// A type under test: a menu of writes that do the same to the value and to the
// naive model, and what can be read of each.
func ExampleType() {
	type V = *crdt.EnableFlag
	flag := lawtest.Type[V]{
		Name:  "flag",
		Fresh: func() V { return crdt.NewEnableFlag(causal.Actor{}) },
		Clone: V.Clone,
		Ops: []lawtest.Op[V]{
			{Name: "enable",
				Do:    func(v V) error { return v.Writer().Enable() },
				Model: func(w *lawtest.Writer) { w.Assign("flag", "on", false) }},
			{Name: "disable",
				Do: func(v V) error { return v.Writer().Disable() },
				Model: func(w *lawtest.Writer) {
					w.Remove(func(p lawtest.Payload) bool { return strings.HasPrefix(p.Place, "flag") })
				}},
		},
		Read: func(v V) string { return fmt.Sprint(v.Enabled()) },
		Want: func(v lawtest.View) string { return fmt.Sprint(len(v.At("flag")) > 0) },
	}
	// In a test: lawtest.Run(t, flag); lawtest.Exhaust(t, flag, 3).
	_ = func(t *testing.T) { lawtest.Run(t, flag) }
	fmt.Println(lawtest.Check(flag, lawtest.Config{Histories: 20}))
	// Output: <nil>
}
