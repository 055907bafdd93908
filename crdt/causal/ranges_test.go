package causal

import (
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limit is the largest number in the sets of these tests; small, so that
// ranges often touch, overlap and swallow each other.
const limit = 24

// naive is a set of numbers kept in the plainest way.
type naive map[uint64]bool

func (n naive) ranges() Ranges {
	var out Ranges
	for seq := uint64(1); seq <= limit+1; seq++ {
		if !n[seq] {
			continue
		}
		if last := len(out) - 1; last >= 0 && out[last].Hi == seq-1 {
			out[last].Hi = seq
		} else {
			out = append(out, Range{seq, seq})
		}
	}
	return out
}

func (n naive) where(keep func(uint64) bool) naive {
	out := naive{}
	for seq := range n {
		if keep(seq) {
			out[seq] = true
		}
	}
	return out
}

func randomRange(rng *rand.Rand) Range {
	lo := 1 + uint64(rng.Intn(limit))
	return Range{lo, min(limit, lo+uint64(rng.Intn(6)))}
}

func randomSet(rng *rand.Rand) (Ranges, naive) {
	var rs Ranges
	n := naive{}
	for range rng.Intn(8) {
		r := randomRange(rng)
		rs = rs.Add(r)
		for seq := r.Lo; seq <= r.Hi; seq++ {
			n[seq] = true
		}
	}
	return rs, n
}

func requireSame(t *testing.T, want naive, got Ranges, what string) {
	t.Helper()
	require.True(t, want.ranges().Equal(got), "%s: want %v, got %v", what, want.ranges(), got)
}

func TestRangesAgreeWithANaiveSetUnderRandomChanges(t *testing.T) {
	for seed := range int64(300) {
		rng := rand.New(rand.NewSource(seed))
		var rs Ranges
		n := naive{}
		for range 60 {
			r := randomRange(rng)
			add := rng.Intn(2) == 0
			if add {
				rs = rs.Add(r)
			} else {
				rs = rs.Remove(r)
			}
			for seq := r.Lo; seq <= r.Hi; seq++ {
				if delete(n, seq); add {
					n[seq] = true
				}
			}
			requireSame(t, n, rs, "after a change")
		}
	}
}

func TestRangesAlgebraAgreesWithNaiveSets(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 20_000 {
		a, na := randomSet(rng)
		b, nb := randomSet(rng)
		both := na.where(func(s uint64) bool { return nb[s] })
		requireSame(t, both, a.Intersect(b), "intersect")
		requireSame(t, na.where(func(s uint64) bool { return !nb[s] }), a.Minus(b), "minus")
		require.Equal(t, len(both) == len(nb), a.Covers(b), "%v covers %v", a, b)
		require.Equal(t, a.Equal(b), a.Covers(b) && b.Covers(a))
		union := naive{}
		for _, n := range []naive{na, nb} {
			for s := range n {
				union[s] = true
			}
		}
		requireSame(t, union, slices.Clone(a).Union(b), "union")
		requireSame(t, na, a, "the operands stay as they were")
	}
}

func TestRangesQueriesAgreeWithANaiveSet(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	for range 5_000 {
		rs, n := randomSet(rng)
		require.Equal(t, uint64(len(n)), rs.Count())
		prefix, most := uint64(0), uint64(0)
		for s := range n {
			most = max(most, s)
		}
		for n[prefix+1] {
			prefix++
		}
		require.Equal(t, prefix, rs.Prefix())
		require.Equal(t, most, rs.Max())
		require.Equal(t, len(n), len(slices.Collect(rs.All())))
		for s := uint64(1); s <= limit+2; s++ {
			require.Equal(t, n[s], rs.Contains(s))
		}
		r := randomRange(rng)
		held := n.where(func(s uint64) bool { return r.Lo <= s && s <= r.Hi })
		require.Equal(t, len(held) > 0, rs.Overlaps(r), "%v overlaps %v", rs, r)
		require.Equal(t, uint64(len(held)) == r.Len(), rs.CoversRange(r), "%v covers %v", rs, r)
	}
}

func TestRangesStayExactAtTheEndOfTheNumbers(t *testing.T) {
	rs := Ranges{}.Add(Range{1, MaxSeq})
	require.Equal(t, uint64(MaxSeq), rs.Count())
	require.True(t, rs.CoversRange(Range{MaxSeq, MaxSeq}))
	rs = rs.Remove(Range{2, MaxSeq - 1})
	require.Equal(t, Ranges{{1, 1}, {MaxSeq, MaxSeq}}, rs)
	require.Equal(t, Ranges{{2, MaxSeq - 1}}, Ranges{{1, MaxSeq}}.Minus(rs))
	rs = rs.AddSeq(2).Add(Range{3, MaxSeq - 1})
	require.Equal(t, Ranges{{1, MaxSeq}}, rs)
	require.Empty(t, rs.Remove(Range{1, MaxSeq}))
}

func TestRangesAllStopsWhenAsked(t *testing.T) {
	for s := range (Ranges{{5, MaxSeq}}).All() {
		require.EqualValues(t, 5, s)
		break
	}
}

func TestRangesString(t *testing.T) {
	require.Equal(t, "1-9,12", Ranges{{1, 9}, {12, 12}}.String())
	require.Empty(t, Ranges(nil).String())
}

// Messages may carry a hundred thousand ranges each. Merged one by one, each
// would move all behind it.
func TestLongRangesMergeInOnePass(t *testing.T) {
	var odd, even Ranges
	for i := uint64(0); i < 200_000; i++ {
		odd = append(odd, Range{4*i + 1, 4*i + 1})
		even = append(even, Range{4*i + 3, 4*i + 3})
	}
	start := time.Now()
	both := slices.Clone(odd).Union(even)
	require.Len(t, both, 400_000)
	require.True(t, both.Minus(even).Equal(odd))
	require.Less(t, time.Since(start), 5*time.Second, "it takes about 10 ms; one by one takes 10 s")
}
