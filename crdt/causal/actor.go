package causal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSyntax is returned, wrapped, by the parsers of this package.
var ErrSyntax = errors.New("causal: syntax error")

// ID is the lasting identity of a replica, usually a random UUID.
type ID [16]byte

// String returns the ID in the form of a UUID, 36 characters.
func (id ID) String() string { return string(id.AppendText(nil)) }

// AppendText appends what String returns.
func (id ID) AppendText(dst []byte) []byte {
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// IsZero reports whether the ID is unset.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// ParseID reads what [ID.String] writes, or the same 32 hex digits without dashes.
func ParseID(s string) (ID, error) {
	var id ID
	digits := s
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		digits = strings.ReplaceAll(s, "-", "")
	}
	if len(digits) != 32 {
		return ID{}, fmt.Errorf("%w: replica id %.60q has not the form of a UUID", ErrSyntax, s)
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return ID{}, fmt.Errorf("%w: replica id %.60q: %v", ErrSyntax, s, err)
	}
	return id, nil
}

// Actor is what mints dots: a replica in one of its incarnations.
//
// A replica takes a new, random incarnation whenever it cannot prove that it
// still knows the last dot that it minted. Stand-alone values that never lose
// their state may leave the incarnation at zero.
type Actor struct {
	ID          ID
	Incarnation uint64
}

// IsZero reports whether the actor is unset; such an actor cannot mint dots.
func (a Actor) IsZero() bool { return a == Actor{} }

// Compare orders actors by ID, then by incarnation.
func (a Actor) Compare(b Actor) int {
	if c := a.ID.Compare(b.ID); c != 0 {
		return c
	}
	return cmp.Compare(a.Incarnation, b.Incarnation)
}

// String returns "id" or, with an incarnation, "id/16 hex digits".
func (a Actor) String() string { return string(a.AppendText(nil)) }

// AppendText appends what String returns.
func (a Actor) AppendText(dst []byte) []byte {
	dst = a.ID.AppendText(dst)
	if a.Incarnation == 0 {
		return dst
	}
	return hex.AppendEncode(append(dst, '/'), binary.BigEndian.AppendUint64(nil, a.Incarnation))
}

// ParseActor reads what [Actor.String] writes.
func ParseActor(s string) (Actor, error) {
	name, inc, found := strings.Cut(s, "/")
	id, err := ParseID(name)
	if err != nil || !found {
		return Actor{ID: id}, err
	}
	n, err := strconv.ParseUint(inc, 16, 64)
	if err != nil || len(inc) != 16 || n == 0 {
		return Actor{}, fmt.Errorf("%w: incarnation %.60q is not 16 hex digits, not all 0", ErrSyntax, inc)
	}
	return Actor{ID: id, Incarnation: n}, nil
}

// Dot names one event: the Seq-th of its actor. Sequence numbers start at 1;
// the zero Dot names nothing.
type Dot struct {
	Actor Actor
	Seq   uint64
}

// IsZero reports whether the dot names nothing.
func (d Dot) IsZero() bool { return d == Dot{} }

// Compare orders dots by actor, then by sequence number.
func (d Dot) Compare(e Dot) int {
	if c := d.Actor.Compare(e.Actor); c != 0 {
		return c
	}
	return cmp.Compare(d.Seq, e.Seq)
}

// String returns "actor@seq".
func (d Dot) String() string {
	return string(strconv.AppendUint(append(d.Actor.AppendText(nil), '@'), d.Seq, 10))
}

// ParseDot reads what [Dot.String] writes.
func ParseDot(s string) (Dot, error) {
	name, seq, _ := strings.Cut(s, "@")
	a, err := ParseActor(name)
	if err != nil {
		return Dot{}, err
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil || n == 0 || n > MaxSeq {
		return Dot{}, fmt.Errorf("%w: sequence number %.60q in dot %.120q", ErrSyntax, seq, s)
	}
	return Dot{Actor: a, Seq: n}, nil
}
