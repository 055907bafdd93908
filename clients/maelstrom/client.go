package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/cluster"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// clients performs operations and records them.
type clients struct {
	workload workload
	cluster  *cluster.Cluster
	recorder *history.Recorder
	timeout  time.Duration
	rng      *rand.Rand
	adds     int64
	running  sync.WaitGroup
}

// run begins operations at a steady rate, adds and reads in equal shares on
// random nodes, until ctx ends. An operation that takes its time, or hangs at a
// paused node, delays no other. It returns when all have ended.
func (c *clients) run(ctx context.Context, rate int) {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	defer c.running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			op := c.next()
			c.running.Go(func() { c.perform(op) })
		}
	}
}

func (c *clients) next() history.Op {
	op := history.Op{Node: c.rng.IntN(c.cluster.Nodes()), Func: history.Read}
	if c.rng.IntN(2) == 0 {
		op.Func, op.Value = history.Add, c.workload.value(c.rng, c.adds)
		c.adds++
	}
	return op
}

// perform makes one operation from its invocation to its end.
func (c *clients) perform(op history.Op) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	body := protocol.Body{Type: protocol.Read}
	if op.Func == history.Add {
		body = c.workload.add(op.Value)
	}
	number := c.recorder.Invoke(op)
	reply, incarnation, err := c.cluster.Call(ctx, op.Node, body)
	if err == nil && op.Func == history.Read {
		err = c.workload.seen(&op, &reply)
	}
	c.recorder.Complete(number, func(o *history.Op) {
		o.Incarnation, o.Outcome, o.Seen, o.Sum = incarnation, outcome(err), op.Seen, op.Sum
		if err != nil {
			o.Error = err.Error()
		}
	})
}

func outcome(err error) history.Outcome {
	switch {
	case err == nil:
		return history.OK
	case errors.Is(err, cluster.ErrDown), errors.Is(err, cluster.ErrRefused):
		return history.Fail
	}
	return history.Info
}

// finish reads every node once more.
func (c *clients) finish() {
	for n := range c.cluster.Nodes() {
		c.perform(history.Op{Node: n, Func: history.Read, Final: true})
	}
}
