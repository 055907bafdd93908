package causal

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

var people = []Actor{{ID: ID{1}}, {ID: ID{1}, Incarnation: 7}, {ID: ID{2}}, {ID: ID{3}, Incarnation: 1 << 63}}

// randomContext returns a context and the same events as a plain set.
func randomContext(rng *rand.Rand) (Context, map[Dot]bool) {
	var c Context
	n := map[Dot]bool{}
	for range rng.Intn(12) {
		a, r := people[rng.Intn(len(people))], randomRange(rng)
		c.AddRange(a, r)
		for seq := r.Lo; seq <= r.Hi; seq++ {
			n[Dot{a, seq}] = true
		}
	}
	return c, n
}

func requireHolds(t *testing.T, want map[Dot]bool, c Context) {
	t.Helper()
	require.Equal(t, uint64(len(want)), c.Count())
	require.Equal(t, len(want) == 0, c.IsEmpty())
	seen := 0
	last := Actor{}
	for a, rs := range c.All() {
		require.Positive(t, a.Compare(last), "actors ascend")
		require.NotEmpty(t, rs, "no entry is empty")
		last = a
		for seq := range rs.All() {
			require.True(t, want[Dot{a, seq}])
			require.True(t, c.Contains(Dot{a, seq}))
			seen++
		}
	}
	require.Equal(t, len(want), seen)
}

func where(n map[Dot]bool, keep func(Dot) bool) map[Dot]bool {
	out := map[Dot]bool{}
	for d := range n {
		if keep(d) {
			out[d] = true
		}
	}
	return out
}

func TestContextAgreesWithANaiveSet(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 2_000 {
		a, na := randomContext(rng)
		b, nb := randomContext(rng)
		both := where(na, func(d Dot) bool { return nb[d] })
		requireHolds(t, na, a)
		requireHolds(t, both, a.Intersect(b))
		requireHolds(t, where(na, func(d Dot) bool { return !nb[d] }), a.Minus(b))
		require.Equal(t, len(both) == len(nb), a.Covers(b))
		require.Equal(t, len(both) == len(na) && len(both) == len(nb), a.Equal(b))
		joined := a.Clone()
		joined.Join(b)
		for d := range na {
			nb[d] = true
		}
		requireHolds(t, nb, joined)
		requireHolds(t, na, a)
	}
}

func TestContextCloneSharesNothing(t *testing.T) {
	var c Context
	c.AddRange(people[0], Range{3, 5})
	d := c.Clone()
	d.Add(Dot{people[0], 6})
	d.Add(Dot{people[0], 1})
	d.Add(Dot{people[2], 1})
	require.Equal(t, fmt.Sprintf("{%v:3-5}", people[0]), c.String())
	require.Equal(t, fmt.Sprintf("{%v:1,3-6 %v:1}", people[0], people[2]), d.String())
	require.Equal(t, 2, d.Actors())
}

func TestContextKeepsGaps(t *testing.T) {
	var c Context
	c.Add(Dot{people[0], 1})
	c.Add(Dot{people[0], 1_000_000})
	require.EqualValues(t, 1, c.Of(people[0]).Prefix(), "a gap is never rounded up")
	require.False(t, c.Contains(Dot{people[0], 2}))
	require.Nil(t, c.Of(people[1]))
}

func TestContextOfHugeRangesCostsNothing(t *testing.T) {
	var c, d Context
	c.AddRange(people[0], Range{1, 1 << 60})
	d.AddRange(people[0], Range{2, 1<<60 - 1})
	rest := c.Minus(d)
	require.EqualValues(t, 2, rest.Count())
	require.True(t, c.Covers(d))
}
