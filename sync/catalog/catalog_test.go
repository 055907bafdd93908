package catalog

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/message"
)

// naive is a catalog as one would write it down.
type naive map[string]uint64

func (n naive) sum(s Scope, lo, hi string) (sum uint64, names []string) {
	for _, name := range slices.Sorted(maps.Keys(n)) {
		if message.Match(s.Pattern(), name) && name >= lo && (hi == "" || name < hi) {
			sum, names = sum^n[name], append(names, name)
		}
	}
	return sum, names
}

func TestACatalogAgreesWithANaiveOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var c Catalog[int]
	model := naive{}
	word := func() string { return string(rune('a'+rng.IntN(6))) + []string{"", "-", "/", "x"}[rng.IntN(4)] }
	patterns := []string{">", "*", "a.>", "a.b", "a.*", "*.b.>", "a.*.c", "b-.>", "a.b.c.>"}
	for step := range 8_000 {
		name := strings.Join([]string{word(), word(), word(), word(), word()}[:1+rng.IntN(5)], ".")
		if rng.IntN(3) == 0 && step > 3_000 {
			c.Remove(name)
			delete(model, name)
		} else {
			c.Put(name, step)
			model[name] = rng.Uint64()
			c.SetPrint(name, model[name])
		}
		if step%1000 > 0 {
			continue
		}
		require.Equal(t, len(model), c.Len())
		for _, p := range patterns {
			s := NewScope(p)
			for _, b := range [][2]string{{"", ""}, {word(), ""}, {"", word()}, {"a", "c"}, {"a.b", "a.b/"}} {
				sum, names := model.sum(s, b[0], b[1])
				var have []string
				for e := range In(&c, s, b[0], b[1]) {
					have = append(have, e.Name)
				}
				require.Equal(t, names, have, "%s %q", p, b)
				gotSum, gotCount := Sum(&c, s, b[0], b[1])
				require.Equal(t, sum, gotSum, "%s %q", p, b)
				require.Equal(t, len(names), gotCount, "%s %q", p, b)
			}
		}
		all, _ := model.sum(NewScope(">"), "", "")
		require.Equal(t, all, c.Sum())
	}
}

func TestNamesInOrderFillChunks(t *testing.T) {
	var c Catalog[int]
	for i := range 10 * maxChunk {
		c.Put(fmt.Sprintf("doc%06d", i), i)
	}
	require.Len(t, c.chunks, 10)
	require.Equal(t, 700, c.Get("doc000700").Value)
	require.Nil(t, c.Get("doc"))
	for i := range 10 * maxChunk {
		c.Remove(fmt.Sprintf("doc%06d", i))
	}
	require.Empty(t, c.chunks)
}

func TestRangesCoverAScopeOnce(t *testing.T) {
	var c Catalog[int]
	for i := range 5000 {
		name := fmt.Sprintf("fleet.%d.engine", i)
		c.Put(name, i)
		c.SetPrint(name, mix(uint64(i), 7))
	}
	for _, p := range []string{">", "fleet.>", "fleet.*.engine", "nobody.>"} {
		s := NewScope(p)
		bounds := Cut(&c, s, "", "")
		require.True(t, slices.IsSorted(bounds))
		parts := Parts(&c, s, "", bounds, "")
		sum, count := Sum(&c, s, "", "")
		for _, part := range parts {
			sum, count = sum^part.Sum, count-part.Count
			require.LessOrEqual(t, part.Count, 2*5000/MaxRanges)
		}
		require.Zero(t, sum)
		require.Zero(t, count)
		require.Empty(t, Differing(parts, AppendPrints(nil, parts, 5), 5))
	}
}

func TestATableGivesTheDifference(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	unread := 0
	for range 300 {
		salt := rng.Uint64()
		var want []uint64
		for range rng.IntN(300) {
			want = append(want, rng.Uint64())
		}
		here, there := NewTable(Cells(len(want)), salt), NewTable(Cells(len(want)), salt)
		for range 1000 { // what both have
			x := rng.Uint64()
			here.Toggle(x)
			there.Toggle(x)
		}
		for i, x := range want {
			[]*Table{here, there}[i%2].Toggle(x)
		}
		sum := ParseTable(here.Append(nil), salt)
		for i := range sum.cells {
			sum.cells[i].prints ^= there.cells[i].prints
			sum.cells[i].check ^= there.cells[i].check
		}
		got, ok := sum.Read()
		if !ok {
			unread++
			continue
		}
		require.ElementsMatch(t, want, got)
	}
	require.LessOrEqual(t, unread, 1)
}

func TestATableOfNoiseIsNotRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		b := make([]byte, CellSize*hashes*(1+rng.IntN(50)))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		_, ok := ParseTable(b, rng.Uint64()).Read()
		require.False(t, ok)
	}
	require.Nil(t, ParseTable(nil, 1))
	require.Nil(t, ParseTable(make([]byte, CellSize*hashes+1), 1))
}

func TestAnEstimateIsSeldomTooLow(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	low := 0
	for range 1000 {
		d, hit := 1+rng.IntN(400), map[int]bool{}
		for range d {
			hit[rng.IntN(MaxRanges)] = true
		}
		if Estimate(len(hit), MaxRanges) < d {
			low++
		}
	}
	require.Less(t, low, 100)
}

func TestSaltChangesEveryHash(t *testing.T) {
	parts := []Part{{Sum: 1}, {Sum: 2}, {}}
	require.Len(t, Differing(parts, AppendPrints(nil, parts, 5), 6), 3)
	require.NotEqual(t, filled(5), filled(6))
}

func filled(salt uint64) []byte {
	t := NewTable(Cells(10), salt)
	t.Toggle(7)
	return t.Append(nil)
}
