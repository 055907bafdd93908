package msgpackcodec

import (
	"slices"
	"strings"
)

// Canonical returns a msgpack value that passed [Check] with the entries of all
// its maps sorted by the encoding of their keys: the library sorts only some
// types of map. A value without maps or arrays is returned as it is.
func Canonical(s string) string {
	if isScalar(s[0]) {
		return s
	}
	w := walker{s: s}
	return string(w.sorted(make([]byte, 0, len(s))))
}

// isScalar reports whether an object that begins with c holds no others.
func isScalar(c byte) bool { return c < 0x80 || c >= 0xa0 && c < 0xdc || c >= 0xe0 }

// sorted appends the next value.
func (w *walker) sorted(dst []byte) []byte {
	from := w.s
	n, isMap := w.head(0)
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
