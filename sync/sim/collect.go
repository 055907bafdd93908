package sim

import (
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// report is what a replica holds durably, by document.
type report map[string]causal.Context

// forgotten is a document as it was forgotten, which a replica says that it held
// for a while.
type forgotten struct {
	context causal.Context
	until   time.Duration
}

// gossip is what a process has heard of what the others hold durably. It comes
// with their beacons. It stands for what replicas that keep a membership find out
// of each other.
type gossip struct {
	w       *world
	n       *node
	known   map[int]report
	covered map[string]causal.Context // what was last asked of a document, and is so
}

// collectBeacon is the time between beacons where replicas collect: so long that
// no message is under way for longer than they wait before they forget.
const collectBeacon = 250 * time.Millisecond

func (w *world) beaconEvery() time.Duration {
	if w.script.Tuning.Collect {
		return collectBeacon
	}
	return 0
}

// hearsay begins what a process hears of the others.
func (w *world) hearsay(n *node) replica.Stability {
	if !w.script.Tuning.Collect {
		if w.script.Tuning.Members {
			return unstable{} // members are forgotten then, and nothing is collected
		}
		return nil
	}
	if w.script.Tuning.Members {
		return nil // it finds out itself
	}
	n.heard = &gossip{w: w, n: n, known: map[int]report{}, covered: map[string]causal.Context{}}
	return n.heard
}

// Members implements replica.Stability.
func (g *gossip) Members(string) (ids []causal.ID) {
	for _, n := range g.w.nodes {
		ids = append(ids, n.id)
	}
	return ids
}

// Covers implements replica.Stability.
func (g *gossip) Covers(doc string, c causal.Context) bool {
	d := g.n.r.View(doc)
	if d == nil {
		return false
	}
	mine := d.State().Context()
	for _, n := range g.w.nodes {
		if n == g.n {
			continue
		}
		if known := g.known[n.index][doc]; !known.Covers(c) || !mine.Covers(known) {
			return false
		}
	}
	g.covered[doc] = c
	return true
}

// note notes what a record adds to what its disk holds.
func (d *disk) note(rec *stored) {
	if d.contexts == nil {
		d.contexts = map[string]*causal.Context{}
	}
	if rec.Forget {
		delete(d.contexts, rec.Doc)
		return
	}
	if f, err := rec.Delta.Open(); err == nil {
		if d.contexts[rec.Doc] == nil {
			d.contexts[rec.Doc] = &causal.Context{}
		}
		d.contexts[rec.Doc].Join(f.Claims())
	}
}

// report returns what goes with a beacon.
func (w *world) report(n *node, o *replica.Outgoing) report {
	if !w.script.Tuning.Collect || w.script.Tuning.Members || o.Kind != message.KindBeacon {
		return nil
	}
	out := report{}
	for doc, x := range n.past {
		if x.until >= w.now {
			out[doc] = x.context
		}
	}
	for doc, c := range n.disk.contexts {
		out[doc] = c.Clone()
	}
	return out
}

// hears takes in what came with a beacon.
func (n *node) hears(j *job) {
	if n.heard != nil && j.report != nil {
		n.heard.known[j.from] = j.report
	}
}

// forgets notes that a replica forgets a document, and demands that all others
// hold it just so, durably, or have forgotten it in that state.
func (w *world) forgets(n *node, doc string) {
	var c causal.Context
	if w.script.Tuning.Members {
		if x := n.disk.contexts[doc]; x != nil {
			c = w.ofMembers(n, x)
		}
	} else {
		c = n.heard.covered[doc]
		delete(n.heard.covered, doc)
	}
	w.stats.Forgets++
	for _, other := range w.nodes {
		if other.gone {
			continue
		}
		have := causal.Context{}
		if x := other.disk.contexts[doc]; x != nil {
			have = x.Clone()
		}
		have.Join(other.past[doc].context)
		if other != n && !have.Covers(c) {
			w.fail(n, doc, "forgotten", "%s lacks %v of what is forgotten", other.name, c.Minus(have))
		}
	}
	w.ledger(doc).settled.Join(c)
	if n.past == nil {
		n.past, n.forgot = map[string]forgotten{}, map[string]*causal.Context{}
	}
	if n.forgot[doc] == nil {
		n.forgot[doc] = &causal.Context{}
	}
	n.forgot[doc].Join(c)
	n.past[doc] = forgotten{c, w.now + 32*collectBeacon}
}

// ofMembers returns the part of a context that is of members, as a replica knows them:
// what nobody else had of the others is void.
func (w *world) ofMembers(n *node, x *causal.Context) (c causal.Context) {
	for a, rs := range x.All() {
		if n.r.Membership().Has(a) {
			c.AddRanges(a, rs)
		}
	}
	return c
}

// isSettled reports whether an event is of a document that somebody forgot.
func (l *ledger) isSettled(c *column, seq uint64) bool {
	return !l.settled.IsEmpty() && l.settled.Contains(causal.Dot{Actor: c.actor, Seq: seq})
}

// tidyUp lets replicas collect what there is, and demands that they do.
func (w *world) tidyUp() {
	if !w.script.Tuning.Collect || w.failure != nil {
		return
	}
	w.pass(25 * time.Second)
	for _, n := range w.alive() {
		u := n.r.Stats().Upkeep
		w.stats.Folded += int(u.Folded)
		w.stats.Collected += int(u.Collected)
		for _, doc := range n.r.Names() {
			w.checkTidy(n, doc)
		}
	}
	if !w.isConverged() {
		w.fail(nil, w.differing(), "liveness", "replicas differ after all was collected")
	}
}

func (w *world) checkTidy(n *node, doc string) {
	s := n.r.View(doc).State()
	if s.Dots() == 0 && !s.IsEmpty() {
		w.fail(n, doc, "untidy", "a document in which nothing lives was not forgotten")
	}
	for l := range s.Below(kernel.Root) {
		if x, ok := s.Winner(l.Parent, l.Tag, l.Key); l.Marked && ok && x.Marked {
			w.fail(n, doc, "untidy", "%s was not collected", describe(s, &l))
		}
	}
}
