package replica

import (
	"maps"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/consistency"
	"github.com/joinery-crdt/joinery/sync/message"
)

// inquiry is what owners of a document are asked, for one ticket or several.
type inquiry struct {
	id     uint64 // of the Ask; another when the inquiry begins again
	d      *document
	read   bool
	repair bool // a read that ends when those behind have caught up
	waits  []wait

	version  uint64         // of the membership when it began
	have     causal.Context // what the owners are to hold; of a read, what this replica had seen
	digest   uint64         // of a read: of the document, then
	at       time.Time      // when those who are silent are asked again
	attempts int
	asked    map[causal.ID]time.Time
	owed     map[causal.ID]causal.Context // what owners had seen of which this replica lacks something
	told     map[causal.ID]uint64         // the digests that owners answered a read with
	answered int                          // of a read whose level is reached, as in its Outcome
	agreed   int
}

// wait is one ticket of an inquiry.
type wait struct {
	ticket Ticket
	level  consistency.Level
	tally  *consistency.Tally
}

// inquireFresh sends the inquiries that were not sent yet. What they ask for is
// sealed and on its way.
func (r *Replica) inquireFresh() {
	fresh := r.quorums.fresh
	r.quorums.fresh = nil
	for _, q := range fresh {
		if len(q.waits) > 0 {
			r.begin(q)
		}
	}
}

// begin sends an inquiry for the first time under a membership.
func (r *Replica) begin(q *inquiry) {
	delete(r.quorums.inquiries, q.id)
	r.seal(q.d)
	s := q.d.copy.State()
	q.id, q.version, q.attempts = nonZero(r.cfg.Rand.Uint64()), r.owners(q.d.name).Version(), 0
	q.asked, q.owed, q.told = make(map[causal.ID]time.Time), nil, nil
	q.digest = s.Digest()
	if q.have = s.Context(); !q.read {
		q.have = ofReplica(q.have, r.cfg.ID)
	}
	r.quorums.inquiries[q.id] = q
	r.poll(q)
}

// ofReplica returns the events of a context that a replica minted, in whichever
// incarnation.
func ofReplica(c causal.Context, id causal.ID) (own causal.Context) {
	for a, rs := range c.All() {
		if a.ID == id {
			own.Set(a, rs)
		}
	}
	return own
}

// restart begins an inquiry again, as after a change of the membership: what was
// answered under another one does not count.
func (r *Replica) restart(q *inquiry) {
	if q.answered > 0 { // the read was done, and only its repair is under way
		r.reach(q, &q.waits[0])
		return
	}
	for i := range q.waits {
		w := &q.waits[i]
		if t, err := r.tally(q.d, w.level); err == nil {
			w.tally = t
		}
	}
	r.begin(q)
	r.settleInquiry(q)
}

// poll asks the owners that have not answered. A read asks only as many as it
// needs, the quickest, and the others when those take long.
func (r *Replica) poll(q *inquiry) {
	q.attempts++
	targets := q.missing(r.cfg.ID)
	if q.read && q.attempts == 1 {
		targets = r.quickest(targets, q.need())
	}
	m := &message.Ask{ID: q.id, Version: q.version, Read: q.read, Doc: q.d.name, Have: q.have}
	if q.read {
		m.Digest = q.digest
	}
	scope, _ := r.scopeOf(q.d.name)
	for _, id := range targets {
		if _, again := q.asked[id]; !again {
			q.asked[id] = r.now
		}
		r.send(ToPeer, Outgoing{Peer: id, Scope: scope}, m)
	}
	q.at = r.now.Add(r.retryAfter(q.attempts))
	r.dueBy(q.at)
}

// dueBy lets Tick look at the inquiries by then.
func (r *Replica) dueBy(at time.Time) {
	if r.quorums.at.IsZero() || at.Before(r.quorums.at) {
		r.quorums.at = at
	}
}

// missing returns the owners that have not answered, but for this replica.
func (q *inquiry) missing(self causal.ID) (ids []causal.ID) {
	for _, w := range q.waits {
		for _, id := range w.tally.Missing() {
			if id != self && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	sortIDs(ids)
	return ids
}

// need returns how many more answers the inquiry needs at least, if the right
// ones answer.
func (q *inquiry) need() (n int) {
	for _, w := range q.waits {
		n = max(n, w.tally.Need())
	}
	return n
}

// quickest returns n of the owners that are likely to answer first: there, and
// quick the last time.
func (r *Replica) quickest(ids []causal.ID, n int) []causal.ID {
	slices.SortStableFunc(ids, func(a, b causal.ID) int { return int(r.delay(a) - r.delay(b)) })
	return ids[:min(n, len(ids))]
}

// delay guesses how long a replica takes to answer.
func (r *Replica) delay(id causal.ID) time.Duration {
	p := r.peers[id]
	if p == nil || r.now.Sub(p.heard) > returnAfter*r.cfg.BeaconEvery {
		return time.Hour
	}
	return p.delay
}

// onReply takes an owner's answer.
func (r *Replica) onReply(p *peer, m *message.Reply) {
	q := r.quorums.inquiries[m.ID]
	if m.To != r.nonce || q == nil {
		return // late, or for somebody else
	}
	if q.version != r.owners(q.d.name).Version() {
		r.restart(q)
		return
	}
	if m.Version != q.version {
		r.introduce(p)
		return
	}
	if at, ok := q.asked[p.id]; !ok {
		return // nobody asked
	} else if p.delay = (3*p.delay + r.now.Sub(at)) / 4; p.delay == 0 {
		p.delay = 1
	}
	if m.Verdict == message.Holding {
		r.onHeld(q, p, m)
	}
}

// onHeld counts an answer, once this replica has all that the owner had.
func (r *Replica) onHeld(q *inquiry, p *peer, m *message.Reply) {
	if q.read {
		if q.told == nil {
			q.told, q.owed = make(map[causal.ID]uint64), make(map[causal.ID]causal.Context)
		}
		q.told[p.id] = m.Digest
		if m.Digest != q.digest {
			q.owed[p.id] = m.Seen
			r.catchUp(q.d, p, m)
		}
	}
	if _, owes := q.owed[p.id]; !owes {
		q.count(p.id)
	}
	r.settleInquiry(q)
}

func (q *inquiry) count(id causal.ID) {
	for _, w := range q.waits {
		w.tally.Answer(id)
	}
}

// catchUp goes after what an owner has and this replica lacks, if its answer
// did not bring it.
func (r *Replica) catchUp(d *document, p *peer, m *message.Reply) {
	if own := d.copy.State().Context(); own.Covers(m.Seen) {
		return
	}
	head := m.Seen.Of(p.actor).Max()
	r.chaseBehind(d, p, &message.State{Doc: d.name, Digest: m.Digest, Head: head, Count: m.Seen.Count()})
}

// settleInquiry ends what has all the answers that it needs.
func (r *Replica) settleInquiry(q *inquiry) {
	if len(q.owed) > 0 {
		own := q.d.copy.State().Context()
		for id, seen := range q.owed {
			if own.Covers(seen) {
				delete(q.owed, id)
				q.count(id)
			}
		}
	}
	for i := 0; i < len(q.waits); {
		w := &q.waits[i]
		switch {
		case !w.tally.Reached():
			i++
		case q.read && r.mend(q, w):
			return
		default:
			r.reach(q, w)
		}
	}
}

// mend is read repair: the owners that answered a read are told what this
// replica holds now, and fetch what they lack. It reports whether the read waits
// for them.
func (r *Replica) mend(q *inquiry, w *wait) bool {
	q.read, q.answered = false, len(w.tally.Answered())
	s := q.d.copy.State()
	now, own := s.Digest(), s.Context()
	var behind []consistency.Voter
	for _, id := range w.tally.Answered() {
		if told, asked := q.told[id]; asked && told != now {
			behind = append(behind, consistency.Voter{ID: id})
		}
	}
	q.agreed = q.answered - len(behind)
	if len(behind) == 0 {
		return false
	}
	delete(r.quorums.inquiries, q.id)
	q.id, q.have, q.attempts = nonZero(r.cfg.Rand.Uint64()), own, 0
	w.tally, _ = consistency.NewTally(consistency.All, "", consistency.View(behind))
	if r.poll(q); !q.repair {
		return false
	}
	r.quorums.inquiries[q.id] = q
	return true
}

// reach ends a request whose level is reached.
func (r *Replica) reach(q *inquiry, w *wait) {
	o := Outcome{Ticket: w.ticket, Answered: q.answered, Agreed: q.agreed}
	if o.Answered == 0 {
		o.Answered = len(w.tally.Answered())
	}
	r.out.Outcomes = append(r.out.Outcomes, o)
	r.dismiss(q, w.ticket)
}

// dismiss ends a request, and its inquiry with the last one.
func (r *Replica) dismiss(q *inquiry, t Ticket) {
	delete(r.quorums.tickets, t)
	q.waits = slices.DeleteFunc(q.waits, func(w wait) bool { return w.ticket == t })
	if len(q.waits) > 0 {
		return
	}
	delete(r.quorums.inquiries, q.id)
	q.d.inquiries = slices.DeleteFunc(q.d.inquiries, func(x *inquiry) bool { return x == q })
	r.forgetEmpty(q.d)
}

// inquireAgain asks those who have not answered in time.
func (r *Replica) inquireAgain() {
	if r.quorums.at.IsZero() || r.quorums.at.After(r.now) {
		return
	}
	r.quorums.at = zeroTime
	for _, id := range r.inquiryIDs() {
		q := r.quorums.inquiries[id]
		switch {
		case q == nil: // ended with another
		case q.version != r.owners(q.d.name).Version():
			r.restart(q)
		case !q.at.After(r.now):
			r.poll(q)
		default:
			r.dueBy(q.at)
		}
	}
}

// inquiryIDs returns the inquiries under way, in the same order in every run.
func (r *Replica) inquiryIDs() []uint64 {
	return slices.Sorted(maps.Keys(r.quorums.inquiries))
}
