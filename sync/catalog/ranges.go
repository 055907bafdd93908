package catalog

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/joinery-crdt/joinery/sync/message"
)

// MaxRanges bounds the ranges of one comparison.
const MaxRanges = message.MaxRanges

// perRange is how many documents make another range worth its bytes.
const perRange = 16

// PrintSize is how many bytes the hash of a range takes.
const PrintSize = message.PrintSize

// Part is what a catalog has in a range of names.
type Part struct {
	Sum   uint64
	Count int
}

// Cut returns the names between ranges of about equal size into which the
// documents of a scope from lo to hi fall: at most MaxRanges less one, each as short
// as it may be.
func Cut[V any](c *Catalog[V], s Scope, lo, hi string) (bounds []string) {
	_, n := Sum(c, s, lo, hi)
	ranges := min(n/perRange, MaxRanges)
	if ranges < 2 {
		return nil
	}
	i, last := 0, ""
	for e := range In(c, s, lo, hi) {
		if i > 0 && i*ranges/n > (i-1)*ranges/n {
			bounds = append(bounds, separator(last, e.Name))
		}
		i, last = i+1, e.Name
	}
	return bounds
}

// separator returns the shortest name above a and not above b, which is above a.
func separator(a, b string) string {
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return b[:i+1]
}

// Parts returns what there is in each range between the bounds.
func Parts[V any](c *Catalog[V], s Scope, lo string, bounds []string, hi string) []Part {
	out := make([]Part, len(bounds)+1)
	if !s.exact {
		i := 0
		for e := range In(c, s, lo, hi) {
			for i < len(bounds) && e.Name >= bounds[i] {
				i++
			}
			out[i] = Part{out[i].Sum ^ e.Print, out[i].Count + 1}
		}
		return out
	}
	for i := range out {
		from, to := Bounds(lo, bounds, hi, i)
		out[i].Sum, out[i].Count = Sum(c, s, from, to)
	}
	return out
}

// Bounds returns where the i-th range begins and ends.
func Bounds(lo string, bounds []string, hi string, i int) (string, string) {
	if i > 0 {
		lo = bounds[i-1]
	}
	if i < len(bounds) {
		hi = bounds[i]
	}
	return lo, hi
}

// AppendPrints appends the short hashes of the ranges' prints.
func AppendPrints(dst []byte, parts []Part, salt uint64) []byte {
	for _, p := range parts {
		dst = binary.BigEndian.AppendUint32(dst, short(p.Sum, salt))
	}
	return dst
}

func short(sum, salt uint64) uint32 { return uint32(mix(sum, salt) >> 32) }

// Differing returns which ranges have another hash than those of AppendPrints,
// in order. It panics unless there are as many.
func Differing(parts []Part, prints []byte, salt uint64) (out []int) {
	for i, p := range parts {
		if binary.BigEndian.Uint32(prints[i*PrintSize:]) != short(p.Sum, salt) {
			out = append(out, i)
		}
	}
	return out
}

// Estimate returns how many documents differ if m ranges of n do: how many balls
// it takes to hit m boxes, and two deviations more. It is a lower bound if nearly
// all are hit.
func Estimate(m, n int) int {
	k := float64(n)
	d := k * (math.Log(k) + 1)
	if m < n {
		d = -k * math.Log1p(-float64(m)/k)
	}
	return int(math.Ceil(d + 2*d/math.Sqrt(2*k)))
}

// mix hashes two words to one. The salt is not known to those who write.
func mix(v, salt uint64) uint64 {
	hi, lo := bits.Mul64(v^salt, 0xd6e8feb86659fd93)
	h := hi ^ lo ^ salt
	hi, lo = bits.Mul64(h^h>>29, 0x9e3779b97f4a7c15)
	return hi ^ lo
}
