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
	r.send(ToAll, Outgoing{}, &message.Beacon{
		Digest: r.Digest(), Docs: uint64(r.counted), Hello: hello, Hints: r.hint(),
	})
	every := r.cfg.BeaconEvery
	switch {
	case r.isUrgent():
		every /= urgentShare
	case !r.tailAt.IsZero():
		every /= 2 // the first after a burst may be lost
	}
	r.differs = false
	r.beaconAt = r.now.Add(every*3/4 + r.jitter(every/2))
	r.tailAt = zeroTime
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

// onBeacon compares a peer's digest with the own one.
func (r *Replica) onBeacon(p *peer, m *message.Beacon) {
	away := r.now.Sub(p.heard) > returnAfter*r.cfg.BeaconEvery
	p.heard, p.digest = r.now, m.Digest
	if m.Hello || away {
		r.answerHello()
	}
	if m.Digest == r.Digest() {
		p.odd = 0
		return
	}
	r.differs = true
	unexplained := m.Digest ^ r.digest
	for i := range m.Hints {
		unexplained ^= r.onHint(p, &m.Hints[i])
	}
	if unexplained == 0 || unexplained == p.stuck {
		return
	}
	p.odd++
	if m.Hello || away || r.isQuiet() || p.odd >= r.patience() {
		r.list(p)
	}
}

// patience is how many beacons with an unexplained difference a peer may send
// before its documents are listed although this replica is busy. A list of few
// documents costs little.
func (r *Replica) patience() int {
	switch {
	case r.counted <= 256:
		return 1
	case r.counted <= 4096:
		return 3
	}
	return 8
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
// if it then still differs it is ahead.
func (r *Replica) compare(d *document, p *peer, h *message.State) {
	if d.digest == h.Digest || d.stuck == [2]uint64{d.digest, h.Digest} {
		return
	}
	if r.listing != nil {
		r.listing.found = true
	}
	if d.lacks(p, h) || d.odd >= maxOdd {
		d.odd = 0
		r.chaseBehind(d, p, h)
		return
	}
	d.odd++
}

// maxOdd is how many summaries of a document may differ without showing who is
// behind. One of the links may work in one direction only.
const maxOdd = 3

// lacks reports whether the peer's summary shows that it has seen something
// that this replica has not.
func (d *document) lacks(p *peer, h *message.State) bool {
	return h.Count >= countEvents(d.copy.State()) || h.Head > 0 && !d.hasSeen(causal.Dot{Actor: p.actor, Seq: h.Head})
}

func (d *document) hasSeen(e causal.Dot) bool {
	a, ok := d.copy.State().Lookup(e.Actor)
	return ok && d.copy.State().IsSeen(a, e.Seq)
}

// isQuiet reports whether nothing has changed here for a while, so that a
// difference means something.
func (r *Replica) isQuiet() bool { return r.now.Sub(r.changed) >= r.cfg.BeaconEvery/2 }

// listing is a walk through the documents of a peer.
type listing struct {
	peer  causal.ID
	after string
	until time.Time // when the question is repeated
	tries int
	found bool // a difference that can be ended
}

// maxLists is how often a page is asked for.
const maxLists = 4

// list begins to compare the documents of a peer with the own ones, by name,
// once in a beacon time at most.
func (r *Replica) list(p *peer) {
	if r.listing != nil || r.now.Sub(r.listed) < r.cfg.BeaconEvery/2 {
		return
	}
	r.listed = r.now
	r.listing = &listing{peer: p.id}
	r.listMore("")
}

// listMore asks for the page behind a name.
func (r *Replica) listMore(after string) {
	r.listing.after, r.listing.tries = after, 0
	r.askList()
}

func (r *Replica) askList() {
	r.listing.tries++
	r.listing.until = r.now.Add(r.cfg.RetryAfter)
	r.send(ToPeer, Outgoing{Peer: r.listing.peer}, &message.List{After: r.listing.after})
}

// listAgain repeats a question that was not answered in time.
func (r *Replica) listAgain() {
	switch l := r.listing; {
	case l == nil || l.until.After(r.now):
	case l.tries >= maxLists:
		r.listing = nil
	default:
		r.askList()
	}
}

// onList answers with the next page of documents.
func (r *Replica) onList(p *peer, m *message.List) {
	r.flush()
	r.settle()
	names := r.Names()
	i, found := slices.BinarySearch(names, m.After)
	if found {
		i++
	}
	out := &message.Listing{To: p.nonce, After: m.After}
	for size := overhead; i < len(names); i++ {
		d := r.docs[names[i]]
		if !d.counted {
			continue
		}
		if size += 30 + len(names[i]); size > r.cfg.MaxMessage/2 {
			out.More = true
			break
		}
		out.States = append(out.States, d.summary())
	}
	r.send(ToPeer, Outgoing{Peer: p.id}, out)
}

// onListing goes after the documents that differ.
func (r *Replica) onListing(p *peer, m *message.Listing) {
	if r.listing == nil || m.To != r.nonce || r.listing.peer != p.id || r.listing.after != m.After {
		return
	}
	r.settle()
	for i := range m.States {
		if d := r.admit(m.States[i].Doc); d != nil {
			r.compare(d, p, &m.States[i])
		}
	}
	if !m.More || len(m.States) == 0 {
		p.odd = 0
		if !r.listing.found {
			p.stuck = p.digest ^ r.digest
		}
		r.listing = nil
		return
	}
	r.listMore(m.States[len(m.States)-1].Doc)
}
