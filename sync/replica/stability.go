package replica

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Stability. What every member durably has of a document is found out in two ways.
// A member whose beacon shows the digest of all that this replica holds has all of
// it: that costs nothing where replicas are ever equal. Where they never are, because
// somebody always writes, members are asked whether they have a certain context.
//
// Neither counts of a member that knows more of the membership than this replica:
// whom it may have let in has to have it, too. Members that hold nothing, that are
// away, lost or leave are not waited for.

// coverage is what is known of how far the members of a document are.
type coverage struct {
	cut  *cut           // what is being found out; nil: nobody asked
	upTo causal.Context // what all had when they were asked
}

// cut is what a document held at a moment, and who is known to have all of it.
type cut struct {
	id      uint64
	context causal.Context
	begun   time.Time
	asked   time.Time
	has     map[causal.Actor]causal.Context // and what each has besides
}

const (
	// maxCuts bounds the cuts that are asked about in one message.
	maxCuts = 128
	// askShare is how much sooner than a beacon members are asked, in case that no
	// beacon tells, and how often.
	askShare = 4
)

// seekStability makes the replica find out when every member has what it holds
// of the document now. Seeking again meanwhile changes nothing; whoever wants to
// know of what came later seeks anew.
func (r *Replica) seekStability(d *document) {
	if d.coverage.cut != nil || !r.keepsMembers() || d.copy.State().IsPartial() {
		return
	}
	d.coverage.cut = &cut{
		id: nonZero(r.cfg.Rand.Uint64()), context: d.copy.State().Context(), begun: r.now,
		has: map[causal.Actor]causal.Context{r.actor: {}},
	}
	r.members.cuts = append(r.members.cuts, d)
}

// keepsMembers reports whether the space's membership is kept, without which
// nobody is known to have anything.
func (r *Replica) keepsMembers() bool { return r.cfg.Member != nil }

// noteEqual notes that a member durably holds what this replica holds.
func (r *Replica) noteEqual(p *peer) {
	r.members.regressed = false
	for _, d := range slices.Clone(r.members.cuts) {
		d.coverage.cut.has[p.actor] = causal.Context{} // nor anything besides
	}
	r.settleCuts()
}

// isSettled reports whether all members have a cut, and this replica has all that each of
// them had besides when it said so: what they write from then on follows the cut, and
// what they had written before, or held of others, is here.
func (r *Replica) isSettled(d *document) bool {
	own := d.copy.State().Context()
	for _, a := range r.view().Holders(d.name) {
		if more, ok := d.coverage.cut.has[a]; !ok || !own.Covers(more) {
			return false
		}
	}
	return true
}

// settleCuts ends the cuts that all members have, of which at most one is under way
// for each document.
func (r *Replica) settleCuts() {
	for _, d := range slices.Clone(r.members.cuts) {
		c := d.coverage.cut
		if r.docs[d.name] != d {
			r.endCut(d)
			continue
		}
		if !r.isSettled(d) {
			continue
		}
		r.endCut(d)
		r.stabilized(d, c.context)
	}
}

func (r *Replica) endCut(d *document) {
	d.coverage.cut = nil
	delete(r.members.parting, d)
	r.members.cuts = slices.DeleteFunc(r.members.cuts, func(x *document) bool { return x == d })
}

func (r *Replica) stabilized(d *document, upTo causal.Context) {
	if r.collects() {
		d.coverage.upTo.Join(upTo)
	}
	r.dropIdle(d, upTo)
	if d.name == membership.Document {
		r.unlist(upTo)
	}
	if d.copy.State().Idle() > 0 {
		r.seekStability(d)
	}
}

// askCover asks the members about the cuts that no beacon has settled.
func (r *Replica) askCover() {
	every := r.cfg.BeaconEvery / askShare
	m := &message.Cover{}
	size := 0
	for _, d := range r.members.cuts {
		c := d.coverage.cut
		if r.awaitsSilent(d) {
			continue
		}
		if r.now.Sub(c.begun) < every || r.now.Sub(c.asked) < every || len(m.Cuts) == maxCuts {
			continue
		}
		x := message.Cut{ID: c.id, Doc: d.name, Dead: d.deadAt(c.context), Context: counted(d, c.context)}
		if size += message.CutSize(&x); size > r.cfg.MaxMessage/2 {
			break
		}
		c.asked = r.now
		m.Cuts = append(m.Cuts, x)
	}
	if len(m.Cuts) > 0 {
		m.Seen = r.seenMembers()
		r.send(ToAll, Outgoing{}, m)
	}
}

// awaitsSilent reports whether somebody is waited for who was not heard for a while:
// then there is no use in asking.
func (r *Replica) awaitsSilent(d *document) bool {
	for _, a := range r.view().Holders(d.name) {
		if _, has := d.coverage.cut.has[a]; has || a == r.actor {
			continue
		}
		if p := r.peers[a.ID]; p == nil || p.actor != a || r.now.Sub(p.heard) > r.silence() {
			return true
		}
	}
	return false
}

// counted returns the part of a context that is of members, or of which something lives.
func counted(d *document, c causal.Context) causal.Context {
	own := d.copy.State().Counted()
	return c.Intersect(own)
}

// deadAt returns the document's digest if it is as it was in a context, and nothing
// lives in it; 0 otherwise.
func (d *document) deadAt(c causal.Context) uint64 {
	s := d.copy.State()
	if s.Dots() > 0 || s.IsEmpty() || !c.Equal(s.Context()) {
		return 0
	}
	return s.Digest()
}

// hasCut reports whether this replica has a cut, and what it has besides. Of a document
// that it has just forgotten it had what it forgot.
func (r *Replica) hasCut(x *message.Cut) (more causal.Context, ok bool) {
	d := r.docs[x.Doc]
	if d == nil || d.copy.State().IsEmpty() {
		return more, x.Dead != 0 && r.heldLast(x.Doc, x.Dead)
	}
	if d.copy.State().IsPartial() {
		return more, false
	}
	own := d.copy.State().Context()
	counted := d.copy.State().Counted()
	return counted.Minus(x.Context), own.Covers(x.Context)
}

// onCover answers with the cuts that this replica has. What it has is in records
// that are made before the answer leaves.
func (r *Replica) onCover(p *peer, m *message.Cover) {
	if !r.hasSeenMembers(m.Seen) {
		r.introduce(p)
		return // whom it does not know may be new
	}
	r.flush()
	out, size := &message.Covered{To: p.nonce}, 0
	for i := range m.Cuts {
		more, ok := r.hasCut(&m.Cuts[i])
		h := message.Held{ID: m.Cuts[i].ID, More: more}
		if size += message.HeldSize(&h); ok && size <= r.cfg.MaxMessage/2 {
			out.Cuts = append(out.Cuts, h)
		}
	}
	if len(out.Cuts) > 0 {
		out.Seen = r.seenMembers()
		r.send(ToPeer, Outgoing{Peer: p.id, Synced: true}, out)
	}
}

func (r *Replica) onCovered(p *peer, m *message.Covered) {
	if m.To != r.nonce {
		return
	}
	if !r.hasSeenMembers(m.Seen) {
		r.introduce(p)
		return
	}
	for _, d := range r.members.cuts {
		c := d.coverage.cut
		if i := slices.IndexFunc(m.Cuts, func(h message.Held) bool { return h.ID == c.id }); i >= 0 {
			c.has[p.actor] = m.Cuts[i].More
		}
	}
	r.settleCuts()
}

// tendMembers does what the passing of time asks for.
func (r *Replica) tendMembers() {
	m := &r.members
	if !r.keepsMembers() || r.now.Sub(m.ticked) < r.cfg.BeaconEvery/askShare {
		return
	}
	m.ticked = r.now
	r.view()
	r.rejoin()
	r.join()
	r.succeed()
	if r.hasOver() {
		r.seekStability(r.docs[membership.Document])
	}
	r.settleCuts()
	r.askCover()
	if m.again && !m.adrift {
		m.again = false
		_ = r.Leave(r.now)
	}
	r.sayLeaving()
}
