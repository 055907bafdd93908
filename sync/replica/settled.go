package replica

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/membership"
)

// settled is the Stability of a replica that keeps a membership. It finds out what is
// asked about, and says no until it knows.
type settled struct{ r *Replica }

// Covers implements Stability.
func (s settled) Covers(doc string, c causal.Context) bool {
	d := s.r.docs[doc]
	if d == nil {
		return false
	}
	own := d.copy.State().Context()
	need := c.Intersect(own) // without those that are forgotten since: all had all of them
	if d.coverage.upTo.Covers(need) {
		return true
	}
	s.r.seekStability(d)
	return false
}

// Members implements Stability: those that hold the document and write.
func (s settled) Members(doc string) (ids []causal.ID) {
	for _, a := range s.r.view().Holders(doc) {
		if x, _ := s.r.view().Find(a); x.Role.Writes() && !slices.Contains(ids, a.ID) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// mayCollect reports whether this replica may mint events on its own: if it keeps a
// membership, only as an active member that has not been given up.
func (r *Replica) mayCollect() bool {
	m := &r.members
	if !r.keepsMembers() {
		return true
	}
	x, ok := r.view().Find(r.actor)
	return ok && x.Standing == membership.Active && x.Role.Writes() && !m.left && !m.again && !m.adrift && !m.regressed && !m.expelled
}

// awaitsReturn reports whether somebody may come back who still holds what lived in a
// document. While that is so it is kept, dead as it is.
func (r *Replica) awaitsReturn() bool {
	return r.keepsMembers() && slices.ContainsFunc(r.view().Members(), func(x membership.Member) bool {
		return x.Standing == membership.Fenced
	})
}

// restartCoverage begins anew to find out who has what, after events have got other
// names: nobody may ever have them under the old ones.
func (r *Replica) restartCoverage(d *document) {
	d.coverage.upTo = causal.Context{}
	if d.coverage.cut == nil {
		return
	}
	_, parting := r.members.parting[d]
	r.endCut(d)
	r.seekStability(d)
	if parting {
		r.members.parting[d] = struct{}{}
	}
}

// isDead reports whether nothing lives in a document.
func isDead(s *kernel.State) bool { return s.Dots() == 0 && !s.IsPartial() }
