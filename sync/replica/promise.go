package replica

import (
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// promise is an answer that is owed to another replica, for when this one holds
// some events.
type promise struct {
	peer  causal.ID
	nonce uint64
	id    uint64
	have  causal.Context
}

// maxPromises bounds the answers that are owed about one document. Who is not
// noted asks again.
const maxPromises = 1 << 10

// onAsk answers an Ask: a read at once, else when the events are here. An
// answer is in one Output with their records or in a later one, and so leaves
// when they are as durable as the space asks.
func (r *Replica) onAsk(p *peer, m *message.Ask) {
	switch {
	case m.Version != r.owners(m.Doc).Version():
		r.reply(p.id, p.nonce, m.Doc, &message.Reply{ID: m.ID, Verdict: message.Moved})
		r.introduce(p)
	case m.Read:
		r.answerRead(p, m)
	default:
		r.promise(p, m)
	}
}

func (r *Replica) reply(to causal.ID, nonce uint64, doc string, m *message.Reply) {
	m.To, m.Version = nonce, r.owners(doc).Version()
	scope, _ := r.scopeOf(doc)
	r.send(ToPeer, Outgoing{Peer: to, Scope: scope}, m)
}

// answerRead tells what this replica holds of a document and gives what the
// asker lacks. What it lacks itself it fetches: that is read repair.
func (r *Replica) answerRead(p *peer, m *message.Ask) {
	d := r.admit(m.Doc)
	if d == nil {
		return
	}
	r.seal(d)
	s := d.copy.State()
	out := &message.Reply{ID: m.ID, Verdict: message.Holding, Digest: s.Digest()}
	if out.Digest != m.Digest {
		out.Seen = s.Context()
		r.giveUnits(p, m)
		r.fetchFrom(p, d, m)
	}
	r.reply(p.id, p.nonce, m.Doc, out)
	r.forgetEmpty(d)
}

// giveUnits sends the asker of a read what it lacks, if the log has it. Otherwise
// it pulls when it has the answer.
func (r *Replica) giveUnits(p *peer, m *message.Ask) {
	g := r.serve(p, &message.Want{Doc: m.Doc, Have: m.Have, Digest: m.Digest})
	if scope, held := r.scopeOf(m.Doc); held && g.Answer == message.Units {
		r.push(p, &message.Push{Gifts: []message.Gift{g}}, scope)
	}
}

// promise answers when this replica holds the events that it is asked for.
func (r *Replica) promise(p *peer, m *message.Ask) {
	d := r.admit(m.Doc)
	if d == nil {
		return
	}
	if r.holds(d, m.Have) {
		r.reply(p.id, p.nonce, m.Doc, &message.Reply{ID: m.ID, Verdict: message.Holding})
		r.forgetEmpty(d)
		return
	}
	owed := promise{p.id, p.nonce, m.ID, m.Have}
	same := func(o promise) bool { return o.peer == p.id && o.id == m.ID }
	if !slices.ContainsFunc(d.promises, same) && len(d.promises) < maxPromises {
		d.promises = append(d.promises, owed)
	}
	r.fetchFrom(p, d, m)
}

func (r *Replica) holds(d *document, have causal.Context) bool {
	own := d.copy.State().Context()
	return own.Covers(have)
}

// fetchFrom goes after what the asker has seen and this replica has not.
func (r *Replica) fetchFrom(p *peer, d *document, m *message.Ask) {
	if r.holds(d, m.Have) {
		return
	}
	head := m.Have.Of(p.actor).Max()
	r.chaseBehind(d, p, &message.State{Doc: d.name, Digest: m.Digest, Head: head, Count: m.Have.Count()})
}

// keepPromises answers those who wait for events that have arrived, and looks
// after the own requests that wait for them.
func (r *Replica) keepPromises(d *document) {
	d.promises = slices.DeleteFunc(d.promises, func(o promise) bool {
		held := r.holds(d, o.have)
		if held {
			r.reply(o.peer, o.nonce, d.name, &message.Reply{ID: o.id, Verdict: message.Holding})
		}
		return held
	})
	for _, q := range slices.Clone(d.inquiries) {
		r.settleInquiry(q)
	}
}
