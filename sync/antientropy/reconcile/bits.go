package reconcile

import "math/bits"

// bitWriter packs numbers, the highest bit first.
type bitWriter struct {
	buf []byte
	acc uint64
	n   uint // bits in acc. Invariant: less than 8 between calls
}

// put appends the low bits of v, 56 at most.
func (w *bitWriter) put(v uint64, width uint) {
	w.acc = w.acc<<width | v&(1<<width-1)
	for w.n += width; w.n >= 8; w.n -= 8 {
		w.buf = append(w.buf, byte(w.acc>>(w.n-8)))
	}
}

// bytes returns all, filled up with zeros to a whole byte.
func (w *bitWriter) bytes() []byte {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
	return w.buf
}

// bitReader reads what a bitWriter wrote; beyond the end, zeros.
type bitReader struct {
	buf []byte
	acc uint64
	n   uint
}

func (r *bitReader) get(width uint) uint64 {
	for r.n < width {
		b := byte(0)
		if len(r.buf) > 0 {
			b, r.buf = r.buf[0], r.buf[1:]
		}
		r.acc, r.n = r.acc<<8|uint64(b), r.n+8
	}
	r.n -= width
	return r.acc >> r.n & (1<<width - 1)
}

// packed returns how many bytes n numbers take.
func packed(n uint64, width uint) uint64 { return (n*uint64(width) + 7) / 8 }

// mix hashes two words to one. Unlike the fingerprints that go in, the salt
// is not known to those who write.
func mix(v, salt uint64) uint64 {
	hi, lo := bits.Mul64(v^salt, 0xd6e8feb86659fd93)
	h := hi ^ lo ^ salt
	hi, lo = bits.Mul64(h^h>>29, 0x9e3779b97f4a7c15)
	return hi ^ lo
}
