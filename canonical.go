package joinery

import (
	"slices"
	"strings"
)

// canonical returns a valid msgpack object with the entries of all maps sorted
// by the encoding of their keys: the library sorts only some types of map.
func canonical(s string) string {
	if s[0] < 0x80 || s[0] >= 0xa0 && s[0] < 0xdc || s[0] >= 0xe0 {
		return s // no container
	}
	out, _ := appendCanonical(make([]byte, 0, len(s)), s)
	return string(out)
}

// appendCanonical appends the first object of s and returns what follows it.
func appendCanonical(dst []byte, s string) ([]byte, string) {
	n, isMap, head := container(s)
	if head == 0 {
		rest, _ := skip(s, maxValueDepth)
		return append(dst, s[:len(s)-len(rest)]...), rest
	}
	dst, s = append(dst, s[:head]...), s[head:]
	if isMap {
		return appendEntries(dst, s, n)
	}
	for range n {
		dst, s = appendCanonical(dst, s)
	}
	return dst, s
}

func appendEntries(dst []byte, s string, n int) ([]byte, string) {
	type entry struct{ key, value string }
	entries := make([]entry, n)
	for i := range entries {
		var b []byte
		b, s = appendCanonical(nil, s)
		entries[i].key = string(b)
		b, s = appendCanonical(nil, s)
		entries[i].value = string(b)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	for _, e := range entries {
		dst = append(append(dst, e.key...), e.value...)
	}
	return dst, s
}

// container reads the head of an array or map: how many elements or entries
// it has and how long the head is, 0 if the object is neither.
func container(s string) (n int, isMap bool, head int) {
	switch c := s[0]; {
	case c >= 0x80 && c < 0xa0:
		return int(c & 0x0f), c < 0x90, 1
	case c == 0xdc || c == 0xde:
		n, _, _ = length(s[1:], 2)
		return n, c == 0xde, 3
	case c == 0xdd || c == 0xdf:
		n, _, _ = length(s[1:], 4)
		return n, c == 0xdf, 5
	}
	return 0, false, 0
}
