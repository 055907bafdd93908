package orset_test

import (
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/orset"
)

func ExampleSet() {
	a, b := orset.New[string](alice), orset.New[string](bob)
	vip, _ := a.Add("vip")
	b.Merge(vip)

	removed, _ := a.Remove("vip")
	again, _ := b.Add("vip") // concurrently
	a.Merge(again)
	b.Merge(removed)
	fmt.Println("add wins:", a.Contains("vip"), b.Contains("vip"))

	removed, _ = a.Remove("vip") // this time all of it is seen
	b.Merge(removed)
	b.Merge(vip) // an old message comes late
	fmt.Println("stays removed:", !b.Contains("vip"), b.Equal(a))
	// Output:
	// add wins: true true
	// stays removed: true true
}

func ExampleSet_Sorted() {
	s := orset.New[int](alice)
	for _, n := range []int{30, -4, 7} {
		s.Writer().Add(n)
	}
	s.Flush(nil)
	fmt.Println(slices.Collect(s.Sorted()))
	// Output: [-4 7 30]
}

func ExampleRemoveWins() {
	a, b := orset.NewRemoveWins[string](alice), orset.NewRemoveWins[string](bob)
	granted, _ := a.Add("mallory")
	b.Merge(granted)

	revoked, _ := b.Remove("mallory")
	granted, _ = a.Add("mallory") // concurrently
	a.Merge(revoked)
	b.Merge(granted)
	fmt.Println(a.Contains("mallory"), b.Contains("mallory"))
	// Output: false false
}

func ExampleMap() {
	a, b := orset.NewMap[string, int](alice), orset.NewMap[string, int](bob)
	d, _ := a.Put("apples", 3)
	b.Merge(d)

	removed, _ := a.Remove("apples")
	more, _ := b.Put("apples", 5) // concurrently
	a.Merge(more)
	b.Merge(removed)
	n, ok := a.Get("apples")
	fmt.Println(n, ok, a.Len(), b.Len())
	// Output: 5 true 1 1
}

// Concurrent puts to one key all stand until a write that has seen them.
func ExampleMap_Siblings() {
	a, b := orset.NewMap[string, string](alice), orset.NewMap[string, string](bob)
	x, _ := a.Put("drink", "tea")
	y, _ := b.Put("drink", "coffee")
	a.Merge(y)
	b.Merge(x)
	var all []string
	for _, s := range a.Siblings("drink") {
		all = append(all, s.Value)
	}
	slices.Sort(all)
	fmt.Println(all)
	for key, n := range b.Conflicts() {
		fmt.Println(key, n)
	}
	// Output:
	// [coffee tea]
	// drink 2
}

// What is changed in one group is seen everywhere at once or not at all.
func ExampleMap_Update() {
	accounts := orset.NewMap[string, int](alice)
	accounts.Put("savings", 100)
	_, err := accounts.Update(func(w *orset.MapWriter[string, int]) error {
		w.Put("savings", 60)
		w.Put("current", 40)
		return nil
	})
	fmt.Println(err)
	for name, sum := range accounts.Sorted() {
		fmt.Println(name, sum)
	}
	// Output:
	// <nil>
	// current 40
	// savings 60
}

func ExampleTree() {
	a, b := orset.NewTree(alice), orset.NewTree(bob)
	user := a.Field("user:123")
	user.Field("name").Writer().Assign("Alice")
	user.Field("tags").Writer().Add("vip")
	user.Field("visits").Writer().Increment(5)
	b.Merge(a.Flush(nil))

	removed, _ := a.Field("user:123").Remove()
	visit, _ := b.Field("user:123", "visits").Increment(2) // concurrently
	a.Merge(visit)
	b.Merge(removed)

	// The update survives, and only the update.
	n, _ := a.Field("user:123", "visits").Sum()
	fmt.Println(slices.Collect(a.Field("user:123").Fields()), n, a.Equal(b))
	// Output: [visits] 2 true
}

func ExampleField() {
	t := orset.NewTree(alice)
	t.Field("emails", "home").Assign("alice@example.org")
	t.Field("friends").Add("bob")
	t.Field("verified").Enable()

	home, _ := t.Field("emails").Field("home").Value()
	fmt.Println(home, t.Field("friends").Contains("bob"), t.Field("verified").Enabled())
	fmt.Println(slices.Collect(t.Fields()))
	// Output:
	// alice@example.org true true
	// [emails friends verified]
}
