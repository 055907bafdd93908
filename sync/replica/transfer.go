package replica

import (
	"fmt"

	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/message"
)

// stallAfter is after how many requests for chunks without an answer a
// transfer counts as stalled: somebody else may take over.
const stallAfter = 3

func (c *chase) isStalled() bool { return c.attempts > stallAfter }

// beginTransfer begins to fetch what a gift offers, or goes on with it.
func (r *Replica) beginTransfer(d *document, p *peer, g *message.Gift) {
	c := &d.chase
	if c.transfer != nil && c.transfer.ID == g.ID && c.source == p.id && c.nonce == p.nonce {
		c.attempts = 0
		c.transfer.Restart()
		r.fetch(d)
		return
	}
	if r.incoming[g.ID] != nil {
		return
	}
	r.dropTransfer(d)
	if g.Size == 0 || g.Size > uint64(r.cfg.MaxTransfer) {
		r.alarm(Alarm{Kind: Full, Doc: d.name, Peer: p.id, Detail: fmt.Sprintf("a transfer of %d bytes is above the limit of %d", g.Size, r.cfg.MaxTransfer)})
		r.endChase(d)
		return
	}
	if c.begun++; c.begun > maxAttempts { // its sources forget it again and again
		r.endChase(d)
		return
	}
	c.transfer = &antientropy.Incoming{ID: g.ID, Size: g.Size}
	r.incoming[g.ID] = d
	c.source, c.nonce, c.attempts, c.digest = p.id, p.nonce, 0, g.Digest
	r.fetch(d)
}

// fetch asks for the next chunks of a document's transfer.
func (r *Replica) fetch(d *document) {
	c := &d.chase
	for _, offset := range c.transfer.Next() {
		r.send(ToPeer, Outgoing{Peer: c.source}, &message.Fetch{ID: c.transfer.ID, Offset: offset})
	}
	r.schedule(d, r.now.Add(r.retryAfter(c.attempts)))
}

func (r *Replica) onFetch(p *peer, m *message.Fetch) {
	data := r.outgoing.Read(m.ID, m.Offset, r.cfg.MaxMessage-overhead)
	r.send(ToPeer, Outgoing{Peer: p.id}, &message.Chunk{ID: m.ID, Offset: m.Offset, Data: data})
}

func (r *Replica) onChunk(p *peer, m *message.Chunk) error {
	d := r.transferring(p, m.ID)
	if d == nil {
		return nil
	}
	c := &d.chase
	if len(m.Data) == 0 && m.Offset < c.transfer.Size { // given up by its source
		r.dropTransfer(d)
		r.schedule(d, r.now.Add(r.jitter(r.cfg.HoleDelay)))
		return nil
	}
	before := c.transfer.Received()
	if !c.transfer.Put(m.Offset, m.Data) {
		if c.transfer.Received() > before {
			c.attempts = 0
			r.fetch(d)
		}
		return nil
	}
	r.stats.Transfers++
	f, err := r.accept(d, c.transfer.Delta(), false)
	if err == nil {
		d.noteStuck(f, c.digest)
	}
	r.endChase(d)
	return err
}

// noteStuck notes that a document differs from a peer's although both have
// seen the same events, and the peer's whole state is merged: what stands in the
// conflict is here, and the peer has to learn it. So it is not asked for again as
// long as both stay as they are. A state that leaves out payloads says nothing:
// they may be others than those here.
func (d *document) noteStuck(f *delta.Frame, theirs uint64) {
	s := d.copy.State()
	if own := s.Digest(); own != theirs && !f.LeavesOut() {
		if ctx := s.Context(); ctx.Equal(f.Claims()) {
			d.stuck = [2]uint64{own, theirs}
		}
	}
}

// transferring returns the document whose transfer a chunk is of. What another
// process of the source's identity says of it counts nothing.
func (r *Replica) transferring(p *peer, id uint64) *document {
	if d := r.incoming[id]; d != nil && d.chase.source == p.id && d.chase.nonce == p.nonce {
		return d
	}
	return nil
}

// dropTransfer ends a document's transfer, complete or not.
func (r *Replica) dropTransfer(d *document) {
	if d.chase.transfer != nil {
		delete(r.incoming, d.chase.transfer.ID)
		d.chase.transfer = nil
	}
}
