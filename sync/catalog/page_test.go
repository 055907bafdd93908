package catalog

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/message"
)

func odd(e *Entry[int]) bool { return e.Value%2 == 1 }

func TestPagesMakeUpTheWholeList(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var c Catalog[int]
	model := map[string]int{}
	for range 3000 {
		name := fmt.Sprintf("%c%s%d.%d", 'a'+rng.IntN(3), []string{"", "-", "/", "."}[rng.IntN(4)], rng.IntN(30), rng.IntN(30))
		model[name] = rng.Int()
		c.Put(name, model[name])
	}
	for _, pattern := range []string{">", "a.>", "*.*", "a.*.7", "*.7", "a.1.2", "nobody", "nobody.>", "b-.*"} {
		var want []string
		for _, name := range slices.Sorted(maps.Keys(model)) {
			if message.Match(pattern, name) && model[name]%2 == 1 {
				want = append(want, name)
			}
		}
		for range 5 {
			limit, effort := 1+rng.IntN(50), 1+rng.IntN(100)
			var have []string
			after := ""
			for {
				p := List(&c, NewScope(pattern), after, limit, effort, odd)
				require.LessOrEqual(t, len(p.Names), limit)
				have, after = append(have, p.Names...), p.Next
				if after == "" {
					break
				}
			}
			require.Equal(t, want, have, "%s by %d, of %d looked at", pattern, limit, effort)
		}
	}
}

func TestAPageLooksAtNoMoreThanItMay(t *testing.T) {
	var c Catalog[int]
	for i := range 1000 {
		c.Put(fmt.Sprintf("doc.%04d.x", i), i)
	}
	looked := 0
	count := func(*Entry[int]) bool { looked++; return false }
	require.Equal(t, Page{Next: "doc.0099.x"}, List(&c, NewScope("doc.>"), "", 10, 100, count))
	require.Equal(t, 100, looked)
	require.Equal(t, Page{Names: []string{"doc.0500.x", "doc.0501.x"}, Next: "doc.0501.x"},
		List(&c, NewScope("doc.>"), "doc.05", 2, 100, func(*Entry[int]) bool { return true }), "a cursor need not be a document")
	require.Equal(t, Page{}, List(&c, NewScope("doc.>"), "doc/", 10, 100, count), "behind all of them")
	require.Equal(t, Page{Names: []string{"doc.0000.x"}, Next: "doc.0000.x"},
		List(&c, NewScope(">"), "", 1, 1, func(*Entry[int]) bool { return true }))
}
