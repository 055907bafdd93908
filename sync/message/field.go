package message

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// minName is the least size of an encoded document name.
const minName = 2

func readName(r *wire.Reader) string {
	s := string(r.Bytes())
	if r.Err() == nil {
		if err := CheckName(s); err != nil {
			r.Fail("%v", err)
		}
	}
	return s
}

func readPattern(r *wire.Reader) string {
	s := string(r.Bytes())
	if r.Err() == nil {
		if err := CheckPattern(s); err != nil {
			r.Fail("%v", err)
		}
	}
	return s
}

// readLimit reads where a stretch of names begins or ends.
func readLimit(r *wire.Reader) string {
	b := r.Bytes()
	if len(b) > MaxName+1 {
		r.Fail("limit of %d bytes", len(b))
	}
	return string(b)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 0xc3)
	}
	return append(dst, 0xc2)
}

func readBool(r *wire.Reader) bool {
	b := r.Take(1)
	if len(b) == 1 && b[0]&^1 != 0xc2 {
		r.Fail("boolean wanted, found type %#02x", b[0])
	}
	return len(b) == 1 && b[0] == 0xc3
}

// count reads the length of a list whose items take size bytes at least.
func count(r *wire.Reader, size int) int {
	n := r.Uint()
	if n > uint64(r.Len()/size) {
		r.Fail("%d items announced in %d bytes", n, r.Len())
		return 0
	}
	return int(n)
}

func appendStates(dst []byte, states []State) []byte {
	dst = wire.AppendUint(dst, uint64(len(states)))
	for _, s := range states {
		dst = wire.AppendBytes(dst, s.Doc)
		dst = wire.AppendUint(dst, s.Digest)
		dst = wire.AppendUint(dst, s.Head)
		dst = wire.AppendUint(dst, s.Count)
	}
	return dst
}

func readStates(r *wire.Reader) []State {
	n := count(r, 3+minName)
	out := make([]State, 0, n)
	for range n {
		s := State{Doc: readName(r), Digest: r.Uint(), Head: r.Uint(), Count: r.Uint()}
		if r.Err() != nil {
			return nil
		}
		out = append(out, s)
	}
	return out
}

// AppendContext appends a set of events: how many actors, then each with its ranges.
func AppendContext(dst []byte, c causal.Context) []byte {
	dst = wire.AppendUint(dst, uint64(c.Actors()))
	for a, rs := range c.All() {
		dst = wire.AppendRanges(wire.AppendActor(dst, a), rs)
	}
	return dst
}

// contextSize returns how many bytes an encoded context takes at most.
func contextSize(c *causal.Context) int {
	n := 5
	for _, rs := range c.All() {
		n += 31 + 18*len(rs)
	}
	return n
}

// ReadContext reads what AppendContext writes.
func ReadContext(r *wire.Reader) (c causal.Context) {
	n := count(r, 20)
	var last causal.Actor
	for range n {
		a := wire.ReadActor(r)
		rs := wire.ReadRanges(r)
		if r.Err() == nil && (a.Compare(last) <= 0 || len(rs) == 0) {
			r.Fail("context is not in canonical order")
		}
		if r.Err() != nil {
			return causal.Context{}
		}
		c.Set(a, rs)
		last = a
	}
	return c
}
