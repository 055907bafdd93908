package joinery

import (
	"context"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/sync/membership"
)

// Role says what a member does in the space.
type Role = membership.Role

// The roles of members.
const (
	// RoleFull: it holds, serves and writes, and its answers count for levels.
	RoleFull = membership.Full
	// RoleEdge: as RoleFull, behind a bad link; it does not count for levels.
	RoleEdge = membership.Edge
	// RoleObserver: it holds and never writes.
	RoleObserver = membership.Observer
	// RoleSensor: it writes, and nobody waits for it to have what others wrote.
	RoleSensor = membership.Sensor
)

// Membership is what a replica says of itself to the space. A space keeps a
// membership if its replicas do: set Config.Membership in all of them, or in none.
type Membership struct {
	Role Role
	// Site names where the replica is: a data centre, a shop. [LocalQuorum] and
	// [EachQuorum] go by it. At most 256 bytes.
	Site string
}

// Member is an actor that takes part in the space: a replica's id and the
// incarnation in which it writes. A replica that was started anew is in the list
// under its old incarnation, too, until all others have all of that one's events.
type Member struct {
	ID          ID     `json:"-"`
	Name        string `json:"id"`
	Incarnation uint64 `json:"incarnation"`
	Role        string `json:"role"`
	Site        string `json:"site,omitempty"`
	// Standing is active, fenced, leaving, lost or retired.
	Standing string `json:"standing"`
	Note     string `json:"note,omitempty"` // why it was fenced or given up
	Self     bool   `json:"self,omitempty"` // it is this replica
	// Heard is when the replica was last heard of here; zero for this one and for
	// who was never heard. Equal is set if it held the same then as this one does now.
	Heard time.Time `json:"heard,omitzero"`
	Equal bool      `json:"equal"`
}

// Members returns who takes part in the space as far as this replica knows, in the
// order of ids; nothing without Config.Membership.
func (r *Replica) Members() (out []Member) {
	s := r.node.Status()
	for _, m := range r.node.Members() {
		x := Member{
			ID: m.Actor.ID, Name: m.Actor.ID.String(), Incarnation: m.Actor.Incarnation, Role: m.Role.String(), Site: m.Site,
			Standing: m.Standing.String(), Note: m.Note, Self: m.Actor == s.Actor, Equal: m.Actor == s.Actor,
		}
		for _, p := range s.Peers {
			if p.ID == m.Actor.ID && !x.Self {
				x.Heard, x.Equal = p.Heard, p.Equal
			}
		}
		out = append(out, x)
	}
	return out
}

// Retire makes the replica leave the space for good: it takes no more writes, lets
// all other members have all that it holds, and returns when they have taken its name
// out of the membership. Close it then. If ctx ends before, it goes on leaving as long
// as it runs, and Retire may be called again.
func (r *Replica) Retire(ctx context.Context) error {
	needs(ctx)
	if err := r.node.Leave(ctx); err != nil {
		return fmt.Errorf("joinery: retire: %w", err)
	}
	return nil
}

// member returns what the state machine is told of a membership.
func (m *Membership) member() *membership.Member {
	if m == nil {
		return nil
	}
	return &membership.Member{Role: m.Role, Site: m.Site}
}

// validateMembership refuses a membership that makes no sense.
func (c *Config) validateMembership() error {
	switch m := c.Membership; {
	case m == nil:
		return nil
	case m.Role > RoleSensor || len(m.Site) > membership.MaxText:
		return fmt.Errorf("%w: Membership has role %d and a site of %d bytes; the limits are %d and %d", ErrConfig, m.Role, len(m.Site), RoleSensor, membership.MaxText)
	case len(c.Interest)+len(c.Relay) > 0 || c.OwnOnly:
		return fmt.Errorf("%w: a member holds all documents, speaks for all and is no relay; leave out Membership, or Interest, OwnOnly and Relay", ErrConfig)
	}
	return nil
}
