package consistency

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// Voter is a replica whose answer counts.
type Voter struct {
	ID   causal.ID
	Site string
}

// View is who owns a document under one membership.
type View []Voter

// Version tells views apart. Those with the same owners at the same sites have
// the same, in whatever order.
func (v View) Version() (sum uint64) {
	for _, o := range v {
		h := xxhash.New()
		_, _ = h.Write(o.ID[:])
		_, _ = h.WriteString(o.Site)
		sum += h.Sum64()
	}
	return sum
}

// ErrTooFew means that there are fewer owners than a level asks for.
var ErrTooFew = errors.New("consistency: the level asks for more replicas than there are")

// Tally counts the answers to one request. It is not safe for concurrent use.
type Tally struct {
	level    Level
	groups   []group
	answered []causal.ID // sorted, of owners alone
}

// group is a set of owners of whom some have to answer.
type group struct {
	owners []Voter
	need   int
	got    int
}

// NewTally returns a tally for a request that a replica at site coordinates.
// Each view has to be satisfied by itself; an answer counts in all of them.
// The error is ErrTooFew if the level can't be reached whoever answers.
func NewTally(level Level, site string, views ...View) (*Tally, error) {
	t := &Tally{level: level}
	for _, v := range views {
		t.groups = append(t.groups, level.groups(site, v)...)
	}
	for _, g := range t.groups {
		if g.need > len(g.owners) {
			return nil, fmt.Errorf("%w: %v needs %d, there are %d%s", ErrTooFew, level, g.need, len(g.owners), at(level, site))
		}
	}
	return t, nil
}

func at(l Level, site string) string {
	if l.kind != localQuorum {
		return ""
	}
	return fmt.Sprintf(" at site %q", site)
}

func majority(n int) int { return n/2 + 1 }

// groups returns who has to answer under one view.
func (l Level) groups(site string, owners []Voter) []group {
	switch l.kind {
	case count:
		return []group{{owners: owners, need: l.n}}
	case quorum:
		return []group{{owners: owners, need: majority(len(owners))}}
	case all:
		return []group{{owners: owners, need: max(len(owners), 1)}}
	case localQuorum:
		here := ofSite(owners, site)
		return []group{{owners: here, need: majority(len(here))}}
	case eachQuorum:
		return eachSite(owners)
	}
	return nil
}

func ofSite(owners []Voter, site string) (here []Voter) {
	for _, o := range owners {
		if o.Site == site {
			here = append(here, o)
		}
	}
	return here
}

func eachSite(owners []Voter) (groups []group) {
	var sites []string
	for _, o := range owners {
		if !slices.Contains(sites, o.Site) {
			sites = append(sites, o.Site)
			here := ofSite(owners, o.Site)
			groups = append(groups, group{owners: here, need: majority(len(here))})
		}
	}
	if len(groups) == 0 {
		groups = []group{{need: 1}}
	}
	return groups
}

func (g *group) has(id causal.ID) bool {
	return slices.ContainsFunc(g.owners, func(o Voter) bool { return o.ID == id })
}

// insert adds id to a sorted set and reports whether it is new.
func insert(set *[]causal.ID, id causal.ID) bool {
	i, found := slices.BinarySearchFunc(*set, id, causal.ID.Compare)
	if !found {
		*set = slices.Insert(*set, i, id)
	}
	return !found
}

func (t *Tally) isOwner(id causal.ID) bool {
	return slices.ContainsFunc(t.groups, func(g group) bool { return g.has(id) })
}

// Answer counts a replica's answer, once, and reports whether the level is
// reached. Who owns nothing does not count.
func (t *Tally) Answer(id causal.ID) (reached bool) {
	if t.isOwner(id) && insert(&t.answered, id) {
		for i := range t.groups {
			if t.groups[i].has(id) {
				t.groups[i].got++
			}
		}
	}
	return t.Reached()
}

// Reached reports whether enough have answered.
func (t *Tally) Reached() bool {
	return !slices.ContainsFunc(t.groups, func(g group) bool { return g.got < g.need })
}

func contains(set []causal.ID, id causal.ID) bool {
	_, found := slices.BinarySearchFunc(set, id, causal.ID.Compare)
	return found
}

// Need returns how many more have to answer, at least.
func (t *Tally) Need() (n int) {
	for _, g := range t.groups {
		n = max(n, g.need-g.got)
	}
	return n
}

// Answered returns the owners that have answered, sorted. Read only, until the
// next answer.
func (t *Tally) Answered() []causal.ID { return t.answered }

// Missing returns the owners that have not answered, sorted. The slice is the caller's.
func (t *Tally) Missing() (out []causal.ID) {
	for _, g := range t.groups {
		for _, o := range g.owners {
			if !contains(t.answered, o.ID) {
				insert(&out, o.ID)
			}
		}
	}
	return out
}

// Shortfall returns the error for a request whose time is up, nil if the level
// is reached.
func (t *Tally) Shortfall() error {
	if t.Reached() {
		return nil
	}
	e := &Error{Level: t.level, Answered: slices.Clone(t.answered), Missing: t.Missing()}
	for _, g := range t.groups {
		if short := g.need - g.got; short > e.Wanted-e.Got {
			e.Wanted, e.Got = g.need, g.got
		}
	}
	return e
}

// ErrShort is wrapped by the errors of requests whose level was not reached.
var ErrShort = errors.New("consistency: level not reached")

// Error says how far a request came whose level was not reached.
type Error struct {
	Level Level
	// Wanted and Got count the owners of which there were too few: those of one
	// site or of one view, where sites or views count by themselves.
	Wanted, Got int
	// Answered and Missing are owners by ID, in order.
	Answered, Missing []causal.ID
}

// Error says who is missing.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "consistency: %d of %d replicas answered for level %v; missing", e.Got, e.Wanted, e.Level)
	const shown = 5
	for i, id := range e.Missing {
		if i == shown {
			fmt.Fprintf(&b, " and %d more", len(e.Missing)-shown)
			break
		}
		fmt.Fprintf(&b, " %v", id)
	}
	return b.String()
}

// Unwrap makes errors.Is(err, ErrShort) true.
func (e *Error) Unwrap() error { return ErrShort }
