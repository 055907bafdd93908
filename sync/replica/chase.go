package replica

import (
	"container/heap"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/message"
)

// chase is the pursuit of what a document lacks. While one is under way it is
// on the agenda; what it is due for is the next request.
type chase struct {
	at       time.Time
	index    int // in the agenda, -1 if idle
	attempts int
	asked    time.Time      // when the last request went out
	hole     bool           // only holes are missing, as far as is known
	peer     causal.ID      // who showed that something is missing
	process  uint64         // the nonce that it had then
	begun    int            // transfers and sessions that this chase began
	have     causal.Context // what the last request for everything said was seen
	shown    message.State  // what the peer showed
	head     causal.Dot     // its own last event then
	session  *session       // of the last sketch that was answered
	incoming
}

// hunt returns the document's chase for writing. A document that lacks nothing
// shares one with all others like it, which is only read.
func (d *document) hunt() *chase {
	if d.chase == &d.replica.noChase {
		d.chase = &chase{index: -1}
	}
	return d.chase
}

// maxAttempts is after how many requests without an answer a chase ends. The
// next beacon that shows a difference begins another.
const maxAttempts = 10

// Bounds of how long an attempt may take, as shares and multiples of RetryAfter.
const (
	minRetry = 8
	maxRetry = 4
)

// roundTrip is what is known of the time between requests and answers.
type roundTrip struct {
	mean, deviation time.Duration
}

// measure takes in one request that was answered at the first attempt.
func (t *roundTrip) measure(d time.Duration) {
	if t.mean == 0 {
		t.mean, t.deviation = d, d/2
		return
	}
	t.deviation += ((d - t.mean).Abs() - t.deviation) / 4
	t.mean += (d - t.mean) / 8
}

// steady is after how many attempts the time between them doubles, maxBackoff
// how often. Most attempts fail because a message was lost, and few in a row do.
const (
	steady     = 4
	maxBackoff = 2
)

// retryAfter returns how long an attempt may take.
func (r *Replica) retryAfter(attempts int) time.Duration {
	after := r.cfg.RetryAfter
	if t := &r.trip; t.mean > 0 {
		after = min(max(t.mean+4*t.deviation, after/minRetry), 2*after)
	}
	return min(after<<min(max(attempts-steady, 0), maxBackoff), maxRetry*r.cfg.RetryAfter)
}

// agenda is a heap of the documents under chase, by when they are due.
type agenda []*document

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if !a[i].chase.at.Equal(a[j].chase.at) {
		return a[i].chase.at.Before(a[j].chase.at)
	}
	return a[i].name < a[j].name
}
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].chase.index, a[j].chase.index = i, j
}

// Push implements heap.Interface.
func (a *agenda) Push(x any) {
	d := x.(*document)
	d.chase.index = len(*a)
	*a = append(*a, d)
}

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	old := *a
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*a = old[:len(old)-1]
	d.chase.index = -1
	return d
}

func (a agenda) first() *document {
	if len(a) == 0 {
		return nil
	}
	return a[0]
}

func (r *Replica) schedule(d *document, at time.Time) {
	c := d.hunt()
	c.at = at
	if c.index < 0 {
		heap.Push(&r.due, d)
	} else {
		heap.Fix(&r.due, c.index)
	}
}

func (r *Replica) endChase(d *document) {
	if d.chase.index >= 0 {
		heap.Remove(&r.due, d.chase.index)
	}
	r.dropTransfer(d)
	d.chase = &r.noChase
	d.promises = nil // who still waits asks again
	r.forgetEmpty(d)
}

// giveUp ends a chase that nobody answers. What came of a transfer stays, for when
// somebody shows himself again.
func (r *Replica) giveUp(d *document) {
	c := d.chase
	if c.transfer == nil && c.staged == nil {
		r.endChase(d)
		return
	}
	if c.index >= 0 {
		heap.Remove(&r.due, c.index)
	}
	c.parked = r.now
}

// forgetEmpty drops a document that others named and nobody gave.
func (r *Replica) forgetEmpty(d *document) {
	s := d.copy.State()
	for _, a := range s.Actors() {
		if len(s.Seen(a))+len(s.Ahead(a)) > 0 {
			return
		}
	}
	if c := d.chase; c.index < 0 && c.transfer == nil && c.staged == nil && len(d.inquiries)+len(d.promises) == 0 && !d.stale && d.hints == 0 && !d.unsent {
		r.drop(d)
	}
}

// chaseHole goes after a hole, once reordering can't be its cause any more.
func (r *Replica) chaseHole(d *document, p *peer) {
	if d.chase.index >= 0 {
		return
	}
	r.stats.Holes++
	c := d.hunt()
	c.hole, c.peer, c.process = true, p.id, p.nonce
	r.schedule(d, r.now.Add(r.cfg.HoleDelay+r.jitter(r.cfg.HoleDelay)))
}

// chaseBehind goes after whatever the peer has and this replica lacks. What is
// under way anyway has a moment to arrive before that.
func (r *Replica) chaseBehind(d *document, p *peer, h *message.State) {
	c := d.chase
	if c.isParked() {
		r.unpark(d, p, h)
		return
	}
	isNew := c.index < 0
	switch {
	case c.transfer != nil && c.attempts > 1 && p.id != c.source:
		c.attempts = stallAfter // its source may be gone, and this one is there
		c.peer, c.process = p.id, p.nonce
		r.schedule(d, r.now)
		return
	case c.transfer != nil || !isNew && r.now.Sub(c.asked) < r.retryAfter(1):
		return // the answer may be on its way
	}
	c = d.hunt()
	c.hole, c.peer, c.process = false, p.id, p.nonce
	c.shown, c.head = *h, causal.Dot{Actor: p.actor, Seq: h.Head}
	soon := r.now.Add(r.cfg.HoleDelay/2 + r.spread(r.cfg.HoleDelay))
	if isNew || c.at.After(soon) { // the peer is there: no reason to wait longer
		c.attempts = 0
		r.schedule(d, soon)
	}
}

// isMoot reports whether what was to be chased has arrived by itself, or
// whether it is not certain any more that anything is missing.
func (d *document) isMoot() bool {
	c, s := d.chase, d.copy.State()
	switch {
	case c.hole:
		return !d.gapped()
	case c.attempts > 0:
		return false
	}
	return s.Digest() == c.shown.Digest || d.seen() > c.shown.Count && (c.shown.Head == 0 || d.hasSeen(c.head))
}

// maxWants bounds the documents of one pull.
const maxWants = 256

// pursue sends the requests that are due, many documents in one message.
func (r *Replica) pursue() {
	if d := r.due.first(); d == nil || d.chase.at.After(r.now) {
		return
	}
	soon := r.now.Add(min(r.cfg.HoleDelay, r.cfg.RetryAfter/minRetry) / 2) // together with those that are almost due
	for d := r.due.first(); d != nil && !d.chase.at.After(soon); d = r.due.first() {
		r.pursueOne(d)
	}
	r.sendPulls()
}

func (r *Replica) pursueOne(d *document) {
	c := d.chase
	switch {
	case c.attempts >= maxAttempts:
		r.giveUp(d)
		return
	case d.isMoot():
		r.endChase(d)
		return
	case r.isDear(d):
		r.schedule(d, r.budget.broadcastAt())
		return
	}
	c.attempts++
	c.asked = r.now
	wait := r.retryAfter(c.attempts)
	r.schedule(d, r.now.Add(wait+r.jitter(wait/4)))
	if c.transfer != nil && c.isStalled() && !r.isRunning(c.source, c.nonce) { // it has started anew, and offers nothing
		d.stage()
		r.dropTransfer(d)
	}
	if c.transfer != nil && !r.refetch(d) {
		return
	}
	r.want(d)
}

func (d *document) gapped() bool { return antientropy.HasGaps(d.copy.State()) }

// want adds a document to the pull for the peer that is to be asked: any
// holder for a hole, then whoever showed it; later others, one after the other.
func (r *Replica) want(d *document) {
	r.seal(d)
	s := d.copy.State()
	w := message.Want{Doc: d.name, Have: s.Context(), Digest: s.Digest()}
	to, target := ToPeer, d.chase.peer
	if d.chase.hole && d.chase.attempts < maxAttempts/2 {
		w.Only = antientropy.Gaps(s)
		if d.chase.attempts == 1 {
			to, target = ToAny, causal.ID{}
		}
	} else {
		d.chase.have = w.Have
	}
	switch {
	case d.chase.transfer != nil && target == d.chase.source:
		if target = r.anotherPeer(target, d.name); target == d.chase.source {
			return // which is asked for chunks already
		}
	case d.chase.attempts > 2 && d.chase.attempts%2 == 1:
		target = r.anotherPeer(target, d.name)
	}
	if w.Only.IsEmpty() {
		d.stage()
		d.chase.nameStaged(&w)
	}
	key := pullKey{to: to, peer: target}
	key.scope, _ = r.scopeOf(d.name)
	if to == ToAny {
		key.port = r.portOf(d.chase.peer)
	}
	q := r.pulls[key]
	if q == nil {
		q = &pull{}
		r.pulls[key] = q
		r.pullOrder = append(r.pullOrder, key)
	}
	if size := message.WantSize(&w); q.size+size > r.cfg.MaxMessage-overhead || len(q.wants) >= maxWants {
		r.sendPull(key, q)
	}
	q.size += message.WantSize(&w)
	q.wants = append(q.wants, w)
}

// pullKey is whom a pull goes to.
type pullKey struct {
	to    To
	peer  causal.ID
	port  int // with ToAny
	scope string
}

// pull is a request that is being put together.
type pull struct {
	wants []message.Want
	size  int
}

func (r *Replica) sendPulls() {
	for _, key := range r.pullOrder {
		r.sendPull(key, r.pulls[key])
	}
	clear(r.pulls)
	r.pullOrder = r.pullOrder[:0]
}

func (r *Replica) sendPull(key pullKey, q *pull) {
	if len(q.wants) == 0 {
		return
	}
	r.stats.PullsSent++
	r.send(key.to, Outgoing{Peer: key.peer, Port: key.port, Scope: key.scope}, &message.Pull{View: r.viewDigest(), Wants: q.wants})
	q.wants, q.size = nil, 0
}

// anotherPeer returns a random peer that was heard of lately and holds what is
// asked for, a document or all that match a pattern: another than id if there is one.
func (r *Replica) anotherPeer(id causal.ID, what string) causal.ID {
	var ids []causal.ID
	for _, p := range r.peers {
		if p.id != id && p.id != r.cfg.ID && p.mayHold(what) && r.now.Sub(p.heard) <= r.silence() {
			ids = append(ids, p.id)
		}
	}
	if len(ids) == 0 {
		return id
	}
	sortIDs(ids)
	return ids[r.cfg.Rand.IntN(len(ids))]
}
