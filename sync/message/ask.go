package message

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Ask asks replicas to say when they hold some events of a document as durably
// as the space asks. With Read it also asks for what the sender lacks, which
// comes in a Push.
type Ask struct {
	ID      uint64 // random; the Reply repeats it
	Version uint64 // of the document's owners, as the sender knows them
	Read    bool
	Doc     string
	Digest  uint64         // with Read: of the document at the sender
	Have    causal.Context // the events; with Read all that the sender has seen
}

func (*Ask) kind() Kind { return KindAsk }

func (m *Ask) append(dst []byte) []byte {
	dst = wire.AppendUint(dst, m.ID)
	dst = wire.AppendUint(dst, m.Version)
	dst = appendBool(dst, m.Read)
	dst = wire.AppendBytes(dst, m.Doc)
	dst = wire.AppendUint(dst, m.Digest)
	return AppendContext(dst, m.Have)
}

func (m *Ask) parse(r *wire.Reader) {
	m.ID, m.Version, m.Read = r.Uint(), r.Uint(), readBool(r)
	m.Doc, m.Digest = readName(r), r.Uint()
	m.Have = ReadContext(r)
}

// Verdict says how a replica takes an Ask.
type Verdict uint8

// The verdicts. The numbers are part of the protocol.
const (
	// Holding: the sender holds the events, as durably as the space asks.
	Holding Verdict = iota
	// Moved: the sender knows other owners of the document.
	Moved
)

// Reply answers an Ask.
type Reply struct {
	To      uint64 // nonce of whoever asked; it is for no other process of that id
	ID      uint64 // of the Ask
	Version uint64 // of the document's owners, as the sender knows them
	Verdict Verdict
	// Digest and Seen answer a Read: the document's digest at the sender and, if
	// that is not the asker's, what the sender has seen.
	Digest uint64
	Seen   causal.Context
}

func (*Reply) kind() Kind { return KindReply }

func (m *Reply) append(dst []byte) []byte {
	dst = wire.AppendUint(dst, m.To)
	dst = wire.AppendUint(dst, m.ID)
	dst = wire.AppendUint(dst, m.Version)
	dst = wire.AppendUint(dst, uint64(m.Verdict))
	dst = wire.AppendUint(dst, m.Digest)
	return AppendContext(dst, m.Seen)
}

func (m *Reply) parse(r *wire.Reader) {
	m.To, m.ID, m.Version = r.Uint(), r.Uint(), r.Uint()
	v := r.Uint()
	if v > uint64(Moved) {
		r.Fail("verdict %d", v)
	}
	m.Verdict, m.Digest = Verdict(v), r.Uint()
	m.Seen = ReadContext(r)
}
