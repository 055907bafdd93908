package replica

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/message"
)

func sortIDs(ids []causal.ID) { slices.SortFunc(ids, causal.ID.Compare) }

// onPull answers a replica that asks for what it lacks. What does not fit in a
// few messages is left out; it asks again.
func (r *Replica) onPull(p *peer, m *message.Pull) {
	r.stats.PullsServed++
	out := &message.Push{}
	size, budget := 0, 4*r.cfg.MaxMessage
	for i := range m.Wants {
		g := r.serve(&m.Wants[i])
		n := message.GiftSize(&g)
		if size+n > r.cfg.MaxMessage-overhead {
			r.push(p, out)
			out, size = &message.Push{}, 0
		}
		out.Gifts = append(out.Gifts, g)
		size += n
		if budget -= n; budget <= 0 {
			break
		}
	}
	r.push(p, out)
}

func (r *Replica) push(p *peer, m *message.Push) {
	if m.To = p.nonce; len(m.Gifts) > 0 {
		r.send(ToPeer, Outgoing{Peer: p.id}, m)
	}
}

// serve answers one want with a gift that fits in a message.
func (r *Replica) serve(w *message.Want) message.Gift {
	d := r.docs[w.Doc]
	if d == nil {
		return message.Gift{Doc: w.Doc, Answer: message.No}
	}
	r.seal(d)
	have := nonZero(xxhash.Sum64(message.AppendContext(nil, w.Have)))
	if t, ok := r.outgoing.Find(d.name, have); ok && w.Only.IsEmpty() {
		return transfer(&t)
	}
	limit := r.cfg.MaxMessage / 2
	g := antientropy.Answer(antientropy.Source{Doc: d.name, State: d.copy.State(), Log: &r.log}, w, limit)
	if g.Answer != message.Frame {
		return g
	}
	r.stats.FramesSent++
	t := antientropy.Offer{Doc: d.name, Have: have, Digest: g.Digest, Data: g.Deltas[0]}
	if own := d.copy.State().Context(); own.Equal(w.Have) {
		r.alarm(Alarm{Kind: Conflict, Doc: d.name, Detail: "a replica that has seen the same events holds different data"})
		t.Have = 0 // it brings nothing new, and to find it again would hide what does
	}
	if len(t.Data) <= limit {
		return g
	}
	t.ID = nonZero(r.cfg.Rand.Uint64())
	r.outgoing.Add(t)
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
	var failed error
	progress := false
	for _, b := range g.Deltas {
		before := r.stats.UnitsMerged
		f, err := r.accept(d, b, g.Answer == message.Units)
		if err != nil {
			failed = err
		} else if g.Answer == message.Frame {
			d.noteStuck(f, g.Digest)
		}
		progress = progress || r.stats.UnitsMerged > before
	}
	if d.chase.index >= 0 {
		r.goOn(d, p, g, progress)
	}
	return failed
}

// goOn decides how a chase continues after an answer.
func (r *Replica) goOn(d *document, p *peer, g *message.Gift, progress bool) {
	c := &d.chase
	if c.attempts == 1 {
		r.trip.measure(r.now.Sub(c.asked))
	}
	switch {
	case c.transfer != nil && !c.isStalled(): // it goes on, whatever others say meanwhile
	case g.Answer == message.Transfer:
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
	case c.transfer != nil && !progress: // whoever said this has nothing to give
	default:
		r.endChase(d)
	}
}
