package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/crowd"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// sent is what crossed the links of a run.
type sent struct {
	elements int
	deltas   int // bytes of messages with deltas
	others   int // bytes of all other messages
}

// delay is how long a message takes at most.
const delay = 5 * time.Millisecond

// engine runs replicas on a workload: each is a relay between its neighbours, a
// messaging system a link, and sends once a second.
func engine(w *workload, seed uint64) sent {
	var out sent
	x := crowd.New(crowd.Config{
		Seed: seed, Links: w.graph.Links(), Delay: delay,
		Tune: func(_ int, c *replica.Config) { c.FlushAge, c.BeaconEvery = period, 5*period },
		Sent: func(_ time.Duration, _ int, m *replica.Outgoing, _ int) {
			if m.Kind != message.KindDelta && m.Kind != message.KindRelay {
				out.others += len(m.Data)
				return
			}
			n, _ := crowd.Elements(m.Data)
			out.elements += n
			out.deltas += len(m.Data)
		},
	})
	phases := rand.New(rand.NewPCG(seed, 3)).Perm(w.graph.Nodes)
	for i := range w.graph.Nodes {
		x.Connect(i, true)
	}
	for turn, i := range phases {
		for round := range w.rounds {
			at := period + time.Duration(round)*period + period*time.Duration(turn)/time.Duration(w.graph.Nodes)
			x.At(at, func() { act(x, w, i, round) })
		}
	}
	x.Run(time.Duration(w.rounds+2) * period)
	for !x.Equal() {
		if x.Run(x.Now + period); x.Now > time.Hour {
			panic(fmt.Sprintf("%s: replicas do not converge", w.name))
		}
	}
	return out
}

// act lets a node have its events of a round, as one group of writes.
func act(x *crowd.World, w *workload, node, round int) {
	events := w.events(node, round)
	if len(events) == 0 {
		x.Flush(node) // it sends once a second, as in the baseline
		return
	}
	x.Write(node, "doc", func(d *crdt.Document) error {
		for _, e := range events {
			if err := w.write(d, e); err != nil {
				return err
			}
		}
		return nil
	})
}
