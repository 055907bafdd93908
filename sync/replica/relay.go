package replica

import (
	"bytes"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// A replica with several ports is a relay. It passes on units as they are, to
// every port but those on which it heard them, in batches, and only if they were
// news to it: so a unit crosses each link of a tree once, and a circle of relays
// falls silent by itself. These are the two optimisations of Enes, Almeida,
// Baquero and Leitao, "Efficient synchronization of state-based CRDTs" (ICDE
// 2019), by units in place of join decompositions; a unit that was heard again on
// another port while it waited is left out there, too.
//
// Nothing waits for a port that is down, and what came by catching up is not
// passed on: those beyond the port hear by the next beacon, which comes soon, that
// there is something, and fetch what they lack.

// via is how the message came that is being taken.
type via struct {
	port      int
	broadcast bool
	by        author // whose news it may bring
	scope     string // pattern of the subject that it came on, "" for all
}

// passing is the units that wait to be passed on.
type passing struct {
	units []passed
	index map[uint64]int // by hash of document and unit
	bytes int
}

// passed is a unit that waits, and the ports on which it was heard.
type passed struct {
	doc   *document
	unit  delta.Delta
	heard uint32
}

func (p *passing) hash(d *document, unit delta.Delta) uint64 {
	return xxhash.Sum64(unit) ^ xxhash.Sum64String(d.name)
}

// heard notes that a unit that waits is known on one more port.
func (p *passing) heard(d *document, unit delta.Delta, port int) {
	if len(p.units) == 0 {
		return
	}
	if i, ok := p.index[p.hash(d, unit)]; ok {
		p.units[i].heard |= 1 << port
	}
}

// put queues a unit.
func (p *passing) put(d *document, unit delta.Delta, port int) {
	if p.index == nil {
		p.index = make(map[uint64]int)
	}
	p.index[p.hash(d, unit)] = len(p.units)
	p.units = append(p.units, passed{d, unit, 1 << port})
	p.bytes += len(unit)
}

// relay lets those beyond the other ports know of what was news here. A hole
// that was repaired is passed on like a broadcast: it is one there, too.
func (r *Replica) relay(d *document, b delta.Delta, isUnit bool) {
	switch {
	case len(r.ports) == 1:
	case !isUnit || !r.via.broadcast && !d.chase.hole || len(b) > r.cfg.MaxMessage-overhead:
		r.answerHello()
	default:
		r.pass(d, b)
	}
}

// pass lets a unit be passed on: at once after a pause, else together with what
// else comes in the next moment.
func (r *Replica) pass(d *document, unit delta.Delta) {
	if r.passing.bytes > maxHeld*r.cfg.MaxMessage { // more than the budget has: those beyond ask for it
		r.passing.clear()
		r.answerHello()
	}
	r.passing.put(d, unit, r.via.port)
	switch {
	case r.now.Sub(r.flushed) >= r.cfg.FlushAge || r.passing.bytes >= r.cfg.MaxMessage && r.affordable():
		r.flush()
	case r.flushAt.IsZero():
		r.flushAt = r.flushed.Add(r.cfg.FlushAge)
	}
}

// passOn sends what waits, those of a document together.
func (r *Replica) passOn() {
	if len(r.passing.units) == 0 {
		return
	}
	slices.SortStableFunc(r.passing.units, func(a, b passed) int { return bytes.Compare([]byte(a.doc.name), []byte(b.doc.name)) })
	for port, up := range r.ports {
		if up {
			r.passOnTo(port)
		}
	}
	r.tailAt = r.now.Add(r.cfg.BeaconEvery / tailShare)
	r.passing.clear()
}

func (p *passing) clear() {
	clear(p.units)
	clear(p.index)
	p.units, p.bytes = p.units[:0], 0
}

// passOnTo sends by one port what was not heard on it.
func (r *Replica) passOnTo(port int) {
	var batch delta.Delta
	var of *document
	send := func() {
		if len(batch) > 0 {
			r.sendBy(port, Outgoing{To: ToDoc, Doc: of.name}, &message.Delta{Doc: of.name, Unit: batch, Relayed: true})
		}
		batch = batch[:0]
	}
	for i := range r.passing.units {
		u := &r.passing.units[i]
		if u.heard&(1<<port) != 0 {
			continue
		}
		if u.doc != of || len(batch)+len(u.unit) > r.cfg.MaxMessage-overhead {
			send()
			of = u.doc
		}
		batch = append(batch, u.unit...)
		r.stats.Passed++
	}
	send()
}

// sendBy sends a message by one port.
func (r *Replica) sendBy(port int, o Outgoing, b message.Body) {
	o.Port, o.Data = port, message.Append(nil, r.header(), b)
	o.Kind = message.Kind(o.Data[1])
	r.emit(o)
}

// emitAll sends a message by every port that is up. Each gets bytes of its own.
func (r *Replica) emitAll(o Outgoing) {
	first := true
	for port, up := range r.ports {
		if !up {
			continue
		}
		if o.Port = port; !first {
			o.Data = bytes.Clone(o.Data)
		}
		r.emit(o)
		first = false
	}
}

// portOf returns the port on which a peer was last heard.
func (r *Replica) portOf(id causal.ID) int {
	if p := r.peers[id]; p != nil {
		return p.port
	}
	return 0
}
