package sim

import (
	"errors"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
)

// errAbort fails a group on purpose.
var errAbort = errors.New("sim: aborted")

// write runs an action's ops on the real document and on the model, and
// compares what they did.
func (w *world) write(n *node, a *Action) {
	if n.r == nil || n.paused || n.left || !n.r.Wants(a.Doc) {
		return
	}
	over := w.readers(a)
	if n.r == nil { // it died as the reader's seal was kept
		return
	}
	before := snapshot(n.r.View(a.Doc))
	before.self = n.r.Actor()
	dead := w.deadAt(n, a.Doc, over)
	seen := w.ghostsAt(n, a.Doc)
	digest, head, amended := uint64(0), uint64(0), uint64(0)
	if d := n.r.View(a.Doc); d != nil {
		digest, head, amended = d.State().Digest(), headOf(d), d.Amended()
	}
	base, lapsed := before.renewed(w.reach(n))
	done, err := w.run(n, a, over)
	d := n.r.View(a.Doc)
	after := snapshot(d)
	model, want := w.model(&base, a, over)
	if want == errUncertain && err == nil {
		model.killed = slices.Concat(over...) // it turned out that all was done
	}
	switch {
	case want == errUncertain || w.cloned:
	case !errors.Is(err, want) || (err == nil) != (want == nil):
		w.fail(n, a.Doc, "write", "the write returned %v, the model says %v", err, want)
	case after.text() != model.text():
		w.fail(n, a.Doc, "write", "after the write there is\n%s\nthe model says\n%s", after.text(), model.text())
	case err != nil && a.Do != Write && digest != 0 && !lapsed && d.State().Digest() != digest:
		w.fail(n, a.Doc, "write", "a group failed and left something behind")
	}
	w.stats.Writes += done
	w.checkStamps(n, a, head, &after)
	wrote := headOf(d) > head || d != nil && d.Amended() > amended
	if wrote {
		w.note(n, a.Doc, head, &before, &after, slices.DeleteFunc(model.killed, func(d causal.Dot) bool { return dead[d] }))
	}
	if err == nil && wrote {
		w.noteGhost(n, a, seen, head, &after)
	}
	w.commitWrites(n)
	w.drain(n)
	if n.r != nil {
		w.checkState(n, a.Doc)
	}
}

// commitWrites has a replica make its writes durable if it is time to, and
// demands that all of them are then in records.
func (w *world) commitWrites(n *node) {
	n.writes++
	if every := w.script.Tuning.Commit; every == 0 || n.writes%every != 0 {
		return
	}
	n.r.Commit(w.time())
	for _, doc := range n.r.Names() {
		if loose := n.r.View(doc).Pending().Loose(); loose > 0 {
			w.fail(n, doc, "commit", "%d events are in no record", loose)
		}
	}
}

// checkStamps demands that a replica stamps forward, whatever its clock and its
// process went through. Explicit timestamps are their writers' own business.
func (w *world) checkStamps(n *node, a *Action, head uint64, after *naive) {
	if slices.ContainsFunc(a.Ops, func(o Op) bool { return o.At != nil }) {
		return
	}
	stamp := n.stamp
	for i := range after.live {
		l := &after.live[i]
		if l.dot.Actor != n.actor || l.dot.Seq <= head || l.tag == crdt.TagCounter {
			continue
		}
		if l.time <= n.stamp {
			w.fail(n, a.Doc, "clock", "a write is stamped %v, an earlier one %v", l.time, n.stamp)
		}
		stamp = max(stamp, l.time)
	}
	n.stamp = stamp
}

// headOf returns the number of the document's last own event.
func headOf(d *crdt.Document) uint64 {
	if d == nil {
		return 0
	}
	i, ok := d.State().Lookup(d.Actor())
	if !ok {
		return 0
	}
	return d.State().Next(i) - 1
}

// readers returns for each op what the client that it comes from had read.
// Reading is a door: what leaves by it is sealed before, and durable.
func (w *world) readers(a *Action) [][]causal.Dot {
	over := make([][]causal.Dot, len(a.Ops))
	for i := range a.Ops {
		o := &a.Ops[i]
		if o.Over == nil || *o.Over >= len(w.nodes) || w.cloned {
			continue
		}
		reader := w.nodes[*o.Over]
		if reader.r == nil || reader.dying {
			continue
		}
		reader.r.Seal(a.Doc)
		w.drain(reader)
		if reader.r != nil { // it may have died as its seal was written
			over[i] = slices.DeleteFunc(o.read(reader.r.View(a.Doc)), w.ledger(a.Doc).isUnsynced)
		}
	}
	return over
}

// deadAt returns which of the dots are dead at a node already: a write over
// them has nothing to kill there.
func (w *world) deadAt(n *node, doc string, dots [][]causal.Dot) map[causal.Dot]bool {
	dead := map[causal.Dot]bool{}
	d := n.r.View(doc)
	for _, d2 := range slices.Concat(dots...) {
		if d == nil {
			break
		}
		s := d.State()
		i, ok := s.Lookup(d2.Actor)
		dead[d2] = ok && (s.IsSeen(i, d2.Seq) && !s.IsLive(i, d2.Seq) || s.Ahead(i).Contains(d2.Seq))
	}
	return dead
}

// run writes to the real replica and returns how many ops succeeded.
func (w *world) run(n *node, a *Action, over [][]causal.Dot) (done int, err error) {
	err = n.r.Write(w.time(), a.Doc, func(d *crdt.Document) error {
		all := func() error {
			for i := range a.Ops {
				if err := a.Ops[i].apply(d, over[i]); err != nil {
					return err
				}
				done++
			}
			if a.Do == Abort {
				return errAbort
			}
			return nil
		}
		if a.Do == Write {
			return all()
		}
		err := d.Update(all)
		if err != nil {
			done = 0
		}
		return err
	})
	return done, err
}

// model runs an action on the model, on a copy of what lived before.
func (w *world) model(before *naive, a *Action, over [][]causal.Dot) (naive, error) {
	m := naive{self: before.self, live: append([]living(nil), before.live...)}
	for i := range a.Ops {
		if err := m.apply(&a.Ops[i], over[i]); err != nil {
			if a.Do != Write && err != errUncertain {
				m.live, m.killed = before.live, nil
			}
			return m, err
		}
	}
	if a.Do == Abort {
		return *before, errAbort
	}
	return m, nil
}

// note adds the write to the batch of what is not sealed yet. If the write
// itself sealed it all, the batch is compared when the output is carried out.
func (w *world) note(n *node, doc string, head uint64, before, after *naive, over []causal.Dot) {
	b := n.batches[doc]
	if b == nil {
		b = &batch{first: head + 1, victims: make(map[causal.Dot]bool)}
		n.batches[doc] = b
	}
	b.note(n.actor, before, after, over)
}
