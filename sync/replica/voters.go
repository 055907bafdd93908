package replica

import (
	"slices"

	"github.com/joinery-crdt/joinery/sync/consistency"
	"github.com/joinery-crdt/joinery/sync/membership"
)

// voters is who may own documents, as one view of the membership has it.
type voters struct {
	of       *membership.View
	all      consistency.View // the full members
	members  []membership.Member
	selected bool // some hold some documents only
}

// owners returns whose answers count for a document: the full members that hold
// it. Replicas behind bad links are too many and too often away, observers and
// sensors do not keep or do not write.
func (r *Replica) owners(doc string) consistency.View {
	if r.quorums.electorate != nil {
		return r.quorums.electorate(doc)
	}
	v := &r.quorums.voters
	if view := r.view(); v.of != view {
		v.read(view)
	}
	if !v.selected {
		return v.all
	}
	var out consistency.View
	for i := range v.members {
		if v.members[i].Holds(doc) {
			out = append(out, v.all[i])
		}
	}
	return out
}

// read takes the full members of a view, each replica once: who has taken a new
// incarnation may be in it twice for a while.
func (v *voters) read(view *membership.View) {
	*v = voters{of: view}
	for _, m := range view.Members() {
		isTwin := func(o consistency.Voter) bool { return o.ID == m.Actor.ID }
		if m.Standing != membership.Active || m.Role != membership.Full || slices.ContainsFunc(v.all, isTwin) {
			continue
		}
		v.all = append(v.all, consistency.Voter{ID: m.Actor.ID, Site: m.Site})
		v.members = append(v.members, m)
		v.selected = v.selected || m.Interest != ""
	}
}

func (r *Replica) site() string {
	if r.cfg.Member == nil {
		return ""
	}
	return r.cfg.Member.Site
}
