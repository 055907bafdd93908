package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/cluster"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/nemesis"
)

// Bounds of a run.
const (
	maxTime = time.Hour
	maxRate = 2000
	maxOps  = 200_000 // time and rate together
)

// settings is what a run is made with.
type settings struct {
	workloads  []workload
	faults     []nemesis.Fault
	topologies []nemesis.Topology
	nodes      int
	time       time.Duration // of clients and faults
	rate       int           // operations a second, over all nodes
	hold, calm time.Duration // of the nemesis
	// calmBeforeKill lets everybody recover before processes are killed.
	calmBeforeKill time.Duration
	timeout        time.Duration // of an operation
	quiet          time.Duration // until all replicas must be equal, after the faults
	limits         history.Limits
	seed           uint64
	command        []string  // runs a node
	log            io.Writer // takes progress, and what nodes have to complain of
}

func defaults() settings {
	return settings{
		workloads: workloads, faults: nemesis.Faults, topologies: nemesis.Topologies,
		nodes: 5, time: 20 * time.Second, rate: 100, hold: 2 * time.Second, calm: 2 * time.Second, calmBeforeKill: 4 * time.Second,
		timeout: 5 * time.Second, quiet: 30 * time.Second,
		limits: history.Limits{Recovery: 3 * time.Second, Spread: 500 * time.Millisecond},
	}
}

func parse(args []string, errs io.Writer) (s settings, asJSON bool, err error) {
	s = defaults()
	f := flag.NewFlagSet("maelstrom", flag.ContinueOnError)
	f.SetOutput(errs)
	work := f.String("workload", "all", "`NAME`s of workloads: g-set, g-counter, pn-counter, broadcast, ledger, or all")
	faults := f.String("nemesis", "all", "`KIND`s of faults: partition, kill, pause, or all, or none")
	shapes := f.String("topology", "all", "`SHAPE`s of partitions: one, minority-third, majority-ring, or all")
	f.IntVar(&s.nodes, "nodes", s.nodes, fmt.Sprintf("node processes, %d to %d", cluster.MinNodes, cluster.MaxNodes))
	f.DurationVar(&s.time, "time", s.time, "how long each workload runs")
	f.IntVar(&s.rate, "rate", s.rate, "operations a second, over all nodes")
	f.DurationVar(&s.hold, "hold", s.hold, "how long faults last")
	f.DurationVar(&s.calm, "calm", s.calm, "pause between faults")
	f.DurationVar(&s.timeout, "timeout", s.timeout, "of one operation")
	f.DurationVar(&s.quiet, "quiet", s.quiet, "until when all replicas must be equal after the last fault")
	f.DurationVar(&s.limits.Recovery, "recovery", s.limits.Recovery, "how long after a fault acknowledgements of a node that is killed do not count")
	f.DurationVar(&s.limits.Spread, "spread", s.limits.Spread, "how long before it is killed a node's acknowledgements do not count")
	f.Uint64Var(&s.seed, "seed", 0, "of choices; 0 is a random one")
	f.BoolVar(&asJSON, "json", false, "print a JSON object a workload instead of text")
	if err = f.Parse(args); err != nil {
		return s, asJSON, err
	}
	if f.NArg() > 0 {
		return s, asJSON, fmt.Errorf("maelstrom: no argument is expected, there is %q", f.Arg(0))
	}
	s.calmBeforeKill = s.limits.Recovery + 2*s.limits.Spread
	err = errors.Join(
		choose(&s.workloads, *work, func(w workload) string { return w.name }),
		choose(&s.faults, *faults, func(f nemesis.Fault) string { return string(f) }),
		choose(&s.topologies, *shapes, func(t nemesis.Topology) string { return string(t) }),
		s.validate())
	if s.seed == 0 {
		s.seed = randomSeed()
	}
	return s, asJSON, err
}

// choose keeps those of all that a list names, in the list's order.
func choose[T any](all *[]T, list string, name func(T) string) error {
	if list == "all" {
		return nil
	}
	var chosen []T
	for word := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(*all, func(v T) bool { return name(v) == word })
		switch {
		case i >= 0:
			chosen = append(chosen, (*all)[i])
		case word != "none":
			return fmt.Errorf("maelstrom: unknown name %q", word)
		}
	}
	*all = chosen
	return nil
}

func (s *settings) validate() error {
	switch {
	case s.nodes < cluster.MinNodes || s.nodes > cluster.MaxNodes:
		return fmt.Errorf("maelstrom: -nodes must be %d to %d", cluster.MinNodes, cluster.MaxNodes)
	case s.time <= 0 || s.time > maxTime || s.rate <= 0 || s.rate > maxRate || s.time.Seconds()*float64(s.rate) > maxOps:
		return fmt.Errorf("maelstrom: -time is up to %v, -rate up to %d, and both together up to %d operations", maxTime, maxRate, maxOps)
	case min(s.hold, s.calm, s.timeout, s.quiet, s.limits.Recovery, s.limits.Spread) <= 0:
		return errors.New("maelstrom: durations must be positive")
	}
	return nil
}

func randomSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(1, binary.LittleEndian.Uint64(b[:])>>32)
}
