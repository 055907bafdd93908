package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Errors of Parse, wrapped with details.
var (
	// ErrMalformed means that the bytes are no message, or a damaged one.
	ErrMalformed = wire.ErrMalformed
	// ErrVersion means that the message is of a newer protocol.
	ErrVersion = errors.New("message: unknown protocol version or kind; update this replica")
)

// Version is the protocol version in the first byte of each message.
const Version = 1

// Kind says what a message is.
type Kind uint8

// The kinds of messages. The numbers are part of the protocol.
const (
	KindDelta Kind = iota + 1
	KindBeacon
	KindSurvey
	KindListing
	KindPull
	KindPush
	KindFetch
	KindChunk
	KindTable
	KindRelay
	KindOwn
	KindDecline
	KindMuster
	KindCover
	KindCovered
	KindAsk
	KindReply
)

// String names the kind in lower case.
func (k Kind) String() string {
	names := [...]string{"unknown", "delta", "beacon", "survey", "listing", "pull", "push", "fetch", "chunk", "table", "relay", "own", "decline", "muster", "cover", "covered", "ask", "reply"}
	if int(k) >= len(names) {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return names[k]
}

// Header says who sent a message.
type Header struct {
	From  causal.Actor
	Nonce uint64 // random at each start of the sender
}

// Body is the content of a message: one of the types of this package.
type Body interface {
	kind() Kind
	append([]byte) []byte
	parse(*wire.Reader)
}

const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends an encoded message: version, kind, sender, nonce, body, and a
// checksum of all these.
func Append(dst []byte, h Header, b Body) []byte {
	mark := len(dst)
	dst = slices.Grow(dst, sizeHint(b))
	dst = append(dst, Version, byte(b.kind()))
	dst = wire.AppendActor(dst, h.From)
	dst = wire.AppendUint(dst, h.Nonce)
	dst = b.append(dst)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[mark:], castagnoli))
}

// sizeHint returns about how many bytes a message takes, where that is known
// and many.
func sizeHint(b Body) int {
	const header = 64
	switch m := b.(type) {
	case *Delta:
		return header + len(m.Doc) + len(m.Unit)
	case *Chunk:
		return header + len(m.Data)
	case *Table:
		return header + TableSize(m)
	case *Push:
		n := header
		for i := range m.Gifts {
			n += GiftSize(&m.Gifts[i])
		}
		return n
	}
	return header
}

// Parse validates a message whole. What it returns is a view of the bytes,
// which must not change any more.
func Parse(b []byte) (Header, Body, error) {
	if len(b) < 2+sumSize {
		return Header{}, nil, fmt.Errorf("%w: message of %d bytes", ErrMalformed, len(b))
	}
	if b[0] != Version {
		return Header{}, nil, fmt.Errorf("%w: version %d", ErrVersion, b[0])
	}
	content, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(sum) {
		return Header{}, nil, fmt.Errorf("%w: message checksum does not match", ErrMalformed)
	}
	body := newBody(Kind(b[1]))
	if body == nil {
		return Header{}, nil, fmt.Errorf("%w: kind %d", ErrVersion, b[1])
	}
	r := wire.NewReader(content[2:])
	h := Header{From: wire.ReadActor(&r), Nonce: r.Uint()}
	body.parse(&r)
	if r.Err() == nil && r.Len() > 0 {
		r.Fail("%d bytes behind a %v", r.Len(), body.kind())
	}
	if r.Err() != nil {
		return Header{}, nil, fmt.Errorf("message: %v: %w", body.kind(), r.Err())
	}
	return h, body, nil
}

// peek reads what a message says it is and who it says sent it.
func peek(b []byte) (k Kind, from causal.ID, ok bool) {
	const bin8, kindAt, actorAt = 0xc4, 1, 2 // an actor is bin 8, its length, and the id first
	if len(b) < actorAt+2+len(from) || b[actorAt] != bin8 {
		return 0, from, false
	}
	copy(from[:], b[actorAt+2:])
	return Kind(b[kindAt]), from, true
}

func newBody(k Kind) Body {
	switch k {
	case KindDelta:
		return new(Delta)
	case KindBeacon:
		return new(Beacon)
	case KindSurvey:
		return new(Survey)
	case KindListing:
		return new(Listing)
	case KindPull:
		return new(Pull)
	case KindPush:
		return new(Push)
	case KindFetch:
		return new(Fetch)
	case KindChunk:
		return new(Chunk)
	case KindTable:
		return new(Table)
	case KindRelay:
		return &Delta{Relayed: true}
	case KindOwn:
		return &Push{Own: true}
	case KindDecline:
		return new(Decline)
	case KindMuster:
		return new(Muster)
	case KindCover:
		return new(Cover)
	case KindCovered:
		return new(Covered)
	case KindAsk:
		return new(Ask)
	case KindReply:
		return new(Reply)
	}
	return nil
}
