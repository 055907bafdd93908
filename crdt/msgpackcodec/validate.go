package msgpackcodec

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/codec"
)

// MaxDepth bounds the nesting of arrays and maps.
const MaxDepth = 64

// Check reports, as a [codec.ErrDecode], what is wrong with s unless it is
// exactly one msgpack value of at most [MaxDepth] levels whose lengths all fit
// in it. It allocates nothing for a valid one without extensions.
func Check(s string) error {
	w := walker{s: s, size: len(s)}
	return w.whole(0)
}

type walker struct {
	s     string // what is left
	size  int    // of the whole value
	traps []int  // where the contents of extensions begin that are no value
	err   error
}

// whole walks one value that has to be all of s.
func (w *walker) whole(depth int) error {
	w.value(depth)
	if w.err == nil && len(w.s) > 0 {
		w.fail("%d bytes behind the end", len(w.s))
	}
	return w.err
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
	n, isMap := w.head(depth)
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
func (w *walker) head(depth int) (n uint64, isMap bool) {
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
		w.take(uint64(c & 0x1f))
	case c == 0xdc, c == 0xdd:
		return w.number(2 << (c - 0xdc)), false
	case c == 0xde, c == 0xdf:
		return w.number(2 << (c - 0xde)), true
	default:
		w.sized(c, depth)
	}
	return 0, false
}

// sized walks what has a length or a fixed width behind its type byte.
func (w *walker) sized(c byte, depth int) {
	switch {
	case c >= 0xc4 && c <= 0xc6: // binary
		w.take(w.number(1 << (c - 0xc4)))
	case c >= 0xc7 && c <= 0xc9: // extension
		w.extension(w.number(1<<(c-0xc7)), depth)
	case c == 0xca, c == 0xcb: // floats
		w.take(4 << (c - 0xca))
	case c >= 0xcc && c <= 0xcf: // unsigned
		w.take(1 << (c - 0xcc))
	case c >= 0xd0 && c <= 0xd3: // signed
		w.take(1 << (c - 0xd0))
	case c >= 0xd4 && c <= 0xd8: // fixed extension
		w.extension(1<<(c-0xd4), depth)
	case c >= 0xd9 && c <= 0xdb:
		w.take(w.number(1 << (c - 0xd9)))
	default:
		w.fail("type byte %#02x", c)
	}
}

// extension walks what follows the type byte of an extension of n bytes.
func (w *walker) extension(n uint64, depth int) {
	w.take(1)
	at := w.size - len(w.s)
	in := walker{s: w.take(n), size: at + int(n)}
	if w.err != nil {
		return
	}
	if in.whole(depth+1) != nil {
		in.traps = []int{at}
	}
	w.traps = append(w.traps, in.traps...)
}
