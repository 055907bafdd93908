package sim

import (
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// link is the way from one replica to another.
type link struct {
	cut     bool
	clogged time.Duration // until when deliveries are kept back
	sent    uint64        // messages so far, lost ones included
}

// network decides what becomes of messages. A delivery's fate depends on the
// seed, the link and how many messages went there before, so that a script
// without some of its actions still meets the same weather.
type network struct {
	cfg    Net
	seed   uint64
	links  [][]link
	deltas int // delta messages so far
	calm   bool
}

func (n *network) grow(nodes int) {
	for i := range n.links {
		n.links[i] = append(n.links[i], make([]link, nodes-len(n.links[i]))...)
	}
	for len(n.links) < nodes {
		n.links = append(n.links, make([]link, nodes))
	}
}

func (n *network) each(f func(from, to int, l *link)) {
	for i := range n.links {
		for j := range n.links[i] {
			f(i, j, &n.links[i][j])
		}
	}
}

// roll returns a number in [0, 1) that the arguments determine.
func (n *network) roll(words ...uint64) float64 {
	h := n.seed
	for _, w := range words {
		h += w*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return float64(h>>11) / (1 << 53)
}

// fate returns the delays of the copies that arrive, none if the message is lost.
func (n *network) fate(now time.Duration, from, to int) []time.Duration {
	l := &n.links[from][to]
	l.sent++
	key := [3]uint64{uint64(from)<<32 | uint64(to), l.sent}
	roll := func(what uint64) float64 { return n.roll(key[0], key[1], what) }
	delay := func(what uint64) time.Duration {
		x := roll(what)
		d := n.cfg.DelayMin + time.Duration(x*x*float64(n.cfg.DelayMax-n.cfg.DelayMin))
		return max(d, l.clogged-now)
	}
	if l.cut {
		return nil
	}
	if n.calm {
		return []time.Duration{min(delay(1), 10*time.Millisecond)}
	}
	if roll(0) < n.cfg.Loss {
		return nil
	}
	if roll(2) < n.cfg.Duplicate {
		return []time.Duration{delay(1), delay(3)}
	}
	return []time.Duration{delay(1)}
}

// isDropped counts delta messages and reports whether this one is to be lost
// on its way to everybody.
func (n *network) isDropped(k message.Kind) bool {
	if k != message.KindDelta && k != message.KindRelay || n.cfg.DropEvery == 0 {
		return false
	}
	n.deltas++
	return n.deltas%n.cfg.DropEvery == 0
}

// receivers returns who is to get a message, the sender itself included where
// the transport would do that.
func (w *world) receivers(from *node, o *replica.Outgoing) []int {
	w.scratch = w.scratch[:0]
	for i, n := range w.nodes {
		if n.r == nil || !n.online || n.paused && o.To == replica.ToAny || w.portBetween(from, o, n) < 0 || !n.isTold(o) {
			continue
		}
		if n == from && !w.net.cfg.Echo && (o.To == replica.ToAll || o.To == replica.ToDoc) {
			continue
		}
		w.scratch = append(w.scratch, i)
	}
	if o.To == replica.ToAny && len(w.scratch) > 0 { // a queue group: one of them
		l := &w.net.links[from.index][from.index]
		l.sent++
		i := int(w.net.roll(uint64(from.index), l.sent, 7) * float64(len(w.scratch)))
		w.scratch[0] = w.scratch[i]
		w.scratch = w.scratch[:1]
	}
	return w.scratch
}

// send hands a message to the network.
func (w *world) send(from *node, o *replica.Outgoing) {
	if limit := w.maxMessage(); len(o.Data) > limit {
		w.fail(from, o.Doc, "oversized", "a %v of %d bytes is above the limit of %d", o.Kind, len(o.Data), limit)
		return
	}
	w.stats.Messages++
	if o.Kind != message.KindBeacon && o.Kind != message.KindMuster {
		w.chatter++
	}
	if w.script.Tuning.Newer > 0 {
		w.checkRelayed(from, o.Data)
	}
	if w.isNewer(from.index) {
		w.provoke(from, o)
		o.Data = w.dress(o.Data)
	}
	if o.Kind == message.KindTable && w.script.Tuning.Curt > 0 {
		o.Data = w.curtail(from, o.Data)
	}
	if w.net.isDropped(o.Kind) {
		w.trace.lost(w, from, nil, o)
		return
	}
	for _, to := range w.receivers(from, o) {
		fate := w.net.fate(w.now, from.index, to)
		if len(fate) == 0 {
			w.trace.lost(w, from, w.nodes[to], o)
		}
		for _, delay := range fate {
			w.queue.push(job{at: w.now + delay, kind: deliver, node: to, from: from.index, port: w.portBetween(from, o, w.nodes[to]), start: from.starts, doc: o.Doc, scope: o.Scope, data: o.Data, report: w.report(from, o)})
		}
	}
}

func (w *world) maxMessage() int {
	if n := w.script.Tuning.MaxMessage; n > 0 {
		return n
	}
	return 256 << 10
}

// nodeID returns the identity of the i-th replica.
func nodeID(i int) causal.ID { return causal.ID{0: 0xa0, 14: byte((i + 1) >> 8), 15: byte(i + 1)} }
