package reconcile

import (
	"math"
	"math/bits"
)

// Bounds of a sketch's buckets.
const (
	minBuckets  = 32
	maxBuckets  = 1 << 14
	fineBuckets = 1 << 13 // as many as are made to save work alone
)

// work is how many dots the differing buckets should hold together: they are hashed.
const work = 75_000

// Bounds of a bucket's fingerprint.
const (
	minBits = 8
	maxBits = 32
)

// shape returns how many blocks a bucket has and how many bits its fingerprint,
// for so many differences among live dots on a line of blocks.
func shape(differences, live, blocks uint64, e effort) (width uint64, digits uint) {
	d := max(min(differences, 1<<20), minBuckets/4)
	wanted := max(4*d, min(d*min(live, 1<<40)/work, fineBuckets))
	if e == thorough {
		wanted = fineBuckets
	}
	wanted = min(wanted, maxBuckets)
	width = (blocks + wanted - 1) / wanted
	if e == thorough {
		return width, maxBits
	}
	// About one table in two thousand then has a difference that shows in no bucket.
	return width, uint(11 + bits.Len64(d))
}

// estimate returns how many differences there are if m buckets of k differ and
// the numbers of live dots by skew: how many balls it takes to hit m, and two
// deviations more.
func estimate(m, k, skew uint64) uint64 {
	n := float64(k)
	d := n * (math.Log(n) + 1)
	if m < k {
		d = -n * math.Log1p(-float64(m)/n)
	}
	return max(uint64(math.Ceil(d+2*d/math.Sqrt(2*n))), skew)
}

// cellsFor returns the cells per hash with which about one table of d elements
// in some thousands can't be read.
func cellsFor(d uint64) uint64 { return min(d, 1<<32)*9/25 + 12 }
