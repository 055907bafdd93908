package message

import (
	"unsafe"

	"github.com/joinery-crdt/joinery/crdt/wire"
)

// MaxRanges bounds the ranges of a Survey.
const MaxRanges = 256

// Survey asks how the receiver's documents differ from the sender's, of which it
// says hashes, range by range.
type Survey struct {
	Stretch
	Salt   uint64 // names the survey, and keys its hashes
	Effort uint64 // 0 at first; more if the last answer did not suffice
	Docs   uint64 // how many the sender has there
	Bounds []string
	Prints []byte // PrintSize bytes for each of len(Bounds)+1 ranges
}

// Custody is the Effort of one that gives its documents up: it asks whether the
// receiver holds the same and goes on holding it.
const Custody = 255

// Stretch is the documents whose names match the pattern Scope and are From or
// above and below To, in byte order. An empty To is the end.
type Stretch struct {
	Scope    string
	From, To string
}

// PrintSize is how many bytes the hash of a range takes.
const PrintSize = 4

func (*Survey) kind() Kind { return KindSurvey }

func (m *Survey) append(dst []byte) []byte {
	dst = m.Stretch.append(dst)
	dst = wire.AppendUint(dst, m.Salt)
	dst = wire.AppendUint(dst, m.Effort)
	dst = wire.AppendUint(dst, m.Docs)
	dst = wire.AppendUint(dst, uint64(len(m.Bounds)))
	last := ""
	for _, b := range m.Bounds {
		n := common(last, b)
		dst = wire.AppendBytes(wire.AppendUint(dst, uint64(n)), b[n:])
		last = b
	}
	return wire.AppendBin(dst, text(m.Prints))
}

func (m *Survey) parse(r *wire.Reader) {
	m.Stretch.parse(r)
	m.Salt, m.Effort, m.Docs = r.Uint(), r.Uint(), r.Uint()
	n := count(r, 3)
	if n >= MaxRanges {
		r.Fail("%d bounds", n)
		return
	}
	m.Bounds = make([]string, 0, n)
	last := ""
	for range n {
		shared, rest := r.Uint(), string(r.Bytes())
		if r.Err() != nil || shared > uint64(len(last)) {
			r.Fail("bound shares %d bytes of %d", shared, len(last))
			return
		}
		b := last[:shared] + rest
		if b <= last || len(b) > MaxName || common(last, b) != int(shared) {
			r.Fail("bounds are not in canonical order")
			return
		}
		m.Bounds = append(m.Bounds, b)
		last = b
	}
	if m.Prints = r.Bin(); len(m.Prints) != (n+1)*PrintSize {
		r.Fail("%d bytes of hashes for %d ranges", len(m.Prints), n+1)
	}
}

func common(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (s *Stretch) append(dst []byte) []byte {
	return wire.AppendBytes(wire.AppendBytes(wire.AppendBytes(dst, s.Scope), s.From), s.To)
}

func (s *Stretch) parse(r *wire.Reader) {
	s.Scope, s.From, s.To = readPattern(r), readLimit(r), readLimit(r)
}

// Finding says what a Listing holds.
type Finding uint8

// The findings. The numbers are part of the protocol.
const (
	// Equal: there is no difference.
	Equal Finding = iota
	// Ranges: these ranges differ; survey them again, by themselves.
	Ranges
	// Cells: these ranges differ, and here is a table of their documents' prints.
	Cells
	// Page: these ranges differ, and here are their documents up to Stretch.To,
	// all that there are.
	Page
	// Differ: of those that differ, here are mine; tell me of those with Prints.
	Differ
	// Told: here they are.
	Told
)

// Listing answers a Survey, and what follows from that.
type Listing struct {
	Stretch
	For       uint64 // nonce of whoever asked; it is for no other process of that id
	Salt      uint64 // of the Survey
	Finding   Finding
	Differing []byte // which ranges of the Survey differ, a bit each, low bits first
	Cells     []byte
	Prints    []uint64
	States    []State
}

func (*Listing) kind() Kind { return KindListing }

func (m *Listing) append(dst []byte) []byte {
	dst = wire.AppendUint(dst, m.For)
	dst = m.Stretch.append(dst)
	dst = wire.AppendUint(dst, m.Salt)
	dst = wire.AppendUint(dst, uint64(m.Finding))
	dst = wire.AppendBin(dst, text(m.Differing))
	dst = wire.AppendBin(dst, text(m.Cells))
	dst = wire.AppendUint(dst, uint64(len(m.Prints)))
	for _, p := range m.Prints {
		dst = wire.AppendUint(dst, p)
	}
	return appendStates(dst, m.States)
}

func (m *Listing) parse(r *wire.Reader) {
	m.For = r.Uint()
	m.Stretch.parse(r)
	m.Salt = r.Uint()
	f := r.Uint()
	if f > uint64(Told) {
		r.Fail("finding %d", f)
	}
	m.Finding, m.Differing, m.Cells = Finding(f), r.Bin(), r.Bin()
	if len(m.Differing) > MaxRanges/8 {
		r.Fail("%d bytes of ranges", len(m.Differing))
	}
	n := count(r, 1)
	m.Prints = make([]uint64, 0, n)
	for range n {
		m.Prints = append(m.Prints, r.Uint())
	}
	m.States = readStates(r)
}
