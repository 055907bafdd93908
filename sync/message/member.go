package message

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Muster says what the sender durably has of the members that are to retire. It
// follows a beacon while there are any.
type Muster struct {
	// Seen is what the sender has seen of the membership.
	Seen    causal.Context
	Reports []Report
}

// Report is what a replica has of one actor, in all documents but the membership:
// how many events, and a fingerprint of which.
type Report struct {
	Actor causal.Actor
	Count uint64
	Print uint64
}

func (*Muster) kind() Kind { return KindMuster }

func (m *Muster) append(dst []byte) []byte {
	dst = AppendContext(dst, m.Seen)
	dst = wire.AppendUint(dst, uint64(len(m.Reports)))
	for i := range m.Reports {
		x := &m.Reports[i]
		dst = wire.AppendUint(wire.AppendUint(wire.AppendActor(dst, x.Actor), x.Count), x.Print)
	}
	return dst
}

func (m *Muster) parse(r *wire.Reader) {
	m.Seen = ReadContext(r)
	n := count(r, 20)
	m.Reports = make([]Report, 0, n)
	for range n {
		m.Reports = append(m.Reports, Report{Actor: wire.ReadActor(r), Count: r.Uint(), Print: r.Uint()})
	}
}

// Cover asks all members to say whether they durably have some events of documents.
type Cover struct {
	Seen causal.Context // what the sender has seen of the membership
	Cuts []Cut
}

// Cut is some events of a document.
type Cut struct {
	ID      uint64 // random; the answer repeats it
	Doc     string
	Dead    uint64 // the document's digest if these are all its events and nothing lives; else 0
	Context causal.Context
}

func (*Cover) kind() Kind { return KindCover }

func (m *Cover) append(dst []byte) []byte {
	dst = AppendContext(dst, m.Seen)
	dst = wire.AppendUint(dst, uint64(len(m.Cuts)))
	for i := range m.Cuts {
		c := &m.Cuts[i]
		dst = AppendContext(wire.AppendUint(wire.AppendBytes(wire.AppendUint(dst, c.ID), c.Doc), c.Dead), c.Context)
	}
	return dst
}

// CutSize returns how many bytes a cut takes in a Cover, at most.
func CutSize(c *Cut) int { return 24 + len(c.Doc) + contextSize(&c.Context) }

func (m *Cover) parse(r *wire.Reader) {
	m.Seen = ReadContext(r)
	n := count(r, 3+minName)
	m.Cuts = make([]Cut, 0, n)
	for range n {
		c := Cut{ID: r.Uint(), Doc: readName(r), Dead: r.Uint()}
		c.Context = ReadContext(r)
		if r.Err() != nil {
			return
		}
		m.Cuts = append(m.Cuts, c)
	}
}

// Covered answers a Cover with the cuts that the sender durably has.
type Covered struct {
	To   uint64         // nonce of whoever asked; it is for no other process of that id
	Seen causal.Context // what the sender has seen of the membership
	Cuts []Held
}

// Held is a cut that the sender of a Covered has.
type Held struct {
	ID   uint64
	More causal.Context // what the sender has of the document besides the cut
}

// HeldSize returns how many bytes a cut takes in a Covered, at most.
func HeldSize(h *Held) int { return 10 + contextSize(&h.More) }

func (*Covered) kind() Kind { return KindCovered }

func (m *Covered) append(dst []byte) []byte {
	dst = AppendContext(wire.AppendUint(dst, m.To), m.Seen)
	dst = wire.AppendUint(dst, uint64(len(m.Cuts)))
	for i := range m.Cuts {
		dst = AppendContext(wire.AppendUint(dst, m.Cuts[i].ID), m.Cuts[i].More)
	}
	return dst
}

func (m *Covered) parse(r *wire.Reader) {
	m.To, m.Seen = r.Uint(), ReadContext(r)
	n := count(r, 2)
	m.Cuts = make([]Held, 0, n)
	for range n {
		m.Cuts = append(m.Cuts, Held{ID: r.Uint(), More: ReadContext(r)})
		if r.Err() != nil {
			return
		}
	}
}
