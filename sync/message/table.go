package message

import (
	"unsafe"

	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// Table answers a Sketch: what the sender holds where the two differ, and what it
// knows beyond the events that both had seen, as of the same moment.
type Table struct {
	To    uint64 // nonce of whoever made the sketch; it is for no other process of that id
	Doc   string
	ID    uint64      // of the session, as in the Sketch
	View  uint64      // digest of the membership at the sender, 0 if it keeps none
	Table []byte      // empty: the sketch cannot be answered; the state is asked for
	News  delta.Delta // empty: too much for the message
}

func (*Table) kind() Kind { return KindTable }

func (m *Table) append(dst []byte) []byte {
	dst = wire.AppendUint(dst, m.To)
	dst = wire.AppendBytes(dst, m.Doc)
	dst = wire.AppendUint(wire.AppendUint(dst, m.ID), m.View)
	dst = wire.AppendBin(dst, unsafe.String(unsafe.SliceData(m.Table), len(m.Table)))
	return append(dst, m.News...)
}

func (m *Table) parse(r *wire.Reader) {
	m.To, m.Doc, m.ID, m.View = r.Uint(), readName(r), r.Uint(), r.Uint()
	m.Table, m.News = r.Bin(), r.Rest()
}

// TableSize returns how many bytes a Table takes besides the header, at most.
func TableSize(m *Table) int { return 39 + len(m.Doc) + len(m.Table) + len(m.News) }

// Decline answers a sketch of whoever may compare, from a replica that does not:
// the state is asked for.
type Decline struct {
	To  uint64 // as in Table
	Doc string
	ID  uint64
}

func (*Decline) kind() Kind { return KindDecline }

func (m *Decline) append(dst []byte) []byte {
	return wire.AppendUint(wire.AppendBytes(wire.AppendUint(dst, m.To), m.Doc), m.ID)
}

func (m *Decline) parse(r *wire.Reader) { m.To, m.Doc, m.ID = r.Uint(), readName(r), r.Uint() }
