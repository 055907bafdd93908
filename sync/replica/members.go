package replica

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
)

// The membership is a document that replicas write themselves. What follows from it:
//
//   - A replica writes itself down before anything of it leaves. Whoever hears of an
//     actor that it does not know fetches the membership from it first, and takes
//     its events from then on. Events of actors that are no members are refused.
//   - A state means something only to whoever has seen as much of the membership as its
//     source: a state does not mention those whose dots were all dead and are forgotten.
//   - An actor that has retired is a stranger. What lives of it keeps its name.

// ErrReserved means that a document's name is one that the space keeps for itself. It is
// a [message.ErrName], too.
var ErrReserved = fmt.Errorf("%w: names that begin with %s are the space's own", message.ErrName, membership.Reserved)

// ErrLeft means that the replica has left the space and takes no more writes.
var ErrLeft = errors.New("replica: the replica has left its space; open another one to write")

// ErrObserver means that the replica's role is to read.
var ErrObserver = errors.New("replica: an observer does not write")

// members is what a replica knows of the membership.
type members struct {
	view  *membership.View
	stale bool // the document has changed since
	past  past
	known bool // the documents' actors were compared with the view
	// regressed is set from when the members have given this replica up until it holds
	// the same as one of them. Then nothing is kept of those who have retired.
	regressed bool
	adrift    bool                    // the members had given this replica up, and it has yet to learn whom else
	expelled  bool                    // the membership has given the own actor up, and what follows is yet to be done
	left      bool                    // by its own wish
	again     bool                    // it had left when it was given up
	parting   map[*document]struct{}  // of which others do not have all yet
	since     time.Time               // when the replica last came online
	twin      time.Time               // when another process of the own id was last heard
	musters   map[causal.Actor]muster // of other members
	ticked    time.Time
	cuts      []*document // with a cut under way
}

// past is the last digests of the membership that this replica has had: whoever
// shows one of them is behind.
type past struct {
	ring [64]uint64
	next int
}

func (p *past) has(digest uint64) bool { return slices.Contains(p.ring[:], digest) }

func (p *past) add(digest uint64) {
	if !p.has(digest) {
		p.ring[p.next%len(p.ring)] = digest
		p.next++
	}
}

// IsReserved reports whether a document's name is the space's own.
func IsReserved(doc string) bool { return strings.HasPrefix(doc, membership.Reserved) }

// Membership returns who takes part, as far as this replica knows; empty if no
// membership is kept.
func (r *Replica) Membership() *membership.View { return r.view() }

// view returns the membership as it is now.
func (r *Replica) view() *membership.View {
	m := &r.members
	if m.view == nil {
		m.view = membership.Read(nil)
	}
	if d := r.docs[membership.Document]; m.stale && d != nil {
		m.stale = false
		old := m.view
		m.view = membership.Read(d.copy)
		r.onMembers(old, m.view)
	}
	return m.view
}

// viewDigest returns the digest of the membership, 0 if none is kept.
func (r *Replica) viewDigest() uint64 {
	d := r.docs[membership.Document]
	if !r.keepsMembers() || d == nil {
		return 0
	}
	r.settle()
	return d.digest
}

// seenMembers returns what this replica has seen of the membership.
func (r *Replica) seenMembers() (c causal.Context) {
	if d := r.docs[membership.Document]; d != nil && r.keepsMembers() {
		r.view()
		c = d.copy.State().Context()
	}
	return c
}

// hasSeenMembers reports whether this replica has seen as much of the membership.
func (r *Replica) hasSeenMembers(seen causal.Context) bool {
	own := r.seenMembers()
	return own.Covers(seen)
}

// writeMembers writes the membership and lets the others know.
func (r *Replica) writeMembers(fn func(*crdt.Document) error) error {
	d := r.open(membership.Document)
	before := d.head()
	err := r.mint(d, fn)
	if d.head() > before {
		d.touch()
		r.queue(d)
	}
	return err
}

// join writes this replica down, unless it is there.
func (r *Replica) join() {
	m := &r.members
	if !r.keepsMembers() || !r.online || m.left || !m.known && !r.compareActors() {
		return
	}
	switch x, ok := r.view().Find(r.actor); {
	case ok && x.Standing == membership.Active:
		return
	case ok: // it was on its way out when it ended
		r.reincarnate(Alarm{Kind: Expelled, Detail: "the replica had left its space, or was given up; it goes on as a new member"})
		return
	}
	self := *r.cfg.Member
	self.Actor, self.Standing = r.actor, membership.Active
	_ = r.writeMembers(func(d *crdt.Document) error { return membership.Put(d, self) })
}

// compareActors notes, once at the start, which actors of all documents are no
// members. It reports whether all documents are there.
func (r *Replica) compareActors() bool {
	for _, d := range r.docs {
		if d.copy.State().IsPartial() {
			return false
		}
	}
	r.members.known = true
	view := r.view()
	for _, d := range r.docs {
		r.departStrangers(d, view, false)
	}
	return true
}

// departStrangers notes which actors of a document are no members.
func (r *Replica) departStrangers(d *document, view *membership.View, purge bool) {
	s := d.copy.State()
	if d.name == membership.Document {
		return
	}
	for _, a := range s.Actors() {
		id := s.Actor(a)
		if id == r.actor || view.Has(id) || len(s.Seen(a)) == 0 { // or else it may be one that comes yet
			s.Depart(a, false)
			continue
		}
		if purge {
			r.purge(d, id)
		} else {
			s.Depart(a, true)
		}
	}
	r.restale(d)
}

// restale lets a document's digest be computed again.
func (r *Replica) restale(d *document) {
	if !d.stale {
		d.stale = true
		r.stale = append(r.stale, d)
	}
	if r.members.known && d.copy.State().Idle() > 0 {
		r.seekStability(d)
	}
}

// onMembers draws the consequences of a change.
func (r *Replica) onMembers(old, now *membership.View) {
	m := &r.members
	if doc := r.docs[membership.Document]; doc != nil {
		r.settle()
		m.past.add(doc.digest)
	}
	if !m.known {
		return
	}
	x, ok := now.Find(r.actor)
	was, _ := old.Find(r.actor)
	expelled := old.Has(r.actor) && was.Standing != membership.Leaving && (!ok || x.Standing != membership.Active && x.Standing != membership.Leaving)
	m.regressed = m.regressed || expelled // nobody has waited for this replica since
	for _, x := range now.Members() {
		was, known := old.Find(x.Actor)
		switch {
		case known && was.Standing.IsMember() == x.Standing.IsMember():
		case x.Standing == membership.Retired:
			r.retire(&x)
		case !known:
			r.readmit(x.Actor)
		}
	}
	for _, x := range old.Members() {
		if _, still := now.Find(x.Actor); !still && x.Standing.IsMember() {
			r.forgetActor(x.Actor) // it retired, and all others knew
		}
	}
	m.expelled = m.expelled || expelled
}

// rejoin takes a new incarnation after the membership has given up the old one.
func (r *Replica) rejoin() {
	m := &r.members
	if !m.expelled {
		return
	}
	m.expelled = false
	m.again, m.left = m.left, false // it leaves as the one that it becomes
	m.adrift, m.regressed = true, true
	r.reincarnate(Alarm{Kind: Expelled, Detail: "the space's membership has given this replica up; it goes on as a new member"})
}

// land is called when this replica has the very membership that another member has. If
// it had been given up, nothing is kept now of those who are not in it.
func (r *Replica) land(p *peer) {
	if !r.members.adrift || p.id == r.cfg.ID || !slices.Contains(r.view().Holders(membership.Document), p.actor) {
		return
	}
	r.members.adrift = false
	for _, d := range r.docs {
		r.departStrangers(d, r.view(), true)
	}
}

// readmit notes that an actor is a member after all, where it was known before.
func (r *Replica) readmit(a causal.Actor) {
	for _, d := range r.docs {
		s := d.copy.State()
		if i, ok := s.Lookup(a); ok && s.IsDeparted(i) {
			s.Depart(i, false)
			r.restale(d)
		}
	}
}

// hears decides what of a message counts, by who sent it. Of an actor that is no
// member only the membership does.
func (r *Replica) hears(p *peer, h message.Header, body message.Body) bool {
	if h.From.ID == r.cfg.ID {
		r.members.twin = r.now
	}
	if r.HasLeft() {
		return false
	}
	x, ok := r.view().Find(h.From)
	if ok && (x.Standing == membership.Active || x.Standing == membership.Leaving) {
		if m, isPush := body.(*message.Push); isPush && !r.hasSeenMembers(m.Seen) {
			r.introduce(p)
			m.Gifts = slices.DeleteFunc(m.Gifts, isOfState)
		}
		if m, isTable := body.(*message.Table); isTable && m.Doc != membership.Document && !r.knowsView(m.View) {
			r.introduce(p)
			return false
		}
		return true
	}
	return r.hearsStranger(p, h, body)
}

// hearsStranger decides what counts of a message of somebody who is no member, or was
// given up: such a one has to learn that first, and then joins as another.
func (r *Replica) hearsStranger(p *peer, h message.Header, body message.Body) bool {
	r.introduce(p)
	switch m := body.(type) {
	case *message.Pull:
		m.Wants = slices.DeleteFunc(m.Wants, func(w message.Want) bool { return w.Doc != membership.Document })
	case *message.Push:
		if r.view().MayJoin(h.From.ID) {
			m.Gifts = slices.DeleteFunc(m.Gifts, func(g message.Gift) bool { return g.Doc != membership.Document })
		} else {
			m.Gifts = nil
		}
	case *message.Beacon:
		p.heard = r.now
		if m.Hello {
			r.answerHello()
		}
		return false
	case *message.Table:
		return m.Doc == membership.Document && r.view().MayJoin(h.From.ID)
	case *message.Fetch, *message.Chunk:
	default:
		r.stats.Strangers++
		return false
	}
	return true
}

// isOfState reports whether a gift is made of its sender's state and not of units.
func isOfState(g message.Gift) bool {
	return g.Doc != membership.Document && g.Answer != message.Units && g.Answer != message.Same && g.Answer != message.No
}

// introduce fetches the membership from a peer that knows more or other of it.
func (r *Replica) introduce(p *peer) {
	if r.view().MayJoin(p.id) {
		d := r.open(membership.Document)
		r.chaseBehind(d, p, &message.State{Doc: d.name, Count: causal.MaxSeq})
	}
}

// onView compares a peer's membership with the own one.
func (r *Replica) onView(p *peer, view uint64, firm bool) {
	switch {
	case !r.knowsView(view):
		r.introduce(p)
	case firm && view == r.viewDigest():
		r.land(p)
	}
}

// knowsView reports whether a membership is the own one, or was.
func (r *Replica) knowsView(view uint64) bool {
	return view == r.viewDigest() || r.members.past.has(view)
}

// vouches reports whether the events that a unit claims are taken: those of members,
// and in the membership those that somebody was asked for.
func (r *Replica) vouches(d *document, f *delta.Frame) bool {
	for a := range f.ClaimsOf() {
		x, ok := r.view().Find(a)
		switch {
		case d.hasDropped(a, r.now):
			return false
		case a == r.actor, d.name == membership.Document && !r.via.broadcast:
		case !ok || x.Standing == membership.Retired, r.via.broadcast && x.Standing != membership.Active && x.Standing != membership.Leaving:
			r.stats.Strangers++
			return false
		}
	}
	return true
}

// noteActors notes which actors of a delta that was merged are no members. What has
// been forgotten of them is forgotten again.
func (r *Replica) noteActors(d *document, f *delta.Frame) {
	if d.name == membership.Document {
		return
	}
	s, changed := d.copy.State(), false
	note := func(a causal.Actor) {
		i, ok := s.Lookup(a)
		switch {
		case !ok || a == r.actor || r.view().Has(a):
		case d.hasDropped(a, r.now):
			changed = true
			s.Purge(i)
		case !s.IsDeparted(i) && len(s.Seen(i)) > 0:
			changed = true
			s.Depart(i, true)
		}
	}
	for a := range f.ClaimsOf() {
		note(a)
	}
	for a := range f.DeathsOf() {
		note(a)
	}
	if changed {
		r.restale(d)
	}
}

// noteChange notes that a document has changed, for what follows from the membership.
func (r *Replica) noteChange(d *document) {
	if !r.keepsMembers() {
		return
	}
	if d.name == membership.Document {
		r.members.stale = true
	}
	if r.members.known && d.copy.State().Idle() > 0 {
		r.seekStability(d)
	}
}

// checkWrite returns why the program may not write a document, nil if it may.
func (r *Replica) checkWrite(doc string) error {
	switch {
	case IsReserved(doc):
		return fmt.Errorf("%w: %.40q", ErrReserved, doc)
	case r.members.left || r.members.again:
		return ErrLeft
	case r.cfg.Member != nil && !r.cfg.Member.Role.Writes():
		return ErrObserver
	}
	return message.CheckName(doc)
}

// logFor returns the log from which a replica may be given units: none if it lacks
// events of actors that are no members, as it would refuse their units. It gets a state.
func (r *Replica) logFor(d *document, have causal.Context) *delta.Log {
	s := d.copy.State()
	for _, a := range s.Actors() {
		if s.IsDeparted(a) && !have.Of(s.Actor(a)).Covers(s.Seen(a)) {
			return &delta.Log{}
		}
	}
	return &r.log
}

// nextTending returns when tendMembers has something to do, zero if nothing is under way
// that a beacon would not bring.
func (r *Replica) nextTending() time.Time {
	if !r.keepsMembers() || len(r.members.cuts) == 0 {
		return zeroTime
	}
	return r.members.ticked.Add(r.cfg.BeaconEvery / askShare)
}
