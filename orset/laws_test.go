package orset_test

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/lawtest"
	"github.com/joinery-crdt/joinery/orset"
)

var nobody causal.Actor

func at(place string) func(lawtest.Payload) bool {
	return func(p lawtest.Payload) bool { return p.Place == place }
}

func anywhere(lawtest.Payload) bool { return true }

func join(all iter.Seq[string]) string { return strings.Join(slices.Collect(all), " ") }

// setType is the add-wins set. What All, Len and Contains say has to agree.
func setType() lawtest.Type[*orset.Set[string]] {
	type V = *orset.Set[string]
	add := func(e string) lawtest.Op[V] {
		return lawtest.Op[V]{Name: "add " + e,
			Do:    func(v V) error { return v.Writer().Add(e) },
			Model: func(w *lawtest.Writer) { w.Assign(e, "", false) }}
	}
	return lawtest.Type[V]{
		Name:  "add-wins set",
		Fresh: func() V { return orset.New[string](nobody) },
		Clone: V.Clone,
		Ops: []lawtest.Op[V]{add("x"), add("y"),
			{Name: "remove x",
				Do:    func(v V) error { return v.Writer().Remove("x") },
				Model: func(w *lawtest.Writer) { w.Remove(at("x")) }},
			{Name: "clear",
				Do:    func(v V) error { return v.Writer().Clear() },
				Model: func(w *lawtest.Writer) { w.Remove(anywhere) }},
			{Name: "move x to z in one group", Grouped: true,
				Do: func(v V) error {
					return v.Document().Update(func() error {
						if err := v.Writer().Remove("x"); err != nil {
							return err
						}
						return v.Writer().Add("z")
					})
				},
				Model: func(w *lawtest.Writer) { w.Remove(at("x")); w.Assign("z", "", false) }},
		},
		Read: func(v V) string {
			return fmt.Sprint(join(v.Sorted()), slices.Sorted(v.All()), v.Len(), v.Contains("x"))
		},
		Want: func(v lawtest.View) string {
			all := v.Places()
			return fmt.Sprint(strings.Join(all, " "), all, len(all), slices.Contains(all, "x"))
		},
	}
}

func removeWinsType() lawtest.Type[*orset.RemoveWins[string]] {
	type V = *orset.RemoveWins[string]
	op := func(name, e string, do func(*orset.RemoveWinsWriter[string], string) error, mark bool) lawtest.Op[V] {
		return lawtest.Op[V]{Name: name + e,
			Do:    func(v V) error { return do(v.Writer(), e) },
			Model: func(w *lawtest.Writer) { w.Assign(e, "", mark) }}
	}
	add := func(w *orset.RemoveWinsWriter[string], e string) error { return w.Add(e) }
	remove := (*orset.RemoveWinsWriter[string]).Remove
	return lawtest.Type[V]{
		Name:  "remove-wins set",
		Fresh: func() V { return orset.NewRemoveWins[string](nobody) },
		Clone: V.Clone,
		Ops:   []lawtest.Op[V]{op("add ", "x", add, false), op("remove ", "x", remove, true), op("add ", "y", add, false)},
		Read: func(v V) string {
			return fmt.Sprint(join(v.Sorted()), slices.Sorted(v.All()), v.Len(), v.Contains("x"))
		},
		Want: func(v lawtest.View) string {
			all := slices.DeleteFunc(v.Places(), func(e string) bool {
				return slices.ContainsFunc(v.At(e), func(p lawtest.Payload) bool { return p.Mark })
			})
			return fmt.Sprint(strings.Join(all, " "), all, len(all), slices.Contains(all, "x"))
		},
	}
}

// mapType reads the latest and the siblings at once.
func mapType() lawtest.Type[*orset.Map[string, int]] {
	type V = *orset.Map[string, int]
	put := func(k string, n int) lawtest.Op[V] {
		return lawtest.Op[V]{Name: fmt.Sprint("put ", k, " ", n),
			Do:    func(v V) error { return v.Writer().Put(k, n) },
			Model: func(w *lawtest.Writer) { w.Assign(k, strconv.Itoa(n), false) }}
	}
	return lawtest.Type[V]{
		Name:  "OR-map",
		Fresh: func() V { return orset.NewMap[string, int](nobody) },
		Clone: V.Clone,
		Ops: []lawtest.Op[V]{put("x", 1), put("x", 2), put("y", 3),
			{Name: "remove x",
				Do:    func(v V) error { return v.Writer().Remove("x") },
				Model: func(w *lawtest.Writer) { w.Remove(at("x")) }},
			{Name: "put x 4, y 5 in one group", Grouped: true,
				Do: func(v V) error {
					return v.Document().Update(func() error {
						if err := v.Writer().Put("x", 4); err != nil {
							return err
						}
						return v.Writer().Put("y", 5)
					})
				},
				Model: func(w *lawtest.Writer) { w.Assign("x", "4", false); w.Assign("y", "5", false) }},
		},
		Read: func(v V) string {
			var b strings.Builder
			for k, latest := range v.Sorted() {
				got, ok := v.Get(k)
				fmt.Fprintf(&b, "%s=%d %v of", k, latest, got == latest && ok && v.Contains(k))
				for _, s := range v.Siblings(k) {
					fmt.Fprint(&b, " ", s.Value)
				}
				b.WriteString("; ")
			}
			return b.String() + fmt.Sprint(v.Len())
		},
		Want: func(v lawtest.View) string {
			var b strings.Builder
			for _, k := range v.Places() {
				all := v.At(k)
				fmt.Fprintf(&b, "%s=%s true of", k, all[0].Value)
				for _, p := range all {
					b.WriteString(" " + p.Value)
				}
				b.WriteString("; ")
			}
			return b.String() + fmt.Sprint(len(v.Places()))
		},
	}
}

// treeType nests: the places of the model are paths with the type behind.
func treeType() lawtest.Type[*orset.Tree] {
	type V = *orset.Tree
	below := func(prefix string) func(lawtest.Payload) bool {
		return func(p lawtest.Payload) bool { return strings.HasPrefix(p.Place, prefix) }
	}
	return lawtest.Type[V]{
		Name:  "tree",
		Fresh: func() V { return orset.NewTree(nobody) },
		Clone: V.Clone,
		Ops: []lawtest.Op[V]{
			{Name: "add e to m/s",
				Do:    func(v V) error { return v.Field("m", "s").Writer().Add("e") },
				Model: func(w *lawtest.Writer) { w.Assign("m/s set e", "", false) }},
			{Name: "assign m/r",
				Do:    func(v V) error { return v.Field("m", "r").Writer().Assign("v") },
				Model: func(w *lawtest.Writer) { w.Assign("m/r register", "v", false) }},
			{Name: "count m/s",
				Do:    func(v V) error { return v.Field("m", "s").Writer().Increment(3) },
				Model: func(w *lawtest.Writer) { w.Add("m/s counter", "3", false) }},
			{Name: "enable m",
				Do:    func(v V) error { return v.Field("m").Writer().Enable() },
				Model: func(w *lawtest.Writer) { w.Assign("m flag", "", false) }},
			{Name: "remove m",
				Do:    func(v V) error { return v.Field("m").Writer().Remove() },
				Model: func(w *lawtest.Writer) { w.Remove(below("m")) }},
			{Name: "remove m/s",
				Do:    func(v V) error { return v.Field("m", "s").Writer().Remove() },
				Model: func(w *lawtest.Writer) { w.Remove(below("m/s")) }},
		},
		Read: func(v V) string {
			f, s, r := v.Field("m"), v.Field("m", "s"), v.Field("m", "r")
			sum, counted := s.Sum()
			value, assigned := r.Value()
			return fmt.Sprint(f.Enabled(), slices.Collect(s.Elements()), s.Contains("e"), s.Len(), sum, counted, value, assigned, len(r.Siblings()))
		},
		Want: func(v lawtest.View) string {
			e, n, r := v.At("m/s set e"), v.At("m/s counter"), v.At("m/r register")
			elements := []string(nil)
			if len(e) > 0 {
				elements = []string{"e"}
			}
			value := ""
			if len(r) > 0 {
				value = "v"
			}
			return fmt.Sprint(len(v.At("m flag")) > 0, elements, len(e) > 0, len(elements), 3*len(n), len(n) > 0, value, len(r) > 0, len(r))
		},
	}
}

func TestSetObeysTheLaws(t *testing.T)        { lawtest.Run(t, setType()) }
func TestRemoveWinsObeysTheLaws(t *testing.T) { lawtest.Run(t, removeWinsType()) }
func TestMapObeysTheLaws(t *testing.T)        { lawtest.Run(t, mapType()) }
func TestTreeObeysTheLaws(t *testing.T)       { lawtest.Run(t, treeType()) }

// exhaustive is how many operations the small-scope search goes up to.
func exhaustive() int {
	if n, err := strconv.Atoi(os.Getenv("LAWTEST_OPERATIONS")); err == nil {
		return n
	}
	return 3
}

func TestEverySmallHistoryOfASet(t *testing.T) { lawtest.Exhaust(t, setType(), exhaustive()) }
func TestEverySmallHistoryOfARemoveWins(t *testing.T) {
	lawtest.Exhaust(t, removeWinsType(), exhaustive())
}
func TestEverySmallHistoryOfAMap(t *testing.T)  { lawtest.Exhaust(t, mapType(), exhaustive()) }
func TestEverySmallHistoryOfATree(t *testing.T) { lawtest.Exhaust(t, treeType(), exhaustive()) }
