package replica

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

var zeroTime time.Time

const (
	// maxHints bounds the documents that a beacon names.
	maxHints = 32
	// oddBeacons is after how many unexplained differences a peer's documents
	// are listed although this replica is busy.
	oddBeacons = 8
	// returnAfter is how many silent beacon times make a peer one that has
	// been away.
	returnAfter = 3
)

// beacon broadcasts what this replica holds, in short.
func (r *Replica) beacon(hello bool) {
	r.flush()
	m := &message.Beacon{Digest: r.Digest(), Docs: uint64(r.counted), Hello: hello}
	for _, d := range r.recent {
		if len(m.Hints) < maxHints {
			m.Hints = append(m.Hints, message.State{Doc: d.name, Digest: d.digest, Head: d.head()})
		}
		d.isNew = false
	}
	r.recent = r.recent[:0]
	r.send(ToAll, Outgoing{}, m)
	r.beaconAt = r.now.Add(r.cfg.BeaconEvery*3/4 + r.jitter(r.cfg.BeaconEvery/2))
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
	explained := false
	for _, h := range m.Hints {
		explained = r.onHint(p, h) || explained
	}
	if explained {
		return
	}
	p.odd++
	if m.Hello || away || r.isQuiet() || p.odd >= oddBeacons {
		r.list(p)
	}
}

// answerHello sends the next beacon soon, so that whoever came back learns at
// once what it lacks.
func (r *Replica) answerHello() {
	if soon := r.now.Add(r.jitter(r.cfg.BeaconEvery / 20)); soon.Before(r.beaconAt) {
		r.beaconAt = soon
	}
}

// onHint goes after a document if the hint shows that this replica is behind.
// While the document is being written a different digest alone shows nothing.
func (r *Replica) onHint(p *peer, h message.State) bool {
	d := r.docs[h.Doc]
	switch {
	case d == nil:
		if d = r.admit(h.Doc); d == nil {
			return false
		}
	case d.copy.State().Digest() == h.Digest:
		return false
	case h.Head > 0 && d.sawHead(p.id, h.Head) && r.now.Sub(d.changed) < r.cfg.BeaconEvery/2:
		return true
	}
	r.chaseBehind(d, p)
	return true
}

// sawHead reports whether an event with this number of one of the peer's
// incarnations was seen.
func (d *document) sawHead(id causal.ID, seq uint64) bool {
	s := d.copy.State()
	for _, a := range s.Actors() {
		if s.Actor(a).ID == id && s.IsSeen(a, seq) {
			return true
		}
	}
	return false
}

// isQuiet reports whether nothing has changed here for a while, so that a
// difference means something.
func (r *Replica) isQuiet() bool { return r.now.Sub(r.changed) >= r.cfg.BeaconEvery/2 }

// listing is a walk through the documents of a peer.
type listing struct {
	peer  causal.ID
	after string
	until time.Time // when the walk is given up
}

// list begins to compare the documents of a peer with the own ones, by name.
func (r *Replica) list(p *peer) {
	if r.listing != nil && r.now.Before(r.listing.until) {
		return
	}
	r.listing = &listing{peer: p.id}
	r.listMore("")
}

func (r *Replica) listMore(after string) {
	r.listing.after = after
	r.listing.until = r.now.Add(2 * r.cfg.BeaconEvery)
	r.send(ToPeer, Outgoing{Peer: r.listing.peer}, &message.List{After: after})
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
		if size += 20 + len(names[i]); size > r.cfg.MaxMessage/2 {
			out.More = true
			break
		}
		out.States = append(out.States, message.State{Doc: d.name, Digest: d.digest, Head: d.head()})
	}
	r.send(ToPeer, Outgoing{Peer: p.id}, out)
}

// onListing goes after the documents that differ.
func (r *Replica) onListing(p *peer, m *message.Listing) {
	if r.listing == nil || m.To != r.nonce || r.listing.peer != p.id || r.listing.after != m.After {
		return
	}
	r.settle()
	for _, s := range m.States {
		d := r.admit(s.Doc)
		if d != nil && d.copy.State().Digest() != s.Digest {
			r.chaseBehind(d, p)
		}
	}
	if !m.More || len(m.States) == 0 {
		p.odd = 0
		r.listing = nil
		return
	}
	r.listMore(m.States[len(m.States)-1].Doc)
}
