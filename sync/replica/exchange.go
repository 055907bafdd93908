package replica

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
)

func sortIDs(ids []causal.ID) { slices.SortFunc(ids, causal.ID.Compare) }

// onPull answers a replica that asks for what it lacks. What does not fit in a
// few messages is left out; it asks again.
func (r *Replica) onPull(p *peer, m *message.Pull) {
	p.memberView = m.View
	r.stats.PullsServed++
	out, scope := &message.Push{}, ""
	size, budget := 0, 4*r.cfg.MaxMessage
	for i := range m.Wants {
		if d := r.docs[m.Wants[i].Doc]; d != nil && r.isDear(d) {
			continue // it is asked for again
		}
		g := r.serve(p, &m.Wants[i])
		n := message.GiftSize(&g)
		of, held := r.scopeOf(g.Doc)
		if !held {
			continue // it asks the wrong one, and may not be told so on any subject
		}
		if size+n > r.cfg.MaxMessage-overhead || of != scope {
			r.push(p, out, scope)
			out, size, scope = &message.Push{}, 0, of
		}
		out.Gifts = append(out.Gifts, g)
		size += n
		if budget -= n; budget <= 0 {
			break
		}
	}
	r.push(p, out, scope)
}

func (r *Replica) push(p *peer, m *message.Push, scope string) {
	m.Own = r.cfg.OwnOnly
	if m.To = p.nonce; len(m.Gifts) > 0 {
		if slices.ContainsFunc(m.Gifts, isOfState) {
			m.Seen = r.seenMembers()
		}
		r.send(ToPeer, Outgoing{Peer: p.id, Scope: scope}, m)
	}
}

// serve answers one want with a gift that fits in a message.
func (r *Replica) serve(p *peer, w *message.Want) message.Gift {
	d := r.docs[w.Doc]
	if d == nil {
		return message.Gift{Doc: w.Doc, Answer: message.No}
	}
	r.exhume(d, w.Have)
	r.askBack(d, p, w)
	r.seal(d)
	have := hashContext(w.Have)
	if t, ok := r.outgoing.Find(d.name, have, r.now); ok && w.Only.IsEmpty() {
		return transfer(&t)
	}
	src := r.source(d)
	src.Log = r.logFor(d, w.Have)
	if d.name == membership.Document {
		src.Trip = 1 << 30 // who was given up is told so, and is not heard
	}
	g, cut := antientropy.Answer(src, w, r.cfg.MaxMessage/2)
	switch g.Answer {
	case message.Frame, message.Sketch:
		if own := src.State.Context(); !w.Staged && own.Equal(w.Have) {
			if p.memberView != r.viewDigest() {
				return message.Gift{Doc: w.Doc, Answer: message.Same, Digest: g.Digest} // it counts other actors
			}
			r.alarm(Alarm{Kind: Conflict, Doc: d.name, Detail: "a replica that has seen the same events holds different data"})
			have = 0 // the state brings nothing new, and to find it again would hide what does
		}
	}
	switch g.Answer {
	case message.Frame:
		return r.giveState(have, g)
	case message.Sketch:
		return r.openSession(p, w, g, cut)
	case message.Same:
		r.stats.Ladder.Same++
	case message.Units:
		r.stats.Ladder.Units++
	}
	return g
}

func hashContext(c causal.Context) uint64 {
	return nonZero(xxhash.Sum64(message.AppendContext(nil, c)))
}

// source returns what answers about a sealed document are made of.
func (r *Replica) source(d *document) antientropy.Source {
	src := antientropy.Source{Doc: d.name, State: d.copy.State(), Log: &r.log, Salt: r.cfg.Rand.Uint64, Trip: r.cfg.TripBytes}
	if r.cfg.OwnOnly {
		src.Own = r.cfg.ID
	}
	return src
}

// giveState turns a gift of a state into one of a transfer if it is too large for a
// message. have is the hash of what its receiver has seen, 0 if it must not be
// found again.
func (r *Replica) giveState(have uint64, g message.Gift) message.Gift {
	r.stats.FramesSent++
	data := g.Deltas[0]
	if len(data) <= r.cfg.MaxMessage/2 {
		r.stats.Ladder.States++
		return g
	}
	r.stats.Ladder.InChunks++
	// Its number is not that of a session.
	t := antientropy.Offer{ID: r.cfg.Rand.Uint64() | 1<<63, Doc: g.Doc, Have: have, Digest: g.Digest, Data: data}
	r.outgoing.Add(t, r.now)
	return transfer(&t)
}

func transfer(t *antientropy.Offer) message.Gift {
	return message.Gift{Doc: t.Doc, Answer: message.Transfer, ID: t.ID, Size: uint64(len(t.Data)), Digest: t.Digest}
}

// onPush takes what a peer gives, document by document.
func (r *Replica) onPush(p *peer, m *message.Push) error {
	if m.To != r.nonce {
		return nil // for an earlier start, or another process of this identity
	}
	var first error
	for i := range m.Gifts {
		if err := r.take(p, &m.Gifts[i]); err != nil && first == nil {
			first = err
		}
	}
	r.sendPulls()
	return first
}

func (r *Replica) take(p *peer, g *message.Gift) error {
	d := r.docs[g.Doc]
	if d == nil {
		return nil // nothing was asked for
	}
	switch {
	case g.Answer == message.Sketch:
		return r.onSketch(d, p, g)
	case g.Answer == message.News && !d.chase.isOpen(p, g.ID):
		r.stats.Ladder.LateNews++
		return nil // of a session that is over: nobody has compared the state as it is
	}
	var failed error
	progress := false
	for _, b := range g.Deltas {
		before := r.stats.UnitsMerged
		f, err := r.acceptGift(d, b, g.Answer)
		if err != nil {
			failed = err
			d.noteForeign(err, g.Digest)
		} else if g.Answer != message.Units {
			d.noteStuck(f, g.Digest)
		}
		if g.Answer == message.News {
			r.stats.Ladder.News++
		}
		progress = progress || r.stats.UnitsMerged > before
	}
	if d.chase.index >= 0 {
		r.goOn(d, p, g, progress)
	}
	return failed
}

func (r *Replica) acceptGift(d *document, b delta.Delta, a message.Answer) (*delta.Frame, error) {
	if a == message.Units {
		return r.accept(d, b, true)
	}
	return r.acceptState(d, b)
}

// goOn decides how a chase continues after an answer.
func (r *Replica) goOn(d *document, p *peer, g *message.Gift, progress bool) {
	c := d.chase
	if c.attempts == 1 {
		r.trip.measure(r.now.Sub(c.asked))
	}
	switch {
	case c.transfer != nil && !c.isStalled(): // it goes on, whatever others say meanwhile
	case g.Answer == message.Transfer, g.Answer == message.News && len(g.Deltas) == 0:
		r.beginTransfer(d, p, g)
	case progress && g.Answer == message.Units && d.copy.State().Digest() != g.Digest && (!c.hole || d.gapped()):
		c.attempts = 0 // there may be more
		c.peer, c.process = p.id, p.nonce
		r.pursueOne(d)
	case g.Answer == message.No:
		c.hole = c.hole && c.attempts < 2 // ask others for the hole, then for anything
		r.schedule(d, r.now.Add(r.jitter(r.cfg.HoleDelay)))
	case c.hole && d.gapped():
		r.schedule(d, r.now.Add(r.jitter(r.cfg.HoleDelay)))
	case g.Answer == message.Same && p.id == c.peer && p.nonce != c.process: // another process of that identity
	case (c.transfer != nil || c.staged != nil) && !progress: // whoever said this has nothing to give
	case c.transfer != nil && d.copy.State().Digest() != g.Digest:
		r.giveUp(d) // there is something left to get from its source
	default:
		r.endChase(d)
	}
}
