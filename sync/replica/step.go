package replica

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// ErrForeign means that a message does not belong where it arrived. It was dropped.
var ErrForeign = errors.New("replica: message does not belong here")

// Step takes a message. doc is the document whose subject it came on, if it
// came on one. An error says why the message was dropped; the state is then as
// it was. The replica keeps the bytes.
func (r *Replica) Step(now time.Time, doc string, data []byte) error {
	return r.StepOn(now, 0, doc, data)
}

// StepOn is Step for a message that came by one of several ports.
func (r *Replica) StepOn(now time.Time, port int, doc string, data []byte) error {
	return r.step(now, via{port: port}, doc, data)
}

// StepWithin is StepOn for a message that came on the subject of a pattern: whoever
// sent it may speak of the documents that match it, and of no others.
func (r *Replica) StepWithin(now time.Time, port int, scope string, data []byte) error {
	return r.step(now, via{port: port, scope: scope}, "", data)
}

func (r *Replica) step(now time.Time, by via, doc string, data []byte) error {
	r.advance(now)
	r.via = by
	r.stats.BytesIn += uint64(len(data))
	h, body, err := message.Parse(data)
	if err == nil && r.isEcho(h) {
		r.stats.Echoes++
		r.onOwn(body)
		return nil
	}
	if err == nil {
		err = r.dispatch(h, body, doc)
		r.view()
		r.rejoin()
	}
	if err != nil {
		r.stats.Refused++
	}
	return err
}

// isEcho reports whether the replica itself sent the message. The nonce keeps
// a clone from being taken for an echo.
func (r *Replica) isEcho(h message.Header) bool {
	return h.From.ID == r.cfg.ID && h.Nonce == r.nonce
}

// onOwn takes what the replica itself sent. A request that the queue group gave
// back to it goes to somebody else at once.
func (r *Replica) onOwn(body message.Body) {
	m, ok := body.(*message.Pull)
	if !ok {
		return
	}
	for i := range m.Wants {
		if d := r.docs[m.Wants[i].Doc]; d != nil && d.chase.index >= 0 && d.chase.hole && d.chase.attempts == 1 {
			r.schedule(d, r.now)
		}
	}
}

// dispatch is the one switch over what replicas say.
func (r *Replica) dispatch(h message.Header, body message.Body, doc string) error {
	if h.From.ID == r.cfg.ID && h.From.Incarnation == r.actor.Incarnation {
		r.reincarnate(Alarm{Kind: Clone, Peer: h.From.ID, Detail: "another process uses this replica's id and incarnation; took a new one"})
	}
	if err := r.checkScope(body); err != nil {
		return err
	}
	p := r.meet(h)
	r.via.by = authorOf(p, body)
	if r.keepsMembers() && !r.hears(p, h, body) {
		return nil
	}
	switch m := body.(type) {
	case *message.Delta:
		if doc != "" && doc != m.Doc {
			return fmt.Errorf("%w: delta of document %q on the subject of %q", ErrForeign, m.Doc, doc)
		}
		return r.onDelta(p, m)
	case *message.Beacon:
		r.onBeacon(p, m)
	case *message.Survey:
		r.onSurvey(p, m)
	case *message.Listing:
		r.onListing(p, m)
	case *message.Pull:
		r.onPull(p, m)
	case *message.Push:
		return r.onPush(p, m)
	case *message.Fetch:
		r.onFetch(p, m)
	case *message.Chunk:
		return r.onChunk(p, m)
	case *message.Decline:
		return r.onTable(p, &message.Table{To: m.To, Doc: m.Doc, ID: m.ID})
	case *message.Table:
		return r.onTable(p, m)
	case *message.Muster:
		r.onMuster(p, m)
	case *message.Cover:
		r.onCover(p, m)
	case *message.Covered:
		r.onCovered(p, m)
	case *message.Ask:
		r.onAsk(p, m)
	case *message.Reply:
		r.onReply(p, m)
	}
	return nil
}

// peer is another replica as it was last heard of.
type peer struct {
	memberView uint64 // digest of its membership
	id         causal.ID
	heard      time.Time        // its last beacon
	views      map[string]*view // by pattern
	actor      causal.Actor     // of the last message
	port       int              // that it was last heard on
	nonce      uint64           // of the last message; another process may use the same id
	delay      time.Duration    // of its answers to inquiries, in the mean; 0: none yet
}

// view is what a peer last said of the documents of a pattern.
type view struct {
	heard  time.Time
	digest uint64
	odd    int       // beacons in a row whose digest differed without a hint why
	stuck  uint64    // by how much the digests differ for good, as far as is known
	told   time.Time // when it last got a beacon for it alone

	surveyed time.Time // when it last surveyed this replica
}

// maxViews bounds the patterns of which a peer is remembered.
const maxViews = MaxInterest

func (p *peer) view(scope string) *view {
	v := p.views[scope]
	if v == nil {
		if len(p.views) >= maxViews || p.views == nil {
			p.views = make(map[string]*view, 1)
		}
		v = &view{}
		p.views[scope] = v
	}
	return v
}

// mayHold reports whether a peer has said that it holds all documents that match
// a pattern, or a document.
func (p *peer) mayHold(scope string) bool {
	for pattern := range p.views {
		if message.Covers(pattern, scope) {
			return true
		}
	}
	return false
}

// meet notes that a peer was heard of.
func (r *Replica) meet(h message.Header) *peer {
	p := r.peers[h.From.ID]
	if p == nil {
		p = &peer{id: h.From.ID}
		if len(r.peers) >= maxPeers {
			r.forgetPeer()
		}
		r.peers[p.id] = p
		r.crowd = max(r.crowd, min(len(r.peers), maxPeers))
	}
	p.actor, p.nonce, p.port = h.From, h.Nonce, r.via.port
	return p
}

// forgetPeer drops the peer that was silent longest.
func (r *Replica) forgetPeer() {
	var oldest *peer
	for _, p := range r.peers {
		if oldest == nil || p.heard.Before(oldest.heard) || p.heard.Equal(oldest.heard) && p.id.Compare(oldest.id) < 0 {
			oldest = p
		}
	}
	delete(r.peers, oldest.id)
}

// PeerStatus says when a peer was last heard of and whether it held the same
// then as this replica does now.
type PeerStatus struct {
	ID    causal.ID
	Heard time.Time
	Equal bool
}

// Peers returns the replicas heard of, in no particular order.
func (r *Replica) Peers() []PeerStatus {
	out := make([]PeerStatus, 0, len(r.peers))
	for _, p := range r.peers {
		out = append(out, PeerStatus{p.id, p.heard, r.isEqual(p)})
	}
	return out
}

// isEqual reports whether a peer held the same when it was last heard, as far as
// the two share an interest.
func (r *Replica) isEqual(p *peer) bool {
	shared := false
	for scope, v := range p.views {
		if !r.holdsAllOf(scope) {
			continue
		}
		if own, _ := r.sum(scope); own != v.digest {
			return false
		}
		shared = true
	}
	return shared
}

// Connect tells the replica that the transport has come up or gone down.
func (r *Replica) Connect(now time.Time, up bool) { r.ConnectOn(now, 0, up) }

// ConnectOn is Connect for one of several ports.
func (r *Replica) ConnectOn(now time.Time, port int, up bool) {
	r.advance(now)
	r.ports[port] = up
	r.online = slices.Contains(r.ports, true)
	if !up {
		return
	}
	r.members.since = r.now
	r.join()
	r.leaveStored()
	r.part()
	if !r.isCrowded() {
		r.flush()
		r.beacon(true)
		return
	}
	r.comeBack()
}

// Tick lets the replica act on the passing of time.
func (r *Replica) Tick(now time.Time) {
	r.advance(now)
	if !r.online || r.HasLeft() {
		return
	}
	if !r.flushAt.IsZero() && !r.flushAt.After(r.now) {
		r.flush()
	}
	r.releaseHeld()
	if next := r.nextBeacon(); !next.After(r.now) {
		r.beaconIfDue()
	}
	r.surveyAgain()
	if !r.collectAt.IsZero() && !r.collectAt.After(r.now) {
		r.collect()
	}
	r.tendMembers()
	r.part()
	r.inquireAgain()
	r.pursue()
}

// Next returns when Tick has something to do; zero is never.
func (r *Replica) Next() time.Time {
	if !r.online || r.HasLeft() {
		return time.Time{}
	}
	next := r.nextBeacon()
	for i := range min(len(r.interest.leaving), partAtOnce) {
		if until := r.interest.leaving[i].until; until.Before(next) {
			next = until
		}
	}
	if at := r.nextTending(); !at.IsZero() && at.Before(next) {
		next = at
	}
	for _, s := range r.surveys {
		if s.until.Before(next) {
			next = s.until
		}
	}
	if !r.flushAt.IsZero() && r.flushAt.Before(next) {
		next = r.flushAt
	}
	if len(r.budget.held) > 0 {
		if at := r.budget.talkAt(); at.Before(next) {
			next = at
		}
	}
	if at := r.quorums.at; !at.IsZero() && at.Before(next) {
		next = at
	}
	if d := r.due.first(); d != nil && d.chase.at.Before(next) {
		next = d.chase.at
	}
	if !r.collectAt.IsZero() && r.collectAt.Before(next) {
		next = r.collectAt
	}
	return next
}
