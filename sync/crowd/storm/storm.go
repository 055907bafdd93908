package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/crowd"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

type settings struct {
	replicas int
	seed     uint64
	back     time.Duration
}

// scenario is what happens while the hub is away, and how the replicas come back.
type scenario struct {
	name    string
	written float64 // share of the replicas that write a field meanwhile
	loss    float64 // of deliveries, after it
	anew    bool    // all processes end, and start from their disks
	atOnce  bool    // all links are back in the same moment
}

var scenarios = []scenario{
	{name: "nobody wrote"},
	{name: "one in ten wrote", written: 0.1},
	{name: "all wrote", written: 1},
	{name: "all wrote, 1% is lost", written: 1, loss: 0.01},
	{name: "all wrote, back in one moment", written: 1, atOnce: true},
	{name: "all processes start anew", written: 0.1, anew: true},
}

// outcome is what was said from the hub's return on.
type outcome struct {
	scenario
	settings
	bins      []bin
	kinds     [message.KindChunk + 8]flow
	converged time.Duration // after the hub's return
	quiet     rate          // of a second before the hub went away
}

// bin is what was said in a tenth of a second.
type bin struct{ in, out, sent int }

// rate is what is said in a second.
type rate struct{ out, sent int }

// flow is the messages of one kind.
type flow struct{ sent, received, bytes int }

const (
	width   = 100 * time.Millisecond // of a bin
	latency = 20 * time.Millisecond  // to the hub and back, at most
	warmUp  = 45 * time.Second
	outage  = 30 * time.Second
	plotted = 12 * time.Second // from the hub's return on
	limit   = 5 * time.Minute
)

// play plays a scenario.
func play(s scenario, o settings) *outcome {
	x := &outcome{scenario: s, settings: o}
	links := make([][]int, o.replicas)
	for i := range links {
		links[i] = []int{0}
	}
	var counting, steady bool
	var back time.Duration
	cfg := crowd.Config{Seed: o.seed, Links: links, Delay: latency, Sent: func(at time.Duration, _ int, m *replica.Outgoing, receivers int) {
		if steady {
			x.quiet.sent++
			x.quiet.out += len(m.Data) * receivers
		}
		if counting {
			x.count(at-back, m, receivers)
		}
	}}
	w := crowd.New(cfg)
	disk := fill(w)
	rng := rand.New(rand.NewPCG(o.seed, 6))
	spread := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
	for i := range w.Replicas {
		w.At(spread(time.Second), func() { w.Connect(i, true) })
	}
	w.Run(warmUp - time.Second)
	steady = true
	w.Run(warmUp)
	steady = false
	for i := range w.Replicas {
		w.Connect(i, false)
		if rng.Float64() < s.written {
			w.At(w.Now+spread(outage), func() { write(w, i) })
		}
	}
	back = w.Now + outage
	w.Run(back)
	w.Lose(s.loss)
	counting = true
	for i := range w.Replicas {
		at := back
		if !s.atOnce {
			at += spread(o.back)
		}
		w.At(at, func() {
			if s.anew {
				w.Restart(i, 1, disk.load(w, i))
			}
			w.Connect(i, true)
		})
	}
	w.Run(back + width)
	for !(w.Equal() && w.Now > back+o.back) && w.Now-back < limit {
		w.Run(w.Now + width)
	}
	x.converged = w.Now - back
	w.Run(max(w.Now, back+plotted))
	return x
}

// count counts a message that was sent so long after the hub's return.
func (x *outcome) count(at time.Duration, m *replica.Outgoing, receivers int) {
	i := int(at / width)
	for len(x.bins) <= i {
		x.bins = append(x.bins, bin{})
	}
	x.bins[i].in += len(m.Data)
	x.bins[i].out += len(m.Data) * receivers
	x.bins[i].sent++
	k := &x.kinds[m.Kind]
	k.sent++
	k.received += receivers
	k.bytes += len(m.Data) * receivers
}

// disk is what all replicas hold before the outage.
type disk struct{ state replica.Record }

// fill gives every replica the same document: a field for each of them.
func fill(w *crowd.World) *disk {
	first := w.Replicas[0]
	for i := range w.Replicas {
		w.Write(0, "fleet", field(i, 0))
	}
	first.Seal("fleet")
	d := &disk{replica.Record{Doc: "fleet", Delta: first.View("fleet").AppendState(nil)}}
	first.Ready()
	for _, r := range w.Replicas[1:] {
		if err := r.Load(d.state); err != nil {
			panic(err)
		}
	}
	return d
}

// load gives a process that starts anew what is on its disk: what it held before
// the outage, and what it wrote since.
func (d *disk) load(w *crowd.World, i int) func(*replica.Replica) {
	old := w.Replicas[i].View("fleet")
	w.Replicas[i].Seal("fleet")
	state := replica.Record{Doc: "fleet", Delta: old.AppendState(nil)}
	return func(r *replica.Replica) {
		if err := r.Load(state); err != nil {
			panic(err)
		}
	}
}

func field(i, n int) func(*crdt.Document) error {
	return func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, fmt.Sprintf("device.%04d", i), fmt.Sprintf("reading %08d", n), false, crdt.Options{})
	}
}

func write(w *crowd.World, i int) { w.Write(i, "fleet", field(i, int(w.Now/time.Millisecond))) }
