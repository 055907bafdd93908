package membership

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Role says what a member does in the space.
type Role uint8

// The roles. The numbers are part of the format.
const (
	// Full: holds, serves and writes.
	Full Role = iota
	// Edge: as Full, behind a bad link; others are asked first.
	Edge
	// Observer: holds and never writes.
	Observer
	// Sensor: writes and holds nothing of others.
	Sensor
)

var roles = [...]string{"full", "edge", "observer", "sensor"}

// String names the role in lower case.
func (r Role) String() string {
	if int(r) >= len(roles) {
		return "unknown"
	}
	return roles[r]
}

// ParseRole reads what String writes.
func ParseRole(s string) (Role, error) {
	for i, name := range roles {
		if s == name {
			return Role(i), nil
		}
	}
	return 0, fmt.Errorf("%w: role %.40q is none of %q", ErrMember, s, roles)
}

// Holds reports whether a member of this role keeps what others write, so that
// nothing is stable before it has it.
func (r Role) Holds() bool { return r != Sensor }

// Writes reports whether a member of this role mints events.
func (r Role) Writes() bool { return r != Observer }

// Standing is how a member stands. The greater is the graver.
type Standing uint8

// The standings. The numbers are part of the format.
const (
	Active  Standing = iota
	Fenced           // away for too long: nobody waits for it, and what it wrote is kept for its return
	Leaving          // it mints no more, by its own word
	Lost             // gone for good, by somebody else's word
	Retired          // all have the same of it; it is a member no more
)

var standings = [...]string{"active", "fenced", "leaving", "lost", "retired"}

// String names the standing in lower case.
func (s Standing) String() string {
	if int(s) >= len(standings) {
		return "unknown"
	}
	return standings[s]
}

// IsMember reports whether events of an actor that stands so are taken.
func (s Standing) IsMember() bool { return s != Retired }

// IsDeparting reports whether a member that stands so is to retire.
func (s Standing) IsDeparting() bool { return s == Leaving || s == Lost }

// Member is one actor that takes part.
type Member struct {
	Actor    causal.Actor
	Role     Role
	Standing Standing
	// Count is how many events it has minted in all documents but this one: with
	// Leaving by its own word, with Retired as all have it.
	Count uint64
	// Print is a fingerprint of those events, with Retired.
	Print uint64
	// Weight is its share when documents are placed; 0 counts as 1.
	Weight uint32
	// Site names where it is: a data centre, a shop, a vehicle. At most MaxText bytes.
	Site string
	// Interest is a pattern of the documents that it holds; empty is all. At most
	// MaxText bytes.
	Interest string
	// Note says why it was fenced, and by whom, for operators. At most MaxText bytes.
	Note string
}

// MaxText bounds each text of a member, in bytes.
const MaxText = 256

// ErrMember means that something cannot be a member's description.
var ErrMember = errors.New("membership: bad member")

// Check returns an error if the member cannot be written down.
func (m *Member) Check() error {
	switch {
	case m.Actor.ID.IsZero() || m.Actor.Incarnation == 0:
		return fmt.Errorf("%w: no actor", ErrMember)
	case m.Role > Sensor || m.Standing > Retired:
		return fmt.Errorf("%w: role %d, standing %d", ErrMember, m.Role, m.Standing)
	case len(m.Site) > MaxText || len(m.Interest) > MaxText || len(m.Note) > MaxText:
		return fmt.Errorf("%w: a site, interest or note above %d bytes", ErrMember, MaxText)
	}
	return nil
}

// format is the first number of a member's value; others are of later releases.
const format = 1

// appendValue appends the member without its actor, which is the key.
func (m *Member) appendValue(dst []byte) []byte {
	for _, n := range [...]uint64{format, uint64(m.Role), uint64(m.Standing), m.Count, m.Print, uint64(m.Weight)} {
		dst = wire.AppendUint(dst, n)
	}
	dst = wire.AppendBytes(dst, m.Site)
	dst = wire.AppendBytes(dst, m.Interest)
	return wire.AppendBytes(dst, m.Note)
}

// parseMember reads a register. One that this release cannot read still is a
// member: whoever ignored it would take for stable what is not.
func parseMember(key, value string) (m Member, ok bool) {
	a, err := causal.ParseActor(key)
	if err != nil || a.String() != key || a.Incarnation == 0 {
		return m, false
	}
	r := wire.NewReader([]byte(value))
	version, role, standing := r.Uint(), r.Uint(), r.Uint()
	m = Member{Actor: a, Count: r.Uint(), Print: r.Uint(), Weight: uint32(r.Uint()), Site: string(r.Bytes()), Interest: string(r.Bytes()), Note: string(r.Bytes())}
	m.Role, m.Standing = Role(min(role, uint64(Sensor))), Standing(min(standing, uint64(Retired)))
	if r.Err() != nil || version != format || m.Check() != nil {
		m = Member{Actor: a}
	}
	return m, true
}
