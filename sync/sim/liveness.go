package sim

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// liveness heals everything and waits until all replicas hold the same. It
// returns how long that took.
func (w *world) liveness() time.Duration {
	start := w.now
	w.calmDown()
	held := w.held()
	bound := w.script.Expect.Within
	if bound == 0 {
		bound = Bound
	}
	for !w.isConverged() {
		if w.now-start > bound {
			w.fail(nil, w.differing(), "liveness", "no convergence within %v", bound)
		}
		if w.failure != nil {
			return w.now - start
		}
		w.pass(10 * time.Millisecond)
	}
	healed := w.now - start
	if w.cloned {
		w.pass(3 * time.Second) // for the clones to notice each other
	}
	w.tidyUp()
	w.checkEnd(held)
	w.checkDepartures(held)
	w.checkSilence()
	w.checkExpectations()
	return healed
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	until := w.now + d
	for n := 0; w.failure == nil && len(w.queue.jobs) > 0 && w.queue.jobs[0].at <= until; n++ {
		w.do(w.queue.pop())
		if n > maxJobs {
			w.fail(nil, "", "livelock", "more than %d events within %v", maxJobs, d)
		}
	}
	w.now = until
}

// maxJobs bounds what may happen while a little time passes.
const maxJobs = 1_000_000

func (w *world) calmDown() {
	w.trace.note(w, nil, "all faults end")
	w.net.calm, w.isCalm = !w.net.cfg.Storm, true
	w.net.each(func(_, _ int, l *link) { l.cut, l.clogged = false, 0 })
	for _, n := range w.nodes {
		switch {
		case n.gone:
			continue
		case n.r == nil || n.dying:
			w.stop(n)
			w.start(n)
			continue
		}
		w.calmDisk(n)
		w.resume(n)
		w.suspend(n, Online)
	}
}

// alive returns the nodes that take part.
func (w *world) alive() (out []*node) {
	for _, n := range w.nodes {
		if n.r != nil {
			out = append(out, n)
		}
	}
	return out
}

// held returns what the replicas have seen together, by document.
func (w *world) held() map[string]*causal.Context {
	out := map[string]*causal.Context{}
	for _, n := range w.alive() {
		for _, doc := range n.r.Names() {
			if (w.cloned || n.resumed) && n.r.View(doc).Pending().Len() > 0 {
				continue // to be minted again under another name if it takes somebody for a clone
			}
			if w.lossy && !n.r.Wants(doc) {
				continue // it was told that another has it, whose disk was set back since
			}
			if out[doc] == nil {
				out[doc] = &causal.Context{}
			}
			out[doc].Join(n.r.View(doc).State().Context())
		}
	}
	return out
}

// isConverged reports whether all replicas hold the same, documents in which a
// dot has two payloads among it.
func (w *world) isConverged() bool {
	all := w.alive()
	if w.choosy {
		return w.isAgreed(all)
	}
	for _, n := range all {
		if n.r.Digest() != all[0].r.Digest() || n.r.Stats().Pending > 0 {
			return false
		}
	}
	return true
}

// isAgreed reports whether replicas hold the same of what they take an interest in,
// and nothing else.
func (w *world) isAgreed(all []*node) bool {
	for _, n := range all {
		if n.r.Leaving() > 0 || n.r.Stats().Pending > 0 || slices.ContainsFunc(n.r.Names(), func(doc string) bool { return !n.r.Wants(doc) }) {
			return false
		}
	}
	return w.differing() == ""
}

// differing returns a document that is not the same everywhere, "" if there is none.
func (w *world) differing() string {
	for _, doc := range w.written() {
		digests := map[uint64]bool{}
		for _, n := range w.alive() {
			if !n.r.Wants(doc) {
				continue
			}
			digest := uint64(0)
			if d := n.r.View(doc); d != nil && !d.State().IsEmpty() {
				digest = d.State().Digest()
			}
			digests[digest] = true
		}
		if len(digests) > 1 {
			return doc
		}
	}
	return ""
}

// docs returns the documents that were ever written, sorted, without those in
// which a dot has two payloads.
func (w *world) docs() []string {
	return slices.DeleteFunc(w.written(), func(doc string) bool { return w.ledgers[doc].tainted || isReserved(doc) })
}

// written returns the documents that were ever written, sorted.
func (w *world) written() []string {
	docs := make([]string, 0, len(w.ledgers))
	for doc := range w.ledgers {
		docs = append(docs, doc)
	}
	slices.Sort(docs)
	return docs
}

// checkEnd demands that nothing is lost.
func (w *world) checkEnd(held map[string]*causal.Context) {
	for _, doc := range w.docs() {
		l := w.ledgers[doc]
		for _, n := range w.alive() {
			w.checkState(n, doc)
			if !n.r.Wants(doc) {
				continue
			}
			var have causal.Context
			state := &kernel.State{}
			if d := n.r.View(doc); d != nil {
				state = d.State()
			}
			have = state.Context()
			gone, _ := w.forgotten(n, doc, state)
			have.Join(gone)
			have.Join(l.settled)
			if want := held[doc]; want != nil && !have.Covers(*want) {
				lost := want.Minus(have)
				w.fail(n, doc, "lost", "events %v, which somebody had when the faults ended", &lost)
			}
			w.checkAcknowledged(n, doc, l, &have)
		}
	}
}

// checkAcknowledged demands that a replica has everything that was acknowledged,
// except what only disks had that lost it.
func (w *world) checkAcknowledged(n *node, doc string, l *ledger, have *causal.Context) {
	for a, c := range l.actors {
		for i := range c.events {
			if u := c.events[i].unit; u != nil && u.fate == durable && !u.orphan && !have.Contains(causal.Dot{Actor: a, Seq: uint64(i) + 1}) {
				w.fail(n, doc, "lost", "the acknowledged event %d of %v", i+1, a)
				return
			}
		}
	}
}

// checkSilence demands, for some seeds, that replicas which hold the same have
// nothing more to say but beacons.
func (w *world) checkSilence() {
	if w.script.Seed%16 != 0 || w.cloned {
		return
	}
	w.pass(12 * time.Second) // those who are gone are asked in vain meanwhile
	w.chatter = 0
	w.pass(2 * time.Second)
	if w.chatter > 0 {
		w.fail(nil, "", "chatter", "%d messages besides beacons although all hold the same", w.chatter)
	}
}

// checkExpectations checks what the script wants.
func (w *world) checkExpectations() {
	for _, n := range w.alive() {
		w.count(n)
	}
	if w.script.Expect.NoFrames && w.stats.Frames > 0 {
		w.fail(nil, "", "expectation", "%d whole states were sent, there should be none", w.stats.Frames)
	}
	for _, kind := range w.script.Expect.Alarms {
		if w.stats.Alarms[kind] == 0 {
			w.fail(nil, "", "expectation", "no %s alarm was raised", kind)
		}
	}
	w.checkHoldings()
	w.checkGhosts()
	for doc, l := range w.ledgers {
		for i := range l.twins {
			if !w.lossy && w.stats.Alarms["clone"]+w.stats.Alarms["conflict"] == 0 && l.twins[i].isVisible(w.alive(), doc) {
				w.fail(nil, doc, "silent", "a dot has two payloads and nobody noticed")
			}
		}
	}
}

// checkHoldings demands that registers hold what the script says, everywhere.
func (w *world) checkHoldings() {
	for _, h := range w.script.Expect.Holds {
		op := Op{Do: Set, Path: h.Path}
		at := op.place()
		for _, n := range w.alive() {
			if !n.r.Wants(h.Doc) {
				continue
			}
			values := []string{}
			here := snapshot(n.r.View(h.Doc))
			for i := range here.live {
				if here.live[i].isAt(&at) {
					values = append(values, here.live[i].value)
				}
			}
			slices.Sort(values)
			if !slices.Equal(values, h.Values) {
				w.fail(n, h.Doc, "expectation", "%s holds %q, it should hold %q", h.Path, values, h.Values)
			}
		}
	}
}
