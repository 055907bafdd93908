package joinery

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
)

// Position is a set of events of one document: what somebody has seen of it. A
// reader that takes its position from one replica to another reads there no less
// than it has read and written before; see [Doc.Await]. The zero Position is
// that of somebody who has seen nothing. Its text form is opaque.
type Position struct {
	seen causal.Context
}

// MaxPosition bounds the text form that ParsePosition reads, in bytes: that of a
// document to which some 1,500 replicas have written, incarnations counted.
const MaxPosition = 64 << 10

// Position returns what this replica has seen of the document, its own writes
// among it, which are final from here on. It costs O(actors + gaps).
func (d *Doc) Position() (p Position) {
	d.replica.node.ReadFinal(d.doc, func(c *crdt.Document) {
		if c != nil {
			p.seen = c.State().Context()
		}
	})
	return p
}

// Covers reports whether everything of another position is in this one.
func (p Position) Covers(other Position) bool { return p.seen.Covers(other.seen) }

// Join returns the position of somebody who has seen what both have.
func (p Position) Join(other Position) Position {
	out := p.seen.Clone()
	out.Join(other.seen)
	return Position{out}
}

// String returns the position's text form: of up to 32 bytes for each replica
// that has written to the document, in each of its incarnations.
func (p Position) String() string {
	var b []byte
	for a, ranges := range p.seen.All() {
		b = binary.BigEndian.AppendUint64(append(b, a.ID[:]...), a.Incarnation)
		b = binary.AppendUvarint(b, uint64(len(ranges)))
		last := uint64(0)
		for _, r := range ranges {
			b = binary.AppendUvarint(binary.AppendUvarint(b, r.Lo-last), r.Hi-r.Lo)
			last = r.Hi
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParsePosition reads what Position.String writes.
func ParsePosition(s string) (Position, error) {
	if len(s) > MaxPosition {
		return Position{}, fmt.Errorf("%w: position of %d bytes, the limit is %d", ErrTooLarge, len(s), MaxPosition)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	in := positionReader{b: b, bad: err != nil}
	var p Position
	for len(in.b) > 0 && !in.bad {
		a := in.actor()
		n, last := in.uvarint(), uint64(0)
		in.bad = in.bad || n == 0 || a.IsZero()
		for ; n > 0 && !in.bad; n-- {
			lo := last + in.uvarint()
			last = lo + in.uvarint()
			if in.bad = in.bad || lo == 0 || last > causal.MaxSeq; !in.bad {
				p.seen.AddRange(a, causal.Range{Lo: lo, Hi: last})
			}
		}
	}
	if in.bad {
		return Position{}, fmt.Errorf("%w: not a position", ErrValue)
	}
	return p, nil
}

// positionReader reads a position's bytes; bad is set when they are none.
type positionReader struct {
	b   []byte
	bad bool
}

func (r *positionReader) actor() (a causal.Actor) {
	if r.bad = r.bad || len(r.b) < len(a.ID)+8; r.bad {
		return a
	}
	r.b = r.b[copy(a.ID[:], r.b):]
	a.Incarnation = binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return a
}

func (r *positionReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad = r.bad || n <= 0 || v > causal.MaxSeq; r.bad {
		return 0
	}
	r.b = r.b[n:]
	return v
}

// The pauses between looks of Await.
const (
	firstLook = time.Millisecond
	lastLook  = 50 * time.Millisecond
)

// Await returns when this replica has seen what is in a position, for instance
// one that a client brings from another replica, or ctx ends: then with ErrBehind.
// Here what was read and written there can be read.
func (d *Doc) Await(ctx context.Context, p Position) error {
	for pause := firstLook; !d.covers(p); pause = min(2*pause, lastLook) {
		select {
		case <-ctx.Done():
			return d.wrap(fmt.Errorf("%w: %w", ErrBehind, ctx.Err()))
		case <-time.After(pause):
		}
	}
	return nil
}

func (d *Doc) covers(p Position) bool {
	if p.seen.IsEmpty() {
		return true
	}
	covers := false
	d.read(func(c *crdt.Document) {
		covers = true
		for a, ranges := range p.seen.All() {
			i, ok := c.State().Lookup(a)
			covers = covers && ok && c.State().Seen(i).Covers(ranges)
		}
	})
	return covers
}
