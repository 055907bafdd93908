package msgpackcodec

import (
	"fmt"
	"unicode/utf8"

	"github.com/joinery-crdt/joinery/crdt/codec"
)

// MaxDepth bounds the nesting of arrays and maps.
const MaxDepth = 64

// validate walks one msgpack value that has to be all of s.
func validate(s string) error {
	w := walker{s: s}
	w.value(0)
	if w.err == nil && len(w.s) > 0 {
		w.fail("%d bytes behind the end", len(w.s))
	}
	return w.err
}

type walker struct {
	s   string // what is left
	err error
}

func (w *walker) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", codec.ErrDecode, fmt.Sprintf(format, args...))
	}
	w.s = ""
}

func (w *walker) take(n uint64) string {
	if n > uint64(len(w.s)) {
		w.fail("%d bytes announced, %d left", n, len(w.s))
		return ""
	}
	b := w.s[:n]
	w.s = w.s[n:]
	return b
}

// number reads an unsigned integer of size bytes.
func (w *walker) number(size uint64) (n uint64) {
	for _, c := range []byte(w.take(size)) {
		n = n<<8 | uint64(c)
	}
	return n
}

func (w *walker) value(depth int) {
	if depth > MaxDepth {
		w.fail("nested deeper than %d", MaxDepth)
	}
	n, isMap := w.head()
	if isMap {
		n *= 2
	}
	if n > uint64(len(w.s)) {
		w.fail("%d elements announced in %d bytes", n, len(w.s))
	}
	for ; n > 0 && w.err == nil; n-- { // each takes a byte at least
		w.value(depth + 1)
	}
}

// head walks a value that holds no others, or the head of one that does; then
// it returns how many elements or entries follow.
func (w *walker) head() (n uint64, isMap bool) {
	head := w.take(1)
	if w.err != nil {
		return 0, false
	}
	switch c := head[0]; {
	case c < 0x80, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3: // small integers, nil, booleans
	case c < 0x90:
		return uint64(c & 0x0f), true
	case c < 0xa0:
		return uint64(c & 0x0f), false
	case c < 0xc0:
		w.text(uint64(c & 0x1f))
	case c == 0xdc, c == 0xdd:
		return w.number(2 << (c - 0xdc)), false
	case c == 0xde, c == 0xdf:
		return w.number(2 << (c - 0xde)), true
	default:
		w.sized(c)
	}
	return 0, false
}

// sized walks what has a length or a fixed width behind its type byte.
func (w *walker) sized(c byte) {
	switch {
	case c >= 0xc4 && c <= 0xc6: // binary
		w.take(w.number(1 << (c - 0xc4)))
	case c >= 0xc7 && c <= 0xc9: // extension
		n := w.number(1 << (c - 0xc7))
		w.take(n + 1)
	case c == 0xca, c == 0xcb: // floats
		w.take(4 << (c - 0xca))
	case c >= 0xcc && c <= 0xcf: // unsigned
		w.take(1 << (c - 0xcc))
	case c >= 0xd0 && c <= 0xd3: // signed
		w.take(1 << (c - 0xd0))
	case c >= 0xd4 && c <= 0xd8: // fixed extension
		w.take(1 + 1<<(c-0xd4))
	case c >= 0xd9 && c <= 0xdb:
		w.text(w.number(1 << (c - 0xd9)))
	default:
		w.fail("type byte %#02x", c)
	}
}

func (w *walker) text(n uint64) {
	if b := w.take(n); !utf8.ValidString(b) {
		w.fail("string is not valid UTF-8")
	}
}
