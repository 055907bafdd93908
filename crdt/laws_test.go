package crdt_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/lawtest"
)

var nobody causal.Actor

// registerType reads both ways at once.
func registerType() lawtest.Type[*crdt.Register[string]] {
	type V = *crdt.Register[string]
	set := func(s string) lawtest.Op[V] {
		return lawtest.Op[V]{Name: "set " + s,
			Do:    func(v V) error { return v.Writer().Set(s) },
			Model: func(w *lawtest.Writer) { w.Assign("", s, false) }}
	}
	return lawtest.Type[V]{
		Name:    "register",
		Ordered: true,
		Fresh:   func() V { return crdt.NewRegister[string](nobody) },
		Clone:   V.Clone,
		Ops: []lawtest.Op[V]{set("x"), set("y"),
			{Name: "clear",
				Do:    func(v V) error { return v.Writer().Clear() },
				Model: func(w *lawtest.Writer) { w.Remove(func(lawtest.Payload) bool { return true }) }},
			{Name: "set z blindly",
				Do:    func(v V) error { return v.Writer().Set("z", crdt.Over()) },
				Model: func(w *lawtest.Writer) { w.Add("", "z", false) }},
			{Name: "set old with timestamp 1",
				Do:    func(v V) error { return ignoreSuperseded(v.Writer().Set("old", crdt.At(1))) },
				Model: func(w *lawtest.Writer) { w.AssignAt(1, "", "old", false) }},
		},
		Read: func(v V) string {
			latest, ok := v.Get()
			var all []string
			for _, s := range v.Siblings() {
				all = append(all, s.Value)
			}
			return fmt.Sprintf("%q %v of %q", latest, ok, all)
		},
		Want: func(v lawtest.View) string {
			var all []string
			for _, p := range v.At("") {
				all = append(all, p.Value)
			}
			if len(all) == 0 {
				return fmt.Sprintf("%q %v of %q", "", false, all)
			}
			return fmt.Sprintf("%q %v of %q", all[0], true, all)
		},
	}
}

func ignoreSuperseded(err error) error {
	if errors.Is(err, crdt.ErrSuperseded) {
		return nil
	}
	return err
}

func counterType() lawtest.Type[*crdt.Counter] {
	type V = *crdt.Counter
	add := func(n int64) lawtest.Op[V] {
		return lawtest.Op[V]{Name: fmt.Sprint("add ", n),
			Do:    func(v V) error { return v.Writer().Add(n) },
			Model: func(w *lawtest.Writer) { w.Add("", strconv.FormatInt(n, 10), false) }}
	}
	return lawtest.Type[V]{
		Name:  "counter",
		Fresh: func() V { return crdt.NewCounter(nobody) },
		Clone: V.Clone,
		Ops: []lawtest.Op[V]{add(1), add(-7), add(1 << 40),
			{Name: "reset",
				Do:    func(v V) error { return v.Writer().Reset() },
				Model: func(w *lawtest.Writer) { w.Remove(func(lawtest.Payload) bool { return true }) }},
		},
		Read: func(v V) string { return fmt.Sprint(v.Value()) },
		Want: func(v lawtest.View) string {
			sum := int64(0)
			for _, s := range v.Values() {
				n, _ := strconv.ParseInt(s, 10, 64)
				sum += n
			}
			return fmt.Sprint(sum)
		},
	}
}

func enableType() lawtest.Type[*crdt.EnableFlag] {
	type V = *crdt.EnableFlag
	return lawtest.Type[V]{
		Name:  "enable-wins flag",
		Fresh: func() V { return crdt.NewEnableFlag(nobody) },
		Clone: V.Clone,
		Ops: []lawtest.Op[V]{
			{Name: "enable", Do: func(v V) error { return v.Writer().Enable() },
				Model: func(w *lawtest.Writer) { w.Assign("", "", false) }},
			{Name: "disable", Do: func(v V) error { return v.Writer().Disable() },
				Model: func(w *lawtest.Writer) { w.Remove(func(lawtest.Payload) bool { return true }) }},
		},
		Read: func(v V) string { return fmt.Sprint(v.Enabled()) },
		Want: func(v lawtest.View) string { return fmt.Sprint(len(v) > 0) },
	}
}

func disableType() lawtest.Type[*crdt.DisableFlag] {
	type V = *crdt.DisableFlag
	return lawtest.Type[V]{
		Name:  "disable-wins flag",
		Fresh: func() V { return crdt.NewDisableFlag(nobody) },
		Clone: V.Clone,
		Ops: []lawtest.Op[V]{
			{Name: "enable", Do: func(v V) error { return v.Writer().Enable() },
				Model: func(w *lawtest.Writer) { w.Assign("", "", false) }},
			{Name: "disable", Do: func(v V) error { return v.Writer().Disable() },
				Model: func(w *lawtest.Writer) { w.Assign("", "", true) }},
		},
		Read: func(v V) string { return fmt.Sprint(v.Enabled()) },
		Want: func(v lawtest.View) string {
			enabled := len(v) > 0
			for _, p := range v {
				enabled = enabled && !p.Mark
			}
			return fmt.Sprint(enabled)
		},
	}
}

func TestRegisterObeysTheLaws(t *testing.T)    { lawtest.Run(t, registerType()) }
func TestCounterObeysTheLaws(t *testing.T)     { lawtest.Run(t, counterType()) }
func TestEnableFlagObeysTheLaws(t *testing.T)  { lawtest.Run(t, enableType()) }
func TestDisableFlagObeysTheLaws(t *testing.T) { lawtest.Run(t, disableType()) }

// exhaustive is how many operations the small-scope search goes up to.
func exhaustive() int {
	if n, err := strconv.Atoi(strings.TrimSpace(os.Getenv("LAWTEST_OPERATIONS"))); err == nil {
		return n
	}
	return 3
}

func TestEverySmallHistoryOfARegister(t *testing.T) { lawtest.Exhaust(t, registerType(), exhaustive()) }
func TestEverySmallHistoryOfACounter(t *testing.T)  { lawtest.Exhaust(t, counterType(), exhaustive()) }
func TestEverySmallHistoryOfAnEnableFlag(t *testing.T) {
	lawtest.Exhaust(t, enableType(), exhaustive())
}
func TestEverySmallHistoryOfADisableFlag(t *testing.T) {
	lawtest.Exhaust(t, disableType(), exhaustive())
}
