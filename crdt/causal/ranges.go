package causal

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Range is the sequence numbers Lo to Hi, both included; 1 <= Lo <= Hi.
type Range struct{ Lo, Hi uint64 }

// Len returns how many numbers the range holds.
func (r Range) Len() uint64 { return r.Hi - r.Lo + 1 }

// Ranges is a set of sequence numbers.
//
// Invariant: sorted, disjoint and not adjacent, so that equal sets are equal
// slices. A set costs memory by its number of gaps, never by its size.
type Ranges []Range

// search returns the index of the first range that ends at seq or above.
func (rs Ranges) search(seq uint64) int {
	lo, hi := 0, len(rs)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if rs[mid].Hi < seq {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// Contains reports whether seq is in the set, in O(log n) of the ranges.
func (rs Ranges) Contains(seq uint64) bool {
	if len(rs) > 0 && seq > rs[len(rs)-1].Hi {
		return false
	}
	i := rs.search(seq)
	return i < len(rs) && rs[i].Lo <= seq
}

// Max returns the largest number of the set, 0 if it is empty.
func (rs Ranges) Max() uint64 {
	if len(rs) == 0 {
		return 0
	}
	return rs[len(rs)-1].Hi
}

// Prefix returns the n for which 1 to n are all in the set and n+1 is not: the
// actor's entry in a version vector.
func (rs Ranges) Prefix() uint64 {
	if len(rs) == 0 || rs[0].Lo != 1 {
		return 0
	}
	return rs[0].Hi
}

// Count returns how many numbers the set holds.
func (rs Ranges) Count() (n uint64) {
	for _, r := range rs {
		n += r.Len()
	}
	return n
}

// Add returns the set with r added. It may reuse the slice, as append does.
// Adding at the end costs O(1), elsewhere O(number of ranges).
func (rs Ranges) Add(r Range) Ranges {
	if n := len(rs); n > 0 {
		if last := &rs[n-1]; r.Lo >= last.Lo && r.Lo-1 <= last.Hi {
			last.Hi = max(last.Hi, r.Hi)
			return rs
		} else if r.Lo > last.Hi {
			return append(rs, r)
		}
	} else {
		return append(rs, r)
	}
	return rs.insert(r)
}

// insert adds r anywhere, swallowing the ranges that it overlaps or touches.
func (rs Ranges) insert(r Range) Ranges {
	i := rs.search(max(r.Lo, 1) - 1)
	j := i
	for j < len(rs) && rs[j].Lo-1 <= r.Hi {
		r.Lo = min(r.Lo, rs[j].Lo)
		r.Hi = max(r.Hi, rs[j].Hi)
		j++
	}
	return slices.Replace(rs, i, j, r)
}

// AddSeq returns the set with one number added.
func (rs Ranges) AddSeq(seq uint64) Ranges { return rs.Add(Range{seq, seq}) }

// Remove returns the set without the numbers of r. It may reuse the slice.
func (rs Ranges) Remove(r Range) Ranges {
	if len(rs) == 0 || rs.Max() < r.Lo || rs[0].Lo > r.Hi {
		return rs
	}
	i := rs.search(r.Lo)
	j := i
	var keep [2]Range
	n := 0
	for j < len(rs) && rs[j].Lo <= r.Hi {
		if rs[j].Lo < r.Lo {
			keep[n] = Range{rs[j].Lo, r.Lo - 1}
			n++
		}
		if rs[j].Hi > r.Hi {
			keep[n] = Range{r.Hi + 1, rs[j].Hi}
			n++
		}
		j++
	}
	return slices.Replace(rs, i, j, keep[:n]...)
}

// Minus returns a new set: the numbers of rs that are not in other.
func (rs Ranges) Minus(other Ranges) Ranges {
	var out Ranges
	j := 0
	if len(rs) > 0 {
		j = other.search(rs[0].Lo)
	}
	for _, r := range rs {
		for j < len(other) && other[j].Hi < r.Lo {
			j++
		}
		for k := j; k < len(other) && other[k].Lo <= r.Hi && r.Lo <= r.Hi; k++ {
			if other[k].Lo > r.Lo {
				out = append(out, Range{r.Lo, other[k].Lo - 1})
			}
			if other[k].Hi >= r.Hi {
				r.Lo = r.Hi + 1 // nothing left; Hi < 2^64-1 by the bound on sequence numbers
				break
			}
			r.Lo = other[k].Hi + 1
		}
		if r.Lo <= r.Hi {
			out = append(out, r)
		}
	}
	return out
}

// Intersect returns a new set: the numbers in both.
func (rs Ranges) Intersect(other Ranges) Ranges {
	var out Ranges
	for i, j := 0, 0; i < len(rs) && j < len(other); {
		lo, hi := max(rs[i].Lo, other[j].Lo), min(rs[i].Hi, other[j].Hi)
		if lo <= hi {
			out = append(out, Range{lo, hi})
		}
		if rs[i].Hi < other[j].Hi {
			i++
		} else {
			j++
		}
	}
	return out
}

// Union returns the set with all numbers of other added. It may reuse rs,
// never other. It costs O(ranges of both), less where other is short or behind.
func (rs Ranges) Union(other Ranges) Ranges {
	if len(other) > 4 && other[0].Lo <= rs.Max() {
		return rs.merge(other)
	}
	for _, r := range other {
		rs = rs.Add(r)
	}
	return rs
}

// merge returns a new set: the numbers of both, in one pass.
func (rs Ranges) merge(other Ranges) Ranges {
	out := make(Ranges, 0, len(rs)+len(other))
	for len(rs) > 0 && len(other) > 0 {
		if rs[0].Lo <= other[0].Lo {
			out, rs = out.Add(rs[0]), rs[1:]
		} else {
			out, other = out.Add(other[0]), other[1:]
		}
	}
	for _, rest := range [2]Ranges{rs, other} {
		for _, r := range rest {
			out = out.Add(r)
		}
	}
	return out
}

// Covers reports whether every number of other is in rs.
func (rs Ranges) Covers(other Ranges) bool {
	i := 0
	for _, r := range other {
		for i < len(rs) && rs[i].Hi < r.Hi {
			i++
		}
		if i == len(rs) || rs[i].Lo > r.Lo {
			return false
		}
	}
	return true
}

// CoversRange reports whether every number of r is in rs, in O(log n).
func (rs Ranges) CoversRange(r Range) bool {
	i := rs.search(r.Hi)
	return i < len(rs) && rs[i].Lo <= r.Lo
}

// Overlaps reports whether rs holds any number of r, in O(log n).
func (rs Ranges) Overlaps(r Range) bool {
	if len(rs) == 0 || rs[len(rs)-1].Hi < r.Lo {
		return false
	}
	i := rs.search(r.Lo)
	return i < len(rs) && rs[i].Lo <= r.Hi
}

// Equal reports whether both hold the same numbers.
func (rs Ranges) Equal(other Ranges) bool { return slices.Equal(rs, other) }

// All yields the numbers in ascending order.
func (rs Ranges) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, r := range rs {
			for n := r.Lo; n <= r.Hi; n++ {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// String returns a form such as "1-9,12".
func (rs Ranges) String() string {
	var b strings.Builder
	for i, r := range rs {
		if i > 0 {
			b.WriteByte(',')
		}
		if r.Lo == r.Hi {
			fmt.Fprintf(&b, "%d", r.Lo)
		} else {
			fmt.Fprintf(&b, "%d-%d", r.Lo, r.Hi)
		}
	}
	return b.String()
}
