package membership

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Document is the name of the membership's document. Users' documents have no
// name that begins with Reserved.
const (
	Document = Reserved + "members"
	Reserved = "$"
)

// Places in the document besides the members' registers.
const (
	policyKey   = "policy"
	admitPrefix = "admit/"
)

// Policy says what becomes of an actor that is no member.
type Policy uint8

// The policies.
const (
	// Open: whoever can reach the space may join.
	Open Policy = iota
	// Closed: a replica may join whose id was admitted before, or that is a member
	// in another incarnation.
	Closed
)

// String names the policy in lower case.
func (p Policy) String() string {
	if p == Closed {
		return "closed"
	}
	return "open"
}

// View is the membership as a document has it. It does not change.
type View struct {
	members  []Member // sorted by actor
	admitted map[causal.ID]struct{}
	policy   Policy
	version  uint64
}

// Read returns the membership of a document; nil is an empty one. It costs
// O(members).
func Read(d *crdt.Document) *View {
	v := &View{admitted: map[causal.ID]struct{}{}}
	if d == nil {
		return v
	}
	for l := range d.State().Below(kernel.Root) {
		if l.Tag == crdt.TagRegister {
			v.read(&l)
		}
	}
	slices.SortFunc(v.members, func(a, b Member) int { return a.Actor.Compare(b.Actor) })
	if l, ok := d.Latest(kernel.Root, crdt.TagRegister, policyKey); ok && l.Value == Closed.String() {
		v.policy = Closed
	}
	v.describe(d)
	return v
}

// read takes in one live register.
func (v *View) read(l *kernel.Live) {
	if rest, ok := strings.CutPrefix(l.Key, admitPrefix); ok {
		if id, err := causal.ParseID(rest); err == nil {
			v.admitted[id] = struct{}{}
		}
		return
	}
	m, ok := parseMember(l.Key, l.Value)
	if !ok {
		return
	}
	if i := slices.IndexFunc(v.members, func(x Member) bool { return x.Actor == m.Actor }); i >= 0 {
		v.members[i].merge(&m)
		return
	}
	v.members = append(v.members, m)
}

// merge takes in what a concurrent write says of the same member.
func (m *Member) merge(o *Member) {
	if o.Standing > m.Standing {
		m.Standing, m.Note, m.Count, m.Print = o.Standing, o.Note, o.Count, o.Print
	}
}

// describe takes what members say of themselves from the latest write of each, and
// computes the version.
func (v *View) describe(d *crdt.Document) {
	hash := xxhash.New()
	for i := range v.members {
		m := &v.members[i]
		if l, ok := d.Latest(kernel.Root, crdt.TagRegister, m.Actor.String()); ok {
			latest, _ := parseMember(l.Key, l.Value)
			m.Role, m.Weight, m.Site, m.Interest = latest.Role, latest.Weight, latest.Site, latest.Interest
		}
		_, _ = hash.WriteString(m.Actor.String())
		_, _ = hash.Write(m.appendValue(nil))
	}
	v.version = hash.Sum64()
}

// Members returns all members in the order of their actors. The slice is the
// view's own.
func (v *View) Members() []Member { return v.members }

// Version is a hash of all that the view says of its members: replicas with equal
// versions agree on who takes part, in what role and at what weight.
func (v *View) Version() uint64 { return v.version }

// Policy says what becomes of an actor that is no member.
func (v *View) Policy() Policy { return v.policy }

// Find returns a member, false if the actor is none.
func (v *View) Find(a causal.Actor) (*Member, bool) {
	i, ok := slices.BinarySearchFunc(v.members, a, func(m Member, a causal.Actor) int { return m.Actor.Compare(a) })
	if !ok {
		return nil, false
	}
	return &v.members[i], true
}

// Has reports whether the actor is a member, whatever its standing, but for those
// that have retired.
func (v *View) Has(a causal.Actor) bool {
	m, ok := v.Find(a)
	return ok && m.Standing.IsMember()
}

// MayJoin reports whether the policy lets a replica join.
func (v *View) MayJoin(id causal.ID) bool {
	if v.policy == Open || len(v.members) == 0 {
		return true
	}
	if _, ok := v.admitted[id]; ok {
		return true
	}
	return slices.ContainsFunc(v.members, func(m Member) bool { return m.Actor.ID == id })
}

// Holders returns the active members that keep what is written to a document, in
// the order of their actors: those that must have an event before it is stable.
func (v *View) Holders(doc string) (out []causal.Actor) {
	for i := range v.members {
		m := &v.members[i]
		if m.Standing == Active && m.Holds(doc) {
			out = append(out, m.Actor)
		}
	}
	return out
}

// Holds reports whether the member keeps what is written to a document, by its
// role and its declared interest. The membership itself concerns all.
func (m *Member) Holds(doc string) bool {
	return m.Role.Holds() && (m.Interest == "" || doc == Document || message.Match(m.Interest, doc))
}

// Put writes a member down, in place of what is known of it.
func Put(d *crdt.Document, m Member) error {
	if err := m.Check(); err != nil {
		return err
	}
	return set(d, m.Actor.String(), string(m.appendValue(nil)))
}

// Remove takes a member out.
func Remove(d *crdt.Document, a causal.Actor) error {
	return d.Remove(kernel.Root, crdt.TagRegister, a.String(), crdt.Options{})
}

// Dots returns the events that wrote what is known of a member.
func Dots(d *crdt.Document, a causal.Actor) []causal.Dot {
	return d.Context(kernel.Root, crdt.TagRegister, a.String())
}

// Admit lets a replica join although the policy is Closed.
func Admit(d *crdt.Document, id causal.ID) error {
	if id.IsZero() {
		return fmt.Errorf("%w: no id", ErrMember)
	}
	return set(d, admitPrefix+id.String(), "")
}

// SetPolicy says what becomes of actors that are no members.
func SetPolicy(d *crdt.Document, p Policy) error { return set(d, policyKey, p.String()) }

func set(d *crdt.Document, key, value string) error {
	return d.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{})
}
