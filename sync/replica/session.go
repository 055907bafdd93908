package replica

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/antientropy/reconcile"
	"github.com/joinery-crdt/joinery/sync/message"
)

// session is the asker's end of a comparison whose table is under way, or whose
// news. Nothing of it counts before the news are there, and then all in one step.
type session struct {
	id     uint64
	source causal.ID
	nonce  uint64         // the source's
	common causal.Context // events that both had seen
}

// sessionTurns is how many of an asker's longest waits a source waits for its table.
const sessionTurns = 4

// isOpen reports whether a peer speaks of the session that the chase has open.
func (c *chase) isOpen(p *peer, id uint64) bool {
	x := c.session
	return c.index >= 0 && x != nil && x.id == id && x.source == p.id && x.nonce == p.nonce
}

// openSession answers a want with a sketch and keeps what it was made of.
func (r *Replica) openSession(p *peer, w *message.Want, g message.Gift, cut *reconcile.Cut) message.Gift {
	r.opened++
	g.ID, g.Digest = r.opened, 0 // nobody asks for the digest of a sketch
	r.keepSession(&antientropy.Session{ID: g.ID, Doc: w.Doc, Peer: p.id, Nonce: p.nonce, Pulled: w.Have, Cut: cut})
	return g
}

func (r *Replica) keepSession(x *antientropy.Session) {
	r.sessions.Open(x, r.now)
	r.stats.Ladder.Sketches++
}

// onSketch answers a source that compares: with what is live here where the two
// differ, and with what it may lack. Both are of this moment.
func (r *Replica) onSketch(d *document, p *peer, g *message.Gift) error {
	c := d.chase
	if c.index < 0 || len(g.Deltas) != 1 || c.transfer != nil && !c.isStalled() {
		return nil
	}
	r.seal(d)
	s := d.copy.State()
	reply, err := reconcile.Answer(s, c.have, g.Deltas[0])
	switch {
	case errors.Is(err, reconcile.ErrForeign):
		return nil // it answers an earlier request
	case err != nil && !errors.Is(err, reconcile.ErrPartial) && !errors.Is(err, reconcile.ErrTooWide):
		return fmt.Errorf("replica: sketch of document %q: %w", d.name, err)
	}
	if c.begun++; c.begun > maxAttempts { // its source begins again and again
		r.endChase(d)
		return nil
	}
	if c.attempts == 1 {
		r.trip.measure(r.now.Sub(c.asked))
	}
	r.dropTransfer(d)
	c.session = &session{g.ID, p.id, p.nonce, reply.Common}
	c.hole, c.attempts, c.asked = false, 1, r.now
	r.sendTable(d, p, reply)
	wait := r.retryAfter(1)
	r.schedule(d, r.now.Add(wait+r.jitter(wait/4)))
	return nil
}

// sendTable leaves out what does not fit in a message: the news, so that the source
// has to ask for them; then the table, which asks the source for its state.
func (r *Replica) sendTable(d *document, p *peer, reply reconcile.Reply) {
	if r.cfg.OwnOnly { // the news may be of others
		r.send(ToPeer, Outgoing{Peer: p.id}, &message.Decline{To: p.nonce, Doc: d.name, ID: d.chase.session.id})
		return
	}
	m := &message.Table{To: p.nonce, Doc: d.name, ID: d.chase.session.id, View: r.viewDigest(), Table: reply.Table}
	room := r.cfg.MaxMessage - overhead - message.TableSize(m)
	if room < 0 {
		m.Table = nil
	}
	if len(m.Table) > 0 {
		m.News = antientropy.News(d.copy.State(), reply.Common, room)
	}
	r.stats.Ladder.Tables++
	r.send(ToPeer, Outgoing{Peer: p.id}, m)
}

// onTable ends the comparison that a table belongs to, or goes on with it.
func (r *Replica) onTable(p *peer, m *message.Table) error {
	if m.To != r.nonce {
		return nil // for an earlier start, or another process of this identity
	}
	d, x := r.docs[m.Doc], r.sessions.Find(p.id, p.nonce, m.ID, m.Doc, r.now)
	if d == nil || x == nil {
		r.stats.Ladder.Late++
		r.pushOne(p, message.Gift{Doc: m.Doc, Answer: message.No})
		return nil
	}
	r.seal(d)
	if len(m.Table) == 0 {
		r.stats.Ladder.Declined++
		r.fallBack(p, d, x)
		return nil
	}
	theirs, err := openNews(m.News)
	if err != nil {
		return fmt.Errorf("replica: news of document %q: %w", d.name, err)
	}
	plan, err := x.Cut.Resolve(d.copy.State(), m.Table)
	switch {
	case errors.Is(err, reconcile.ErrForeign): // it answers an earlier sketch
	case errors.Is(err, reconcile.ErrAgain):
		r.compareAgain(p, d, x)
	case errors.Is(err, reconcile.ErrExhausted), errors.Is(err, reconcile.ErrTooWide):
		r.fallBack(p, d, x)
	case err != nil:
		return fmt.Errorf("replica: table of document %q: %w", d.name, err)
	default:
		return r.conclude(p, d, x, &plan, theirs)
	}
	return nil
}

// openNews opens what a table brings, nil if it was left out.
func openNews(news delta.Delta) (*delta.Frame, error) {
	if len(news) == 0 {
		return nil, nil
	}
	return news.Open()
}

// compareAgain sends the next sketch of a session.
func (r *Replica) compareAgain(p *peer, d *document, x *antientropy.Session) {
	sketch := x.Cut.Sketch(nil, r.cfg.Rand.Uint64())
	if len(sketch) > r.cfg.MaxMessage/2 {
		r.fallBack(p, d, x)
		return
	}
	r.keepSession(x)
	r.stats.Ladder.Again++
	r.pushOne(p, message.Gift{
		Doc: d.name, Answer: message.Sketch, ID: x.ID, Deltas: []delta.Delta{sketch},
	})
}

// fallBack ends a session that cannot find what differs with the state. It always ends.
func (r *Replica) fallBack(p *peer, d *document, x *antientropy.Session) {
	r.sessions.Close(p.id, d.name)
	r.stats.Ladder.FellBack++
	r.pushOne(p, r.giveState(hashContext(x.Pulled), antientropy.Frame(r.source(d), x.Pulled)))
}

// conclude carries out a plan: the own news are made for the asker, and then the
// asker's are merged with the deaths that were found, in one step and one record.
// News are no closed units, so they go to nobody else. Without the asker's news its
// deaths do not count either: their events are not known here.
func (r *Replica) conclude(p *peer, d *document, x *antientropy.Session, plan *reconcile.Plan, theirs *delta.Frame) error {
	var learned delta.Delta
	if theirs == nil {
		r.stats.Ladder.Bare++
	} else {
		var err error
		if learned, err = theirs.WithDeaths(plan.Here); err != nil {
			return fmt.Errorf("replica: news of document %q: %w", d.name, err)
		}
	}
	r.sessions.Close(p.id, d.name)
	r.stats.Ladder.Compared++
	r.alarmAt(d, p, plan)
	s := d.copy.State()
	news := delta.AppendNews(nil, s, plan.Common, plan.There, plan.Conflicts)
	var failed error
	if learned != nil {
		_, failed = r.accept(d, learned, false)
	}
	g := message.Gift{Doc: d.name, Answer: message.News, ID: x.ID, Digest: s.Digest()}
	if len(news) <= r.cfg.MaxMessage/2 {
		g.Deltas = []delta.Delta{news}
	} else {
		g.Size = uint64(len(news))
		r.stats.Ladder.InChunks++
		r.outgoing.Add(antientropy.Offer{ID: x.ID, Doc: d.name, Digest: g.Digest, Data: news}, r.now)
	}
	r.pushOne(p, g)
	return failed
}

// alarmAt reports what cannot be unless an identity was used twice or data was damaged.
func (r *Replica) alarmAt(d *document, p *peer, plan *reconcile.Plan) {
	switch n := plan.Conflicts.Count(); {
	case n > 0:
		r.alarm(Alarm{Kind: Conflict, Doc: d.name, Peer: p.id, Detail: fmt.Sprintf("%d events have other payloads at another replica, %v among them", n, firstOf(&plan.Conflicts))})
	case plan.Suspect:
		r.alarm(Alarm{Kind: Conflict, Doc: d.name, Peer: p.id, Detail: "an event has another payload at another replica; the next comparison says which"})
	}
}

func firstOf(c *causal.Context) causal.Dot {
	for a, rs := range c.All() {
		return causal.Dot{Actor: a, Seq: rs[0].Lo}
	}
	return causal.Dot{}
}

// pushOne gives one document to a peer.
func (r *Replica) pushOne(p *peer, g message.Gift) {
	if scope, held := r.scopeOf(g.Doc); held {
		r.push(p, &message.Push{Gifts: []message.Gift{g}}, scope)
	}
}
