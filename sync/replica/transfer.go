package replica

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/message"
)

// incoming is what a document fetches in chunks, and what is left of that. It
// outlives its chase: the link may be back, or the source.
type incoming struct {
	by       author // whose the news in the transfer may be
	transfer *antientropy.Incoming
	digest   uint64    // of the document at its source
	source   causal.ID // of the transfer
	nonce    uint64    // the source's
	stalled  bool      // and did not go on since
	staged   *antientropy.Staged
	counted  uint64    // bytes of the transfer that are staged
	parked   time.Time // when its chase ended; zero while there is one
}

// offerKey names a transfer: those of two sources may have one number.
type offerKey struct {
	source causal.ID
	id     uint64
}

// stallAfter is after how many requests for chunks without an answer a
// transfer counts as stalled: somebody else may take over.
const stallAfter = 3

// Bounds of the transfers to a replica at one time, parked ones included, and of
// how long they wait for their source to come back.
const (
	maxIncoming = 64
	parkAge     = 10 * time.Minute
)

func (c *chase) isStalled() bool { return c.attempts > stallAfter }

// isParked reports whether there is no chase and something is left of one.
func (c *chase) isParked() bool { return c.index < 0 && (c.transfer != nil || c.staged != nil) }

// Incoming is a transfer under way to a replica.
type Incoming struct {
	Doc      string
	From     causal.ID
	Received uint64 // bytes
	Size     uint64
	Waiting  bool // its source is silent; it goes on when that shows itself
}

// Incoming returns the transfers under way, by document.
func (r *Replica) Incoming() []Incoming {
	var out []Incoming
	for key, d := range r.incoming {
		c := d.chase
		out = append(out, Incoming{d.name, key.source, c.transfer.Received(), c.transfer.Size, c.isParked() || c.isStalled()})
	}
	slices.SortFunc(out, func(a, b Incoming) int { return cmp.Compare(a.Doc, b.Doc) })
	return out
}

// unpark goes on with what was fetched before: from its source if that shows
// itself, else from whoever does.
func (r *Replica) unpark(d *document, p *peer, h *message.State) {
	c := d.chase
	c.parked, c.stalled, c.hole, c.attempts, c.begun = zeroTime, true, false, 0, 0
	c.peer, c.process = p.id, p.nonce
	c.shown, c.head = *h, causal.Dot{Actor: p.actor, Seq: h.Head}
	if c.transfer != nil && (c.source != p.id || c.nonce != p.nonce) {
		c.attempts = stallAfter
	}
	r.schedule(d, r.now)
}

// expireParked forgets what waited too long for its source.
func (r *Replica) expireParked() {
	for _, d := range r.incoming {
		if c := d.chase; c.isParked() && r.now.Sub(c.parked) > parkAge {
			r.endChase(d)
		}
	}
}

// beginTransfer begins to fetch what a gift offers, or goes on with it.
func (r *Replica) beginTransfer(d *document, p *peer, g *message.Gift) {
	c := d.chase
	if c.transfer != nil && c.transfer.ID == g.ID && c.source == p.id && c.nonce == p.nonce {
		c.attempts = 0
		c.transfer.Restart()
		r.fetch(d)
		return
	}
	if r.incoming[offerKey{p.id, g.ID}] != nil {
		return
	}
	if g.Size == 0 || g.Size > uint64(r.cfg.MaxTransfer) {
		r.dropTransfer(d)
		r.alarm(Alarm{Kind: Full, Doc: d.name, Peer: p.id, Detail: fmt.Sprintf("a transfer of %d bytes is above the limit of %d", g.Size, r.cfg.MaxTransfer)})
		r.endChase(d)
		return
	}
	if c.begun++; c.begun > maxAttempts { // its sources forget it again and again
		r.endChase(d)
		return
	}
	r.dropTransfer(d)
	if !r.hasRoom(g.Size) {
		c.attempts = 0
		r.schedule(d, r.now.Add(maxRetry*r.cfg.RetryAfter+r.jitter(r.cfg.RetryAfter)))
		return
	}
	c.transfer = &antientropy.Incoming{ID: g.ID, Size: g.Size}
	r.incoming[offerKey{p.id, g.ID}] = d
	c.source, c.nonce, c.attempts, c.digest, c.stalled, c.counted, c.by = p.id, p.nonce, 0, g.Digest, false, 0, r.via.by
	r.fetch(d)
}

// hasRoom reports whether another transfer may begin now. Parked ones give way.
func (r *Replica) hasRoom(size uint64) bool {
	for {
		var oldest *document
		used := size
		for _, d := range r.incoming {
			used += d.chase.transfer.Size
			if d.chase.isParked() && (oldest == nil || d.isParkedBefore(oldest)) {
				oldest = d
			}
		}
		if len(r.incoming) < maxIncoming && used <= uint64(r.cfg.MaxTransfer) {
			return true
		}
		if oldest == nil {
			return false
		}
		r.endChase(oldest)
	}
}

func (d *document) isParkedBefore(e *document) bool {
	if a, b := d.chase.parked, e.chase.parked; !a.Equal(b) {
		return a.Before(b)
	}
	return d.name < e.name
}

// refetch asks the source of a transfer again, and reports whether somebody else is
// to be asked, too.
func (r *Replica) refetch(d *document) bool {
	c := d.chase
	c.transfer.Restart()
	r.fetch(d)
	c.stalled = c.stalled || c.isStalled()
	return c.isStalled()
}

// isRunning reports whether a peer was last heard of as that process.
func (r *Replica) isRunning(id causal.ID, nonce uint64) bool {
	p := r.peers[id]
	return p != nil && p.nonce == nonce
}

// stage keeps the payloads of a transfer that does not go on.
func (d *document) stage() {
	c := d.chase
	if t := c.transfer; t != nil && t.Received() > c.counted && c.by == anybody && !d.copy.State().IsPartial() {
		if c.staged == nil {
			c.staged = &antientropy.Staged{}
		}
		c.staged.Add(t.Data())
		c.counted = t.Received()
	}
}

// nameStaged has a request say which payloads are staged, so that they are not sent again.
func (c *chase) nameStaged(w *message.Want) {
	if c.staged != nil {
		w.Have = w.Have.Clone()
		w.Have.Join(c.staged.Dots())
		w.Staged = true
	}
}

// fetch asks for the next chunks of a document's transfer.
func (r *Replica) fetch(d *document) {
	c := d.chase
	for _, offset := range c.transfer.Next() {
		r.send(ToPeer, Outgoing{Peer: c.source}, &message.Fetch{ID: c.transfer.ID, Offset: offset})
	}
	r.schedule(d, r.now.Add(r.retryAfter(c.attempts)))
}

func (r *Replica) onFetch(p *peer, m *message.Fetch) {
	data := r.outgoing.Read(m.ID, m.Offset, r.cfg.MaxMessage-overhead, r.now)
	r.send(ToPeer, Outgoing{Peer: p.id}, &message.Chunk{ID: m.ID, Offset: m.Offset, Data: data})
}

func (r *Replica) onChunk(p *peer, m *message.Chunk) error {
	d := r.transferring(p, m.ID)
	if d == nil {
		return nil
	}
	c := d.chase
	if len(m.Data) == 0 && m.Offset < c.transfer.Size { // given up by its source
		d.stage()
		r.dropTransfer(d)
		r.schedule(d, r.now.Add(r.jitter(r.cfg.HoleDelay)))
		return nil
	}
	before := c.transfer.Received()
	if !c.transfer.Put(m.Offset, m.Data) {
		if c.transfer.Received() > before {
			r.noteResumed(c)
			c.attempts, c.parked = 0, zeroTime
			r.fetch(d)
		}
		return nil
	}
	r.noteResumed(c)
	r.stats.Transfers++
	r.via.by = c.by
	f, err := r.acceptState(d, c.transfer.Delta())
	if err == nil {
		d.noteStuck(f, c.digest)
	}
	d.noteForeign(err, c.digest)
	if c.session != nil && c.session.id == c.transfer.ID {
		r.stats.Ladder.News++
	}
	r.endChase(d)
	return err
}

func (r *Replica) noteResumed(c *chase) {
	if c.stalled {
		r.stats.Ladder.Resumed++
		c.stalled = false
	}
}

// acceptState merges a state or news. One that was made for what is staged, too, is
// completed with that first, so that all of it counts in one step.
func (r *Replica) acceptState(d *document, b delta.Delta) (*delta.Frame, error) {
	f, err := b.Open()
	if err == nil && d.chase.staged != nil && !f.Fits(d.copy.State()) {
		if b, err = d.chase.staged.Complete(d.copy.State(), f); err == nil {
			r.stats.Ladder.Staged++
		}
	}
	if err != nil {
		return nil, fmt.Errorf("replica: state of document %q: %w", d.name, err)
	}
	return r.accept(d, b, false)
}

// noteStuck notes that a document differs from a peer's although both have
// seen the same events, and all that the peer has is merged: what stands in the
// conflict is here, and the peer has to learn it. So it is not asked for again as
// long as both stay as they are. A state that leaves out payloads says nothing:
// they may be others than those here.
func (d *document) noteStuck(f *delta.Frame, theirs uint64) {
	s := d.copy.State()
	if own := s.Digest(); own != theirs && !f.LeavesOut() {
		known := f.Claims()
		if x := d.chase.session; x != nil && x.common.Covers(known) {
			known = x.common // all of which was compared, payload by payload
		}
		if ctx := s.Context(); ctx.Equal(known) {
			d.stuck = [2]uint64{own, theirs}
		}
	}
}

// transferring returns the document whose transfer a chunk is of. What another
// process of the source's identity says of it counts nothing, unless the source has
// been silent for so long that this one may have taken its place.
func (r *Replica) transferring(p *peer, id uint64) *document {
	if d := r.incoming[offerKey{p.id, id}]; d != nil && (d.chase.nonce == p.nonce || d.chase.isStalled()) {
		return d
	}
	return nil
}

// dropTransfer ends a document's transfer, complete or not.
func (r *Replica) dropTransfer(d *document) {
	if d.chase.transfer != nil {
		delete(r.incoming, offerKey{d.chase.source, d.chase.transfer.ID})
		d.chase.transfer, d.chase.counted = nil, 0
	}
}
