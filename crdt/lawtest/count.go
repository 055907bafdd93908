package lawtest

import "math/bits"

// interleavings returns in how many orders n writes, in a given order, and the
// delivery of each to both other replicas can happen; and in how many if one
// of the deliveries happens twice.
func interleavings(n int) (plain, twice uint64) {
	c := counter{n: n, memo: map[[3]int]uint64{}}
	return c.count(0, 0, 0), c.count(0, 0, 1)
}

type counter struct {
	n    int
	memo map[[3]int]uint64
}

// count continues after some writes and deliveries, with duplicates to come.
func (c *counter) count(writes, delivered, duplicates int) (total uint64) {
	key := [3]int{writes, delivered, duplicates}
	if known, ok := c.memo[key]; ok {
		return known
	}
	due := (replicas - 1) * writes
	done := bits.OnesCount(uint(delivered))
	if writes == c.n && done == due && duplicates == 0 {
		return 1
	}
	if writes < c.n {
		total += c.count(writes+1, delivered, duplicates)
	}
	for d := range due {
		if delivered>>d&1 == 0 {
			total += c.count(writes, delivered|1<<d, duplicates)
		}
	}
	if duplicates > 0 {
		total += uint64(done) * c.count(writes, delivered, duplicates-1)
	}
	c.memo[key] = total
	return total
}
