package replica

import "github.com/joinery-crdt/joinery/crdt/causal"

// coverage is what is known of how far the members of a document are.
type coverage struct {
	// stable is what every member is known to have seen, durably, as of one view
	// of the membership. It only grows.
	stable causal.Context
	cut    *cut // what is being found out; nil: nobody asked
}

// cut is what a document held at a moment, and who is known to have all of it.
type cut struct {
	context causal.Context
	digest  uint64 // of the document then
	has     map[causal.Actor]struct{}
}

// isStable reports whether every member of the document is known to have seen c,
// durably. Where no membership is kept nothing is ever stable.
func (d *document) isStable(c causal.Context) bool {
	return !c.IsEmpty() && d.coverage.stable.Covers(c)
}

// seekStability makes the replica find out when every member has what it holds
// of the document now. The listeners of onStable are then told. Seeking again
// meanwhile changes nothing; whoever wants to know of what came later seeks anew
// when told.
func (r *Replica) seekStability(d *document) {
	if d.coverage.cut == nil && r.keepsMembers() {
		r.beginCut(d)
	}
}

// onStable registers a listener that is called when a document has become stable up
// to a context, which it must not change. It may write to the document.
func (r *Replica) onStable(listen func(d *document, upTo causal.Context)) {
	r.listeners = append(r.listeners, listen)
}

// keepsMembers reports whether the space's membership is kept, without which
// nothing is stable.
func (r *Replica) keepsMembers() bool { return r.cfg.Member != nil }

func (r *Replica) beginCut(d *document) {
	d.coverage.cut = &cut{
		context: d.copy.State().Context(), digest: d.copy.State().Digest(), has: map[causal.Actor]struct{}{},
	}
}

// membersOf returns the actors that take part in a document at present, in their
// order, and whether this replica is one: those whose ranges are frozen and those
// that hold nothing are left out.
func (r *Replica) membersOf(_ string) (actors []causal.Actor, self bool) { return nil, false }
