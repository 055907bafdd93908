package lwwmap_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/lawtest"
	"github.com/joinery-crdt/joinery/lwwmap"
)

var nobody causal.Actor

func mapType() lawtest.Type[*lwwmap.Map[string, int]] {
	type V = *lwwmap.Map[string, int]
	put := func(k string, n int) lawtest.Op[V] {
		return lawtest.Op[V]{Name: fmt.Sprint("put ", k, " ", n),
			Do:    func(v V) error { return v.Writer().Put(k, n) },
			Model: func(w *lawtest.Writer) { w.Assign(k, strconv.Itoa(n), false) }}
	}
	// The same explicit time at two replicas is decided by the actor.
	putAt := func(k string, n int, t hlc.Time) lawtest.Op[V] {
		return lawtest.Op[V]{Name: fmt.Sprint("put ", k, " ", n, " with timestamp ", uint64(t)),
			Do: func(v V) error {
				if err := v.Writer().Put(k, n, crdt.At(t)); !errors.Is(err, crdt.ErrSuperseded) {
					return err
				}
				return nil
			},
			Model: func(w *lawtest.Writer) { w.AssignAt(t, k, strconv.Itoa(n), false) }}
	}
	return lawtest.Type[V]{
		Name:    "LWW map",
		Ordered: true,
		Fresh:   func() V { return lwwmap.New[string, int](nobody) },
		Clone:   V.Clone,
		Ops: []lawtest.Op[V]{put("x", 1), put("x", 2), putAt("x", 3, hlc.MaxTime), put("y", 4),
			{Name: "delete x",
				Do:    func(v V) error { return v.Writer().Delete("x") },
				Model: func(w *lawtest.Writer) { w.Assign("x", "", true) }},
		},
		Read: func(v V) string {
			var b strings.Builder
			for k, n := range v.Sorted() {
				got, ok := v.Get(k)
				fmt.Fprintf(&b, "%s=%d %v ", k, n, got == n && ok)
			}
			return fmt.Sprint(b.String(), v.Len(), v.Contains("x"))
		},
		Want: func(v lawtest.View) string {
			var b strings.Builder
			n, hasX := 0, false
			for _, k := range v.Places() {
				if winner := v.At(k)[0]; !winner.Mark {
					fmt.Fprintf(&b, "%s=%s true ", k, winner.Value)
					n++
					hasX = hasX || k == "x"
				}
			}
			return fmt.Sprint(b.String(), n, hasX)
		},
	}
}

func TestMapObeysTheLaws(t *testing.T) { lawtest.Run(t, mapType()) }

func TestEverySmallHistoryOfAMap(t *testing.T) {
	n := 3
	if ops, err := strconv.Atoi(os.Getenv("LAWTEST_OPERATIONS")); err == nil {
		n = ops
	}
	lawtest.Exhaust(t, mapType(), n)
}
