package sim

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/sync/replica"
)

// takeInterest changes which documents a replica holds. Its configuration says the
// same at its later starts.
func (w *world) takeInterest(n *node, patterns string) {
	if n.gone || n.paused || len(n.systems) > 1 {
		return
	}
	n.interest = nil
	if patterns != "" {
		n.interest = strings.Split(patterns, ",")
	}
	w.choosy = true
	if n.r == nil {
		return
	}
	w.stats.Interests++
	if err := n.r.SetInterest(w.time(), slices.Clone(n.interest)); err != nil {
		w.fail(n, "", "interest", "%v", err)
	}
	w.drain(n)
}

// isTold reports whether a message goes to a replica that hears the sender, as
// the subscriptions of both say.
func (n *node) isTold(o *replica.Outgoing) bool {
	switch {
	case o.To == replica.ToPeer:
		return n.id == o.Peer
	case o.To == replica.ToDoc:
		return n.r.Holds(o.Doc)
	case o.To == replica.ToAll && o.Scope != "":
		return n.r.HoldsAllOf(o.Scope)
	}
	return n.r.HoldsAllOf(">")
}

// step gives a replica a message as its subject says.
func (w *world) step(n *node, j *job) error {
	if j.scope != "" {
		return n.r.StepWithin(w.time(), j.port, j.scope, j.data)
	}
	return n.r.StepOn(w.time(), j.port, j.doc, j.data)
}

// noteRenewal keeps in mind that what waits to be sealed gets other names: whoever
// has dropped a document goes on as another actor.
func (w *world) noteRenewal(n *node) {
	if !w.choosy || n.r.Actor() == n.actor {
		return
	}
	for _, b := range n.batches {
		b.renamed = true
	}
}

// choose gives some histories replicas that hold some documents and change their
// minds. The first one holds all, always. The random source is its own, so that the
// rest of a history is the same without.
func (g *generator) choose(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x696e74))
	if !g.o.Faults.Interest || s.Tuning.Collect || s.Tuning.Systems > 1 || g.faults.Clones || !g.o.Focus && rng.IntN(4) > 0 {
		return
	}
	var first []Action
	for i := 1; i < s.Replicas; i++ {
		first = append(first, Action{Do: Interest, Node: i, Doc: g.patterns(rng)})
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Node == 0 && (a.Do == Leave || a.Do == Wipe) {
			a.Do = Heal
		}
		if a.Do == Write && rng.IntN(6) == 0 {
			*a = Action{At: a.At, Do: Interest, Node: 1 + rng.IntN(max(g.nodes-1, 1)), Doc: g.patterns(rng)}
		}
	}
	s.Actions = append(first, s.Actions...)
	s.Expect.Within = 3 * Bound
}

// patterns draws an interest: some documents, none of those that there are, or all.
func (g *generator) patterns(rng *rand.Rand) string {
	var out []string
	for i := range g.docs {
		if rng.IntN(2) == 0 {
			out = append(out, "doc"+string(rune('0'+i%10)))
		}
	}
	switch {
	case rng.IntN(5) == 0:
		return ""
	case len(out) == 0:
		return "other.*"
	}
	return strings.Join(out, ",")
}
