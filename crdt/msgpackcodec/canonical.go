package msgpackcodec

import (
	"slices"
	"strings"
)

// appendCanonical appends a valid msgpack value with the entries of all its
// maps sorted by the encoding of their keys. The library sorts only some types
// of map.
func appendCanonical(dst []byte, s string) []byte {
	w := walker{s: s}
	return w.sorted(dst)
}

// sorted appends the next value.
func (w *walker) sorted(dst []byte) []byte {
	from := w.s
	n, isMap := w.head()
	dst = append(dst, from[:len(from)-len(w.s)]...)
	if isMap {
		return w.sortedMap(dst, n)
	}
	for range n {
		dst = w.sorted(dst)
	}
	return dst
}

func (w *walker) sortedMap(dst []byte, n uint64) []byte {
	type entry struct{ key, value string }
	all := make([]entry, n)
	for i := range all {
		all[i] = entry{string(w.sorted(nil)), string(w.sorted(nil))}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	for _, e := range all {
		dst = append(append(dst, e.key...), e.value...)
	}
	return dst
}
