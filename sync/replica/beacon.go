package replica

import (
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
	r.send(ToAll, Outgoing{}, &message.Beacon{
		Scope: everything, Digest: r.Digest(), Docs: uint64(r.counted), Hello: hello, Hints: r.hint(),
	})
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

// hint lists documents that have changed, those waiting longest first.
func (r *Replica) hint() (hints []message.State) {
	named := r.recent[:min(maxHints, len(r.recent))]
	rest := append([]*document(nil), r.recent[len(named):]...)
	for _, d := range named {
		hints = append(hints, d.summary())
		if d.hints--; d.hints > 0 {
			rest = append(rest, d)
		}
	}
	r.recent = rest
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
func (r *Replica) onBeacon(p *peer, m *message.Beacon) {
	away := r.now.Sub(p.heard) > r.silence()
	p.heard, p.digest = r.now, m.Digest
	if (m.Hello || away) && !r.isCrowded() {
		r.answerHello()
	}
	if m.Digest == r.Digest() {
		r.noteEcho(m)
		p.odd = 0
		return
	}
	r.differs = true
	r.speakUp()
	unexplained := m.Digest ^ r.list.Sum()
	for i := range m.Hints {
		unexplained ^= r.onHint(p, &m.Hints[i])
	}
	if unexplained == 0 || unexplained == p.stuck {
		return
	}
	p.odd++
	if m.Hello || away || r.isQuiet() || p.odd >= r.patience() {
		r.beginSurvey(p, m.Scope)
	}
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
