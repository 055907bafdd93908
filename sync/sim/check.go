package sim

import (
	"errors"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// checkState compares a document at a replica with what its context means.
func (w *world) checkState(n *node, doc string) {
	d := n.r.View(doc)
	if d == nil || w.failure != nil || isReserved(doc) {
		return
	}
	if err := d.State().Verify(); err != nil {
		w.fail(n, doc, "invariant", "%v", err)
		return
	}
	l := w.ledger(doc)
	if l.tainted || d.Pending().Loose() > 0 {
		return // what is in no record yet is not in the ledger
	}
	w.stats.Checks++
	switch err := w.checkGone(n, l, doc, d.State()); {
	case errors.Is(err, errLeaked):
		w.fail(n, doc, "leaked", "%v", err)
	case err != nil:
		w.fail(n, doc, "meaning", "%v", err)
	}
}

// checkSealed holds the units that a replica sealed against what was written.
func (w *world) checkSealed(n *node, records []replica.Record) {
	if w.cloned || w.script.Tuning.Collect { // replicas write on their own
		return
	}
	fresh := map[string]*sealed{}
	var order []string
	var actor causal.Actor
	for _, rec := range records {
		if isReserved(rec.Doc) {
			continue
		}
		f, err := rec.Delta.Open()
		if err != nil {
			continue // enter reports it
		}
		own, ok := w.isFresh(n, rec.Doc, f)
		if !ok {
			continue
		}
		s := fresh[rec.Doc]
		if s == nil {
			s = &sealed{}
			fresh[rec.Doc] = s
			order = append(order, rec.Doc)
		}
		s.units = append(s.units, f)
		s.claims = s.claims.Add(own.Range)
		actor = own.actor
	}
	for _, doc := range order {
		b := n.batches[doc]
		if b == nil {
			w.fail(n, doc, "sealed", "units came out that nobody wrote")
			return
		}
		if b.renamed {
			if actor == n.r.Actor() {
				delete(n.batches, doc)
			}
			continue
		}
		s := fresh[doc]
		s.known = w.ledger(doc).column(actor).kills(s.claims, b.first)
		if err := b.compare(actor, s); err != nil {
			w.fail(n, doc, "sealed", "%v", err)
		}
		delete(n.batches, doc)
	}
}

// checkOutput checks the documents that changed, and remembers what the disk
// has of them once the output is on it.
func (w *world) checkOutput(n *node, out *replica.Output, p *pending) {
	if len(out.Messages) > 0 && !n.online {
		w.fail(n, out.Messages[0].Doc, "protocol", "a %v is sent while the link is down", out.Messages[0].Kind)
	}
	last := ""
	for i := range out.Records {
		doc := out.Records[i].Doc
		if doc == last {
			continue
		}
		last = doc
		w.checkState(n, doc)
		if d := n.r.View(doc); d == nil {
			delete(n.contexts, doc)
		} else if w.script.Tuning.Members {
			n.contexts[doc] = d.State().Context()
		}
		x := digest{doc: doc}
		if d := n.r.View(doc); d != nil && d.Pending().Loose() == 0 {
			x.is, x.known = d.State().Digest(), true
		}
		p.digests = append(p.digests, x)
	}
}
