package replica

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

var zeroTime time.Time

const (
	// maxHints bounds the documents that a beacon names. Others wait for the next.
	maxHints = 128
	// hintBeacons is in how many beacons a document is named after a change: they
	// get lost, too.
	hintBeacons = 3
	// maxRecent bounds the documents that wait to be named. A survey finds those
	// that had to give way.
	maxRecent = 1024
	// tailShare is how much sooner than usual a beacon follows a burst of writes.
	tailShare = 5
	// urgentShare is how much sooner than usual a beacon follows if replicas differ
	// although nobody writes, maxUrgent how often in a row.
	urgentShare = 4
	maxUrgent   = 16
	// returnAfter is how many silent beacon times make a peer one that has
	// been away.
	returnAfter = 3
)

// beacon broadcasts what this replica holds, in short.
func (r *Replica) beacon(hello bool) {
	r.flush()
	r.expireParked()
	r.sweepPast()
	for _, scope := range r.turn(hello) {
		m := r.beaconOf(scope)
		m.Hello, m.Hints = hello, r.hint(scope)
		r.send(ToAll, Outgoing{Scope: r.tag(scope), Synced: r.keepsMembers()}, m)
	}
	r.musterAll()
	r.recount()
	every := r.pace()
	r.usualAt = r.now.Add(every)
	switch {
	case r.isUrgent():
		every /= urgentShare
	case !r.tailAt.IsZero():
		every /= 2 // the first after a burst may be lost
	}
	r.differs, r.greets, r.echo.heard = false, false, 0
	r.planBeacon(every)
}

// isUrgent reports whether the next beacon is to come sooner than usual: it is
// quiet, so that all replicas should hold the same, and they do not. A
// difference that lasts does not make it urgent for ever.
func (r *Replica) isUrgent() bool {
	if !r.differs || r.now.Sub(r.bustle) < r.cfg.BeaconEvery/tailShare || r.urgent >= maxUrgent {
		if !r.differs {
			r.urgent = 0
		}
		return false
	}
	r.urgent++
	return true
}

// turn returns the patterns that the next beacons are about: with hello all that
// the replica takes an interest in, otherwise some of many in turn.
func (r *Replica) turn(hello bool) []string {
	all := r.interest.patterns
	if r.holdsAll() {
		return []string{everything}
	}
	if hello || len(all) <= beaconScopes {
		return all
	}
	first := r.interest.turn % len(all)
	r.interest.turn = first + beaconScopes
	return append(slices.Clone(all[first:]), all...)[:beaconScopes]
}

func (r *Replica) beaconOf(scope string) *message.Beacon {
	digest, docs := r.sum(scope)
	return &message.Beacon{
		Scope: scope, Digest: digest, Docs: uint64(docs), Firm: r.keepsMembers() && !r.members.adrift, View: r.viewDigest(),
	}
}

// hint lists documents of a pattern that have changed, those waiting longest first.
func (r *Replica) hint(scope string) (hints []message.State) {
	var rest, again []*document
	for i, d := range r.recent {
		if len(hints) == maxHints {
			rest = append(rest, r.recent[i:]...)
			break
		}
		if !message.Match(scope, d.name) {
			rest = append(rest, d)
			continue
		}
		hints = append(hints, d.summary())
		if d.hints--; d.hints > 0 {
			again = append(again, d)
		}
	}
	r.recent = append(rest, again...)
	return hints
}

// summary returns what others are told of a document. It is settled.
func (d *document) summary() message.State {
	return message.State{Doc: d.name, Digest: d.digest, Head: d.head(), Count: d.count}
}

// nextBeacon returns when the next beacon is due.
func (r *Replica) nextBeacon() time.Time {
	if !r.tailAt.IsZero() && r.tailAt.Before(r.beaconAt) {
		return r.tailAt
	}
	return r.beaconAt
}

// onBeacon compares a peer's digest with the own one of the same documents.
// Where the peer holds more than this replica there is nothing to compare: it hears
// this one's beacons.
func (r *Replica) onBeacon(p *peer, m *message.Beacon) {
	v := p.view(m.Scope)
	away := r.now.Sub(v.heard) > r.silence()
	p.heard, v.heard, v.digest = r.now, r.now, m.Digest
	if r.keepsMembers() {
		r.onView(p, m.View, m.Firm)
	}
	if !r.holdsAllOf(m.Scope) {
		return
	}
	isOwn := slices.Contains(r.turn(true), m.Scope)
	if m.Hello || away || !isOwn && r.now.Sub(v.told) > assureEvery*r.cfg.BeaconEvery {
		r.answerBeacon(p, v, m.Scope, isOwn)
	}
	own, _ := r.sum(m.Scope)
	if m.Digest == own {
		if v.odd = 0; isOwn {
			r.noteEcho(m)
		}
		if m.Firm && m.Scope == everything && r.keepsMembers() {
			r.noteEqual(p)
		}
		return
	}
	if isOwn {
		r.differs = true
		r.speakUp()
	}
	unexplained := m.Digest ^ own
	for i := range m.Hints {
		if message.Match(m.Scope, m.Hints[i].Doc) {
			unexplained ^= r.onHint(p, &m.Hints[i])
		}
	}
	if unexplained == 0 || unexplained == v.stuck {
		return
	}
	v.odd++
	if m.Hello || away || r.isQuiet() || v.odd >= r.patience() {
		r.beginSurvey(p, m.Scope)
	}
}

// answerBeacon lets a peer hear of this replica: by its next beacon if the peer
// hears that, else by one for it alone.
func (r *Replica) answerBeacon(p *peer, v *view, scope string, isOwn bool) {
	if isOwn {
		if !r.isCrowded() {
			r.answerHello()
		}
		return
	}
	v.told = r.now
	r.send(ToPeer, Outgoing{Peer: p.id, Scope: r.tag(scope)}, r.beaconOf(scope))
}

// patience is how many beacons with an unexplained difference a peer may send
// before its documents are surveyed although this replica is busy. That of few
// documents costs little.
func (r *Replica) patience() int {
	if r.counted <= 256 {
		return 1
	}
	return 3
}

// answerHello sends the next beacon soon, so that whoever came back learns at
// once what it lacks.
func (r *Replica) answerHello() {
	if soon := r.now.Add(r.jitter(r.cfg.BeaconEvery / 20)); soon.Before(r.beaconAt) {
		r.beaconAt = soon
	}
}

// onHint goes after a document if the hint shows that this replica is behind.
// It returns by how much the document makes the digests of the two differ.
func (r *Replica) onHint(p *peer, h *message.State) (share uint64) {
	d := r.docs[h.Doc]
	if d == nil {
		if r.isPast(h) {
			return message.DocDigest(h.Doc, h.Digest)
		}
		if d = r.admit(h.Doc); d == nil {
			return 0
		}
	}
	share = message.DocDigest(h.Doc, h.Digest)
	if d.counted {
		share ^= message.DocDigest(d.name, d.digest)
	}
	if share != 0 {
		r.compare(d, p, h)
	}
	return share
}

// compare goes after a document in which the peer has something that this
// replica lacks. Where that is not certain the peer is left to catch up first:
// if it then still differs it is ahead. It reports whether there is a difference
// that can be ended.
func (r *Replica) compare(d *document, p *peer, h *message.State) bool {
	if d.digest == h.Digest || d.stuck == [2]uint64{d.digest, h.Digest} {
		return false
	}
	if d.lacks(p, h) || d.odd >= maxOdd {
		d.odd = 0
		r.chaseBehind(d, p, h)
		return true
	}
	d.odd++
	return true
}

// maxOdd is how many summaries of a document may differ without showing who is
// behind. One of the links may work in one direction only.
const maxOdd = 3

// lacks reports whether the peer's summary shows that it has seen something
// that this replica has not.
func (d *document) lacks(p *peer, h *message.State) bool {
	return h.Count >= d.seen() || h.Head > 0 && !d.hasSeen(causal.Dot{Actor: p.actor, Seq: h.Head})
}

func (d *document) hasSeen(e causal.Dot) bool {
	a, ok := d.copy.State().Lookup(e.Actor)
	return ok && d.copy.State().IsSeen(a, e.Seq)
}

// isQuiet reports whether nothing has changed here for a while, so that a
// difference means something.
func (r *Replica) isQuiet() bool { return r.now.Sub(r.changed) >= r.cfg.BeaconEvery/2 }
