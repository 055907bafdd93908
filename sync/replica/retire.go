package replica

import (
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Retirement. Once a member leaves, or is lost, the others take nothing from it any
// more but what one of them holds, and tell each other how many of its events they
// durably have, and which, by a fingerprint. When all have the same, what nobody has
// is void, and nobody can get it: the lowest member writes that the actor has
// retired, with that number and fingerprint. Whoever reads this and has the same keeps
// what lives of the actor, under its name. Whoever has not, because it is new or
// was set back, keeps nothing of it and learns from the others what lives.
//
// What is known of the actor's dead dots is needed only as long as anybody may have
// one of them live. So a replica forgets an actor of which nothing lives in a document
// once all have what it has of that document.

const (
	// maxDeparting bounds the members of which a muster reports.
	maxDeparting = 256
	// succeedAfter is after how many beacon times, in which no other process of the
	// own id was heard, the own earlier incarnations are given up.
	succeedAfter = 4
	// dropMemory is for how long a replica remembers whom it has forgotten in a
	// document: longer than any message is under way.
	dropMemory = 2 * time.Minute
	// maxDropped bounds them, in each document.
	maxDropped = 1 << 12
)

// muster is what a member said last of those who depart.
type muster struct {
	seen    causal.Context
	reports []message.Report
}

// reportOf returns what this replica has of an actor, in all documents but the
// membership. It costs O(documents).
func (r *Replica) reportOf(a causal.Actor) message.Report {
	out := message.Report{Actor: a}
	for name, d := range r.docs {
		if name == membership.Document {
			continue
		}
		s := d.copy.State()
		if i, ok := s.Lookup(a); ok && len(s.Seen(i)) > 0 && !(r.collects() && isDead(s)) { // that may be forgotten
			out.Count += s.Seen(i).Count()
			var has causal.Context
			has.AddRanges(a, s.Seen(i))
			out.Print ^= message.DocDigest(name, xxhash.Sum64(message.AppendContext(nil, has)))
		}
	}
	return out
}

// departing returns the members that are to retire, as many as fit in a muster.
func (r *Replica) departing() (out []*membership.Member) {
	all := r.view().Members()
	for i := range all {
		if all[i].Standing.IsDeparting() && len(out) < maxDeparting {
			out = append(out, &all[i])
		}
	}
	return out
}

// musterAll tells the others what this replica has of those who are to retire. It
// follows a beacon, so that all that it counts is recorded.
func (r *Replica) musterAll() {
	if !r.keepsMembers() || !r.isHolder() {
		return
	}
	var reports []message.Report
	for _, x := range r.departing() {
		reports = append(reports, r.reportOf(x.Actor))
	}
	if len(reports) == 0 {
		clear(r.members.musters)
		return
	}
	r.send(ToAll, Outgoing{Synced: true}, &message.Muster{Seen: r.seenMembers(), Reports: reports})
	r.decide(reports)
}

// isHolder reports whether others wait for this replica.
func (r *Replica) isHolder() bool {
	return slices.Contains(r.view().Holders(membership.Document), r.actor)
}

func (r *Replica) onMuster(p *peer, m *message.Muster) {
	if r.members.musters == nil {
		r.members.musters = make(map[causal.Actor]muster)
	}
	if len(r.members.musters) < maxPeers {
		r.members.musters[p.actor] = muster{m.Seen, m.Reports}
	}
	if !r.hasSeenMembers(m.Seen) {
		r.introduce(p)
	}
}

// decide retires those of whom all have the same, if this is the lowest member.
func (r *Replica) decide(own []message.Report) {
	holders := r.view().Holders(membership.Document)
	if len(holders) == 0 || holders[0] != r.actor || r.members.regressed {
		return
	}
	seen := r.seenMembers()
	var out []membership.Member
	for i := range own {
		x, ok := r.view().Find(own[i].Actor)
		if !ok || x.Standing == membership.Leaving && x.Count != own[i].Count {
			continue
		}
		if r.haveSame(holders[1:], &own[i], seen) {
			m := *x
			m.Standing, m.Count, m.Print = membership.Retired, own[i].Count, own[i].Print
			out = append(out, m)
		}
	}
	r.putAll(out)
}

// haveSame reports whether members are known to have the same of an actor, and all
// that it wrote to the membership, as of views that are no newer than the own one.
func (r *Replica) haveSame(holders []causal.Actor, want *message.Report, seen causal.Context) bool {
	written := seen.Of(want.Actor)
	for _, a := range holders {
		m, ok := r.members.musters[a]
		if !ok || !seen.Covers(m.seen) || !m.seen.Of(want.Actor).Covers(written) || !slices.Contains(m.reports, *want) {
			return false
		}
	}
	return true
}

// putAll writes members down.
func (r *Replica) putAll(all []membership.Member) {
	if len(all) == 0 {
		return
	}
	_ = r.writeMembers(func(d *crdt.Document) error {
		for i := range all {
			if err := membership.Put(d, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	r.view()
}

// retire notes that an actor has retired.
func (r *Replica) retire(x *membership.Member) {
	own := r.reportOf(x.Actor)
	if own.Count != x.Count || own.Print != x.Print {
		r.forgetActor(x.Actor)
		return
	}
	r.stats.Retired++
	for name, d := range r.docs {
		s := d.copy.State()
		if i, ok := s.Lookup(x.Actor); ok && name != membership.Document {
			s.Depart(i, true)
			r.restale(d)
		}
	}
}

// forgetActor keeps nothing of an actor that retired without this replica having all
// of it: what lives comes back from the others.
func (r *Replica) forgetActor(a causal.Actor) {
	for name, d := range r.docs {
		if name != membership.Document {
			r.purge(d, a)
		}
	}
}

func (r *Replica) purge(d *document, a causal.Actor) {
	s := d.copy.State()
	i, ok := s.Lookup(a)
	if !ok || s.IsDeparted(i) && !r.members.regressed {
		return
	}
	r.seal(d)
	if d.copy.Pending().Len() > 0 {
		s.Depart(i, true)
		return
	}
	r.stats.Purged++
	s.Purge(i)
	r.restale(d)
}

// dropIdle forgets, in a document of which all have what this replica has of it up
// to a context, the actors of which nothing lives.
func (r *Replica) dropIdle(d *document, upTo causal.Context) {
	s := d.copy.State()
	if s.Idle() == 0 || s.IsPartial() || d.name == membership.Document {
		return
	}
	r.seal(d)
	if d.copy.Pending().Len() > 0 {
		return
	}
	dropped, all := false, actorsOf(s)
	for _, a := range s.IdleActors() {
		id := s.Actor(a)
		if !upTo.Of(id).Covers(s.Seen(a)) {
			continue
		}
		d.noteDropped(id, r.now)
		s.Drop(a)
		r.stats.Dropped++
		dropped = true
	}
	if dropped { // units do not say any more what those who were forgotten had killed
		r.log.Drop(d.name, all)
	}
	r.restale(d)
}

func actorsOf(s *kernel.State) (out []causal.Actor) {
	for _, a := range s.Actors() {
		out = append(out, s.Actor(a))
	}
	return out
}

// noteDropped remembers whom the replica has forgotten in a document, for a while.
func (d *document) noteDropped(a causal.Actor, now time.Time) {
	if len(d.dropped) >= maxDropped/2 {
		for b, at := range d.dropped {
			if now.Sub(at) > dropMemory || len(d.dropped) >= maxDropped {
				delete(d.dropped, b)
			}
		}
	}
	if d.dropped == nil {
		d.dropped = make(map[causal.Actor]time.Time)
	}
	d.dropped[a] = now
}

// hasDropped reports whether the replica has just forgotten an actor in a document.
func (d *document) hasDropped(a causal.Actor, now time.Time) bool {
	at, ok := d.dropped[a]
	return ok && now.Sub(at) <= dropMemory
}

// unlist takes out of the membership those who have retired, once all know that they
// have, if this is the lowest member.
func (r *Replica) unlist(upTo causal.Context) {
	if !r.hasOver() {
		return
	}
	d := r.docs[membership.Document]
	var out []causal.Actor
	for _, x := range r.view().Members() {
		if x.Standing == membership.Retired && isWithin(d.copy, x.Actor, upTo) {
			out = append(out, x.Actor)
		}
	}
	if len(out) == 0 {
		return
	}
	_ = r.writeMembers(func(d *crdt.Document) error {
		for _, a := range out {
			if err := membership.Remove(d, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// hasOver reports whether this replica is to take somebody out of the membership.
func (r *Replica) hasOver() bool {
	holders := r.view().Holders(membership.Document)
	return len(holders) > 0 && holders[0] == r.actor && slices.ContainsFunc(r.view().Members(), func(x membership.Member) bool {
		return x.Standing == membership.Retired
	})
}

// isWithin reports whether all that was written of a member is in a context.
func isWithin(d *crdt.Document, a causal.Actor, c causal.Context) bool {
	for _, dot := range membership.Dots(d, a) {
		if !c.Contains(dot) {
			return false
		}
	}
	return true
}

// succeed gives up the own earlier incarnations, once it is plain that none of them
// is running still.
func (r *Replica) succeed() {
	m := &r.members
	long := succeedAfter * r.cfg.BeaconEvery
	x, ok := r.view().Find(r.actor)
	if !ok || x.Standing != membership.Active && x.Standing != membership.Leaving || r.now.Sub(m.since) < long || !m.twin.IsZero() && r.now.Sub(m.twin) < long {
		return
	}
	var out []membership.Member
	for _, x := range r.view().Members() {
		if x.Actor.ID == r.cfg.ID && x.Actor != r.actor && (x.Standing == membership.Active || x.Standing == membership.Fenced) {
			x.Standing, x.Note = membership.Lost, "it goes on as "+r.actor.String()
			out = append(out, x)
		}
	}
	r.putAll(out)
}

// Leave makes this replica one that mints no more. It lets the others have all that it
// holds, of whomever, and then says that it leaves; HasLeft says when they have forgotten it.
// The replica has to run until then. It does not leave as long as nobody else holds anything.
func (r *Replica) Leave(now time.Time) error {
	r.advance(now)
	if !r.keepsMembers() {
		return fmt.Errorf("%w: no membership is kept", ErrConfig)
	}
	x, ok := r.view().Find(r.actor)
	if !ok || x.Standing != membership.Active {
		return nil
	}
	r.flush()
	r.members.left, r.members.parting = true, make(map[*document]struct{})
	for name, d := range r.docs {
		if d.coverage.cut != nil {
			r.endCut(d) // of less than all
		}
		if name != membership.Document {
			r.seekStability(d)
			r.members.parting[d] = struct{}{}
		}
	}
	r.sayLeaving()
	return nil
}

// sayLeaving says that the replica leaves, once the others have all that it holds.
func (r *Replica) sayLeaving() {
	m := &r.members
	x, ok := r.view().Find(r.actor)
	if !m.left || len(m.parting) > 0 || !ok || x.Standing != membership.Active || len(r.view().Holders(membership.Document)) < 2 {
		return
	}
	self := *x
	self.Standing, self.Count = membership.Leaving, r.reportOf(r.actor).Count
	r.putAll([]membership.Member{self})
	r.flush()
	if r.online {
		r.beacon(true)
	}
}

// HasLeft reports whether the replica has left, and all others have all of it.
func (r *Replica) HasLeft() bool { return r.members.left && !r.view().Has(r.actor) }

// Dismiss changes how another member stands: Fenced, if it is away and may come back, or
// Lost, if it never will. Why says who wants it, for operators.
func (r *Replica) Dismiss(now time.Time, a causal.Actor, to membership.Standing, why string) error {
	r.advance(now)
	x, ok := r.view().Find(a)
	switch {
	case !ok || !x.Standing.IsMember():
		return fmt.Errorf("%w: %v is no member", membership.ErrMember, a)
	case a == r.actor || to != membership.Fenced && to != membership.Lost:
		return fmt.Errorf("%w: %v cannot be made %v here", membership.ErrMember, a, to)
	}
	m := *x
	m.Standing, m.Note = max(to, m.Standing), why[:min(len(why), membership.MaxText)]
	return r.writeMembers(func(d *crdt.Document) error { return membership.Put(d, m) })
}
