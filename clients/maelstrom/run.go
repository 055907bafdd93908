package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/checker"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/cluster"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/nemesis"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// pollEvery is the pause between looks at whether all replicas are equal.
const pollEvery = 20 * time.Millisecond

// errInterrupted means that the run was ended from outside; there is no result.
var errInterrupted = errors.New("maelstrom: interrupted")

// shared is a writer for several, such as the processes' standard errors.
type shared struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

// run runs one workload on a cluster of its own and judges it.
func run(ctx context.Context, s settings, w workload) (*Report, error) {
	s.log = &shared{out: s.log}
	recorder := history.NewRecorder()
	c, err := cluster.Start(ctx, cluster.Config{
		Nodes: s.nodes, Workload: w.name, Command: s.command, Recorder: recorder, Stderr: s.log,
	})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := newReport(s, w)
	fmt.Fprintf(s.log, "%s: %d nodes, %v at %d/s, seed %d\n", w.name, s.nodes, s.time, s.rate, s.seed)
	users := &clients{
		workload: w, cluster: c, recorder: recorder, timeout: s.timeout, rng: rand.New(rand.NewPCG(s.seed, 1)),
	}
	if r.Rounds, err = storm(ctx, s, c, users); err != nil {
		return nil, err
	}
	if err := r.settle(ctx, s, c); err != nil {
		return nil, err
	}
	users.finish()
	r.judge(recorder, history.NewTimeline(s.nodes, recorder.Changes(), s.limits), w)
	return r, nil
}

// storm lets the clients and the nemesis run for their time, repairs the
// cluster, and returns when the last operation ended.
func storm(ctx context.Context, s settings, c *cluster.Cluster, users *clients) (rounds int, err error) {
	limited, cancel := context.WithTimeout(ctx, s.time)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		users.run(limited, s.rate)
	}()
	rounds, err = nemesis.Run(limited, c, nemesis.Config{
		Faults: s.faults, Topologies: s.topologies, Hold: s.hold, Calm: s.calm,
		CalmBeforeKill: s.calmBeforeKill, Rand: rand.New(rand.NewPCG(s.seed, 2)), Log: s.log,
	})
	if err != nil {
		cancel()
	}
	<-limited.Done()
	err = errors.Join(err, c.Repair(ctx))
	<-done
	if ctx.Err() != nil {
		return rounds, errInterrupted
	}
	return rounds, err
}

// settle waits until all replicas hold the same and have nothing left to send.
func (r *Report) settle(outer context.Context, s settings, c *cluster.Cluster) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(outer, s.quiet)
	defer cancel()
	for {
		equal, err := r.look(ctx, c)
		switch {
		case outer.Err() != nil:
			return errInterrupted
		case ctx.Err() == nil && err != nil:
			return err
		case equal:
			r.Convergence = time.Since(start)
			r.verdict("convergence", true)
			return nil
		case ctx.Err() != nil:
			r.Convergence = time.Since(start)
			r.verdict("convergence", false)
			return nil
		}
		time.Sleep(pollEvery)
	}
}

// look asks all nodes for their status, and reports whether all are equal.
func (r *Report) look(ctx context.Context, c *cluster.Cluster) (equal bool, err error) {
	digests := make(map[string]bool)
	pending := 0
	r.Repairs, r.Conflicts = 0, 0
	for n := range c.Nodes() {
		reply, _, err := c.Call(ctx, n, protocol.Body{Type: protocol.Status})
		if err != nil {
			return false, err
		}
		digests[reply.Digest] = true
		pending += reply.Pending
		r.Repairs += reply.Repairs
		r.Conflicts += reply.Conflicts
	}
	return len(digests) == 1 && pending == 0, nil
}

// judge has all checkers look at the history.
func (r *Report) judge(recorder *history.Recorder, t *history.Timeline, w workload) {
	ops := recorder.Ops()
	for i := range ops {
		switch ops[i].Outcome {
		case history.OK:
			r.Ops.OK++
		case history.Fail:
			r.Ops.Failed++
		case history.Info:
			r.Ops.Indeterminate++
		}
	}
	w.judge(r, ops, t)
	r.verdict("sessions", len(r.Sessions) == 0)
	r.Availability = checker.Availability(ops, t)
	r.verdict("availability", r.Availability.Valid)
	r.verdict("identities", r.Conflicts == 0)
}
