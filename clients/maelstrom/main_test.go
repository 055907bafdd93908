package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/nemesis"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

var long = flag.Duration("maelstrom.time", 0, "also run every workload for this long, with five nodes and all faults")

// The test's program is also that of its nodes, and of nodes that lie.
const (
	liarArgument    = "-maelstrom-liar"
	doublerArgument = "-maelstrom-doubler"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case nodeArgument:
			os.Exit(serveNode(os.Stdin, os.Stdout, os.Stderr))
		case liarArgument:
			os.Exit(serveNode(tampered(forgetful()), os.Stdout, os.Stderr))
		case doublerArgument:
			os.Exit(serveNode(tampered(double), os.Stdout, os.Stderr))
		}
	}
	goleak.VerifyTestMain(m)
}

// tampered returns the requests on standard input, each changed by fn.
func tampered(fn func(b *protocol.Body)) io.Reader {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(protocol.Each(os.Stdin, func(m *protocol.Message) error {
			fn(&m.Body)
			return protocol.Write(w, m)
		}))
	}()
	return r
}

// forgetful returns what makes the first add and each tenth after it one of another
// element, or of nothing. Adds that are so already do not count: however few a run on
// a slow machine has, one is forgotten.
func forgetful() func(b *protocol.Body) {
	adds := 0
	return func(b *protocol.Body) {
		for _, v := range []*int64{b.Element, b.Message, b.Delta} {
			if v == nil || *v == 0 {
				continue
			}
			if adds%10 == 0 {
				*v = 0
			}
			adds++
		}
	}
}

// double makes every add of a counter count twice.
func double(b *protocol.Body) {
	if b.Delta != nil {
		*b.Delta *= 2
	}
}

// short is a run of a few seconds on three nodes. Its one kill comes first, so
// that nobody needs time to recover before it.
func short(t *testing.T, argument string) settings {
	exe, err := os.Executable()
	require.NoError(t, err)
	s := defaults()
	s.nodes, s.time, s.rate, s.seed = 3, 6*time.Second, 40, 7
	s.faults = []nemesis.Fault{nemesis.Kill, nemesis.Partition, nemesis.Pause}
	s.hold, s.calm, s.calmBeforeKill = 500*time.Millisecond, time.Second, time.Minute
	s.limits = history.Limits{Recovery: 200 * time.Millisecond, Spread: 500 * time.Millisecond}
	s.command, s.log = []string{exe, argument}, t.Output()
	return s
}

// outcomes is what came of runs that were made at the same time: they wait more
// than they work.
type outcomes struct {
	reports map[string]*Report
	logs    map[string]*bytes.Buffer
}

// runTogether runs each workload of a map with its settings, and prints the
// reports of those that failed to be as they should.
func runTogether(t *testing.T, all map[string]settings) *outcomes {
	o := &outcomes{make(map[string]*Report), make(map[string]*bytes.Buffer)}
	errs := make(map[string]error)
	var mu sync.Mutex
	var runs sync.WaitGroup
	for name, s := range all {
		log := new(bytes.Buffer)
		s.log, o.logs[name] = log, log
		runs.Go(func() {
			r, err := run(t.Context(), s, named(t, name))
			mu.Lock()
			defer mu.Unlock()
			o.reports[name], errs[name] = r, err
		})
	}
	runs.Wait()
	for name, err := range errs {
		require.NoError(t, err, name)
		require.NoError(t, o.reports[name].write(o.logs[name]))
	}
	return o
}

func named(t *testing.T, name string) workload {
	w := workloads
	require.NoError(t, choose(&w, name, func(w workload) string { return w.name }))
	return w[0]
}

func TestWorkloadsAreValidUnderPartitionPauseAndKill(t *testing.T) {
	t.Parallel()
	all := make(map[string]settings)
	for _, w := range workloads {
		all[w.name] = short(t, nodeArgument)
	}
	o := runTogether(t, all)
	for name, r := range o.reports {
		require.True(t, r.Valid, o.logs[name])
		require.GreaterOrEqual(t, r.Rounds, len(all[name].faults), o.logs[name])
		require.Positive(t, r.Availability.PartedTried, o.logs[name])
	}
}

// TestNodesThatLieAreFound is the test of the whole: with nodes that lose or
// double what they acknowledge, a run must not be valid.
func TestNodesThatLieAreFound(t *testing.T) {
	t.Parallel()
	findings := map[string]string{
		"g-set": "set-full", "broadcast": "set-full", "g-counter": "counter", "pn-counter": "counter", "ledger": "groups",
	}
	arguments := map[string]string{
		"g-set": liarArgument, "broadcast": liarArgument, "g-counter": liarArgument,
		"pn-counter": doublerArgument, "ledger": doublerArgument,
	}
	all := make(map[string]settings)
	for name, argument := range arguments {
		s := short(t, argument)
		s.faults, s.time = nil, 2*time.Second
		all[name] = s
	}
	o := runTogether(t, all)
	for name, finding := range findings {
		require.False(t, o.reports[name].Valid, o.logs[name])
		require.Contains(t, o.reports[name].Invalid, finding, o.logs[name])
	}
}

func TestLongRuns(t *testing.T) {
	if *long == 0 {
		t.Skip("only with -maelstrom.time")
	}
	for _, w := range workloads {
		t.Run(w.name, func(t *testing.T) {
			s := defaults()
			s.time, s.seed = *long, randomSeed()
			s.command, s.log = short(t, nodeArgument).command, t.Output()
			r, err := run(t.Context(), s, w)
			require.NoError(t, err)
			require.NoError(t, r.write(t.Output()))
			require.True(t, r.Valid, r.Invalid)
		})
	}
}

func TestReportsAreTextOrJSON(t *testing.T) {
	t.Parallel()
	s := short(t, nodeArgument)
	s.faults, s.time, s.workloads = nil, 500*time.Millisecond, workloads[:1]
	var text, object bytes.Buffer
	require.Zero(t, runAll(t.Context(), s, &text, false))
	require.Contains(t, text.String(), "g-set: valid\n")
	require.Zero(t, runAll(t.Context(), s, &object, true))
	var r Report
	require.NoError(t, json.Unmarshal(object.Bytes(), &r))
	require.Equal(t, "g-set", r.Workload)
	require.True(t, r.Valid)
}

func TestInterruptedRunsHaveNoResult(t *testing.T) {
	t.Parallel()
	s := short(t, nodeArgument)
	s.time = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := run(ctx, s, workloads[0])
	require.Error(t, err)
}

func TestCommandLinesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-workload", "echo"}, {"-nemesis", "flood"}, {"-topology", "star"}, {"-nodes", "2"}, {"-nodes", "1000"},
		{"-rate", "0"}, {"-time", "-1s"}, {"-time", "1h", "-rate", "2000"}, {"-hold", "0"}, {"more"}, {"-nonsense"},
	} {
		require.Equal(t, 2, command(t.Context(), args, io.Discard, io.Discard), args)
	}
}

func TestListsChooseInTheirOrder(t *testing.T) {
	s, _, err := parse([]string{"-workload", "broadcast,g-set", "-nemesis", "kill", "-seed", "9"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "broadcast", s.workloads[0].name)
	require.Len(t, s.workloads, 2)
	require.Equal(t, []nemesis.Fault{nemesis.Kill}, s.faults)
	require.EqualValues(t, 9, s.seed)
	s, _, err = parse([]string{"-nemesis", "none"}, io.Discard)
	require.NoError(t, err)
	require.Empty(t, s.faults)
	require.NotZero(t, s.seed)
}
