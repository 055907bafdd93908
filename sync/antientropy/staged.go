package antientropy

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// Staged is the payloads of transfers that did not come to their end: their
// sources are gone. Nothing of it counts, since what the events killed may not be
// among it, but the next source need not send them again: it is told of what is
// staged as if it were known, compares, and names the dots that are live.
// The zero value is empty.
type Staged struct {
	payloads kernel.State
	context  causal.Context
	bytes    int
}

// Add stages what stands in the beginning of a transfer. It costs O(beginning).
func (g *Staged) Add(beginning delta.Delta) {
	beginning.Salvage(&g.payloads)
	g.context = g.payloads.Context()
	g.bytes += len(beginning)
}

// Dots returns the events whose payloads are staged. Read only.
func (g *Staged) Dots() causal.Context { return g.context }

// Bytes returns how many bytes the beginnings had.
func (g *Staged) Bytes() int { return g.bytes }

// Complete returns what a frame says that was made for somebody who has seen own
// and what is staged, as a delta for own alone. What is staged and not claimed by the
// frame is left out: its event may have killed something. It costs O(own + frame).
func (g *Staged) Complete(own *kernel.State, f *delta.Frame) (delta.Delta, error) {
	whole := own.Clone()
	for id, claimed := range f.ClaimsOf() {
		if a, ok := g.payloads.Lookup(id); ok {
			g.put(whole, whole.Intern(id), a, claimed)
		}
	}
	if err := f.Merge(whole); err != nil {
		return nil, err
	}
	return delta.AppendFor(nil, whole, own.Context()), nil
}

// put puts the staged payloads of an actor that were claimed into a state.
func (g *Staged) put(into *kernel.State, to, from kernel.Index, claimed causal.Ranges) {
	missing := claimed.Minus(into.Seen(to))
	var path []kernel.Component
	var found causal.Ranges
	for _, r := range missing {
		for l := range g.payloads.Between(from, r) {
			p := l.Payload()
			p.Parent = kernel.Root
			path = g.payloads.Path(path[:0], l.Parent)
			for _, c := range path {
				p.Parent = into.Ensure(p.Parent, c.Tag, c.Name)
			}
			into.Learn(to, l.Seq, &p)
			found = found.AddSeq(l.Seq)
		}
	}
	into.Claim(to, found...)
}
