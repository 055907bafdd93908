package message

import (
	"unsafe"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
)

// Delta broadcasts one unit of a document. The unit is not opened by Parse.
type Delta struct {
	Doc     string
	Unit    delta.Delta
	Relayed bool // it is of others than the sender
}

func (m *Delta) kind() Kind {
	if m.Relayed {
		return KindRelay
	}
	return KindDelta
}

func (m *Delta) append(dst []byte) []byte {
	return append(wire.AppendBytes(dst, m.Doc), m.Unit...)
}

func (m *Delta) parse(r *wire.Reader) {
	m.Doc, m.Unit = readName(r), r.Rest()
}

// Beacon is broadcast periodically, after a reconnect, and when there is news
// that was not broadcast.
type Beacon struct {
	Scope  string // pattern of the documents that it is about; ">" is all
	Digest uint64 // of these documents: XOR of DocDigest
	Docs   uint64 // how many
	Hello  bool   // the sender has just come (back) and asks for beacons
	Firm   bool   // the sender durably has what it says that it has
	View   uint64 // digest of the membership at the sender, 0 if it keeps none
	Hints  []State
}

// State names a document and says what the sender holds of it.
type State struct {
	Doc    string
	Digest uint64
	Head   uint64 // the sender's own last event in it, 0 if none
	Count  uint64 // how many events the sender has seen of it
}

func (*Beacon) kind() Kind { return KindBeacon }

func (m *Beacon) append(dst []byte) []byte {
	dst = wire.AppendBytes(dst, m.Scope)
	dst = wire.AppendUint(dst, m.Digest)
	dst = wire.AppendUint(dst, m.Docs)
	dst = appendBool(appendBool(dst, m.Hello), m.Firm)
	dst = wire.AppendUint(dst, m.View)
	return appendStates(dst, m.Hints)
}

func (m *Beacon) parse(r *wire.Reader) {
	m.Scope = readPattern(r)
	m.Digest, m.Docs, m.Hello = r.Uint(), r.Uint(), readBool(r)
	m.Firm, m.View = readBool(r), r.Uint()
	m.Hints = readStates(r)
}

// Pull asks for what the sender lacks of some documents.
type Pull struct {
	View  uint64 // digest of the membership at the sender, 0 if it keeps none
	Wants []Want
}

// Want is one document of a Pull.
type Want struct {
	Doc    string
	Digest uint64 // of the document at the sender
	// Have is what the sender has seen.
	Have causal.Context
	// Only, if not empty, restricts the request to these events: a hole. It is
	// answered from the log or not at all.
	Only causal.Context
	// Staged means that Have is more than the sender has seen: it also has the
	// payloads of some events without what else they did. It is answered with a
	// state.
	Staged bool
}

func (*Pull) kind() Kind { return KindPull }

func (m *Pull) append(dst []byte) []byte {
	dst = wire.AppendUint(dst, m.View)
	dst = wire.AppendUint(dst, uint64(len(m.Wants)))
	for i := range m.Wants {
		w := &m.Wants[i]
		dst = wire.AppendBytes(dst, w.Doc)
		dst = wire.AppendUint(dst, w.Digest)
		dst = AppendContext(dst, w.Have)
		dst = appendBool(AppendContext(dst, w.Only), w.Staged)
	}
	return dst
}

// WantSize returns how many bytes a want takes in a Pull, at most.
func WantSize(w *Want) int {
	return 18 + len(w.Doc) + contextSize(&w.Have) + contextSize(&w.Only)
}

func (m *Pull) parse(r *wire.Reader) {
	m.View = r.Uint()
	n := count(r, 4+minName)
	m.Wants = make([]Want, 0, n)
	for range n {
		w := Want{Doc: readName(r), Digest: r.Uint()}
		w.Have = ReadContext(r)
		w.Only = ReadContext(r)
		w.Staged = readBool(r)
		if r.Err() != nil {
			return
		}
		m.Wants = append(m.Wants, w)
	}
}

// Answer says what a Push holds for a document.
type Answer uint8

// The answers. The numbers are part of the protocol.
const (
	// Same: the receiver has seen all that the sender has.
	Same Answer = iota
	// No: the sender can't give the events that were asked for.
	No
	// Units: here are whole units of the log; ask again if there is more.
	Units
	// Frame: here is the state, without payloads that the receiver has.
	Frame
	// Transfer: as Frame, but to be fetched in chunks.
	Transfer
	// Sketch: compare your live dots with this, and answer with a Table.
	Sketch
	// News: what the receiver of a Table turned out to lack, in a delta or, if it
	// has none, to be fetched in chunks. It means something only to whoever has
	// that session open.
	News
)

// Push answers a Pull. What did not fit is left out; the receiver asks again.
type Push struct {
	To uint64 // nonce of whoever asked; it is for no other process of that id
	// Seen is what the sender has seen of the membership, if any gift is made of its
	// state.
	Seen  causal.Context
	Gifts []Gift
	Own   bool // the sender does not speak for others: what is news is its own
}

// Gift is one document of a Push.
type Gift struct {
	Doc    string
	Answer Answer
	Deltas []delta.Delta // of Units, Frame and News; of a Sketch, its bytes
	ID     uint64        // of a Transfer; of the session of a Sketch or News
	Size   uint64        // of what is to be fetched, in bytes
	Digest uint64        // of the document at the sender
}

func (m *Push) kind() Kind {
	if m.Own {
		return KindOwn
	}
	return KindPush
}

func (m *Push) append(dst []byte) []byte {
	dst = AppendContext(wire.AppendUint(dst, m.To), m.Seen)
	dst = wire.AppendUint(dst, uint64(len(m.Gifts)))
	for i := range m.Gifts {
		g := &m.Gifts[i]
		dst = wire.AppendBytes(dst, g.Doc)
		dst = wire.AppendUint(dst, uint64(g.Answer))
		dst = wire.AppendUint(dst, g.Digest)
		dst = wire.AppendUint(dst, g.ID)
		dst = wire.AppendUint(dst, g.Size)
		dst = wire.AppendUint(dst, uint64(len(g.Deltas)))
		for _, d := range g.Deltas {
			dst = wire.AppendBin(dst, unsafe.String(unsafe.SliceData(d), len(d)))
		}
	}
	return dst
}

// GiftSize returns how many bytes a gift takes in a Push, at most.
func GiftSize(g *Gift) int {
	n := 48 + len(g.Doc)
	for _, d := range g.Deltas {
		n += 5 + len(d)
	}
	return n
}

func (m *Push) parse(r *wire.Reader) {
	m.To, m.Seen = r.Uint(), ReadContext(r)
	n := count(r, 5+minName)
	m.Gifts = make([]Gift, 0, n)
	for range n {
		g := Gift{Doc: readName(r)}
		a := r.Uint()
		if a > uint64(News) {
			r.Fail("answer %d", a)
		}
		g.Answer, g.Digest, g.ID, g.Size = Answer(a), r.Uint(), r.Uint(), r.Uint()
		held := count(r, 2)
		g.Deltas = make([]delta.Delta, 0, held)
		for range held {
			g.Deltas = append(g.Deltas, r.Bin())
		}
		if r.Err() != nil {
			return
		}
		m.Gifts = append(m.Gifts, g)
	}
}

// Fetch asks for a part of a transfer.
type Fetch struct {
	ID     uint64
	Offset uint64
}

func (*Fetch) kind() Kind { return KindFetch }

func (m *Fetch) append(dst []byte) []byte {
	return wire.AppendUint(wire.AppendUint(dst, m.ID), m.Offset)
}

func (m *Fetch) parse(r *wire.Reader) { m.ID, m.Offset = r.Uint(), r.Uint() }

// Chunk is a part of a transfer. One without data says that the sender does
// not know the transfer any more.
type Chunk struct {
	ID     uint64
	Offset uint64
	Data   []byte
}

func (*Chunk) kind() Kind { return KindChunk }

func (m *Chunk) append(dst []byte) []byte {
	return append(wire.AppendUint(wire.AppendUint(dst, m.ID), m.Offset), m.Data...)
}

func (m *Chunk) parse(r *wire.Reader) { m.ID, m.Offset, m.Data = r.Uint(), r.Uint(), r.Rest() }
