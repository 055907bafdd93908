package sim

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/replica"
)

// requireSound plays a script and fails with its shrunk transcript.
func requireSound(t *testing.T, s *Script) *Result {
	t.Helper()
	r := Run(s)
	if r.Failure != nil {
		small := Shrink(s)
		require.Nil(t, r.Failure, "%v\n\n%s", r.Failure, Transcript(small, Trace(small)))
	}
	return r
}

func TestHistoriesWithAllFaultsConverge(t *testing.T) {
	histories := 600
	if testing.Short() {
		histories = 100
	}
	var checks, alarms int
	for seed := range uint64(histories) {
		r := requireSound(t, Generate(seed, Small()))
		checks += r.Stats.Checks
		alarms += r.Stats.Alarms["clone"]
	}
	require.Greater(t, checks, 10*histories)
	require.NotZero(t, alarms, "the histories should have clones")
}

func TestHistoriesWithRelaysConverge(t *testing.T) {
	passed := 0
	for seed := range uint64(200) {
		passed += requireSound(t, Generate(seed, Relayed())).Stats.Passed
	}
	require.NotZero(t, passed)
}

func TestHistoriesWithMembersThatComeAndGoConverge(t *testing.T) {
	var sum Stats
	for seed := range uint64(350) {
		s := requireSound(t, Generate(seed, Memberships())).Stats
		sum.Retired, sum.Left, sum.Dismissed = sum.Retired+s.Retired, sum.Left+s.Left, sum.Dismissed+s.Dismissed
	}
	require.NotZero(t, sum.Retired)
	require.NotZero(t, sum.Left)
	require.NotZero(t, sum.Dismissed)
}

func TestHistoriesOfCatchingUpConverge(t *testing.T) {
	var l replica.Ladder
	for seed := range uint64(250) {
		l.Add(&requireSound(t, Generate(seed, Ladders())).Stats.Ladder)
	}
	require.NotZero(t, l.Units)
	require.NotZero(t, l.States)
	require.NotZero(t, l.InChunks)
	require.NotZero(t, l.Compared)
	require.NotZero(t, l.Again)
	require.NotZero(t, l.FellBack)
}

func TestHistoriesOfInterestsConverge(t *testing.T) {
	changes := 0
	for seed := range uint64(250) {
		changes += requireSound(t, Generate(seed, Choosy())).Stats.Interests
	}
	require.Greater(t, changes, 500)
}

func TestLongHistoriesConverge(t *testing.T) {
	for seed := range uint64(5) {
		requireSound(t, Generate(seed, Long()))
	}
}

func TestASeedReplaysExactly(t *testing.T) {
	for seed := range uint64(50) {
		a, b := Run(Generate(seed, Small())), Run(Generate(seed, Small()))
		require.Equal(t, a, b)
		require.Equal(t, a.Hash, Trace(Generate(seed, Small())).Hash, "drawing must not change the history")
	}
	require.NotEqual(t, Run(Generate(1, Small())).Hash, Run(Generate(2, Small())).Hash)
}

// TestASeedReplaysInAnotherProcess guards against what differs between
// processes: the seeds of hash tables, addresses, time.
func TestASeedReplaysInAnotherProcess(t *testing.T) {
	const asked = "SIM_PRINT_HASHES"
	hashes := ""
	for seed := range uint64(30) {
		hashes += fmt.Sprintf("%x ", Run(Generate(seed, Small())).Hash)
	}
	if os.Getenv(asked) != "" {
		fmt.Printf("hashes: %s\n", hashes)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), asked+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "hashes: "+hashes)
}

func TestScriptsSurviveTheirText(t *testing.T) {
	for seed := range uint64(200) {
		s := Generate(seed, Small())
		parsed, err := Parse(s.String())
		require.NoError(t, err)
		require.Equal(t, s.String(), parsed.String())
		if seed < 20 {
			require.Equal(t, Run(s).Hash, Run(parsed).Hash)
		}
	}
}

func TestParseNamesTheBrokenLine(t *testing.T) {
	for text, want := range map[string]string{
		"seed x":                           "line 1",
		"replicas 2\n1ms A dance":          `unknown verb "dance"`,
		"1ms A write doc set x 1":          "colon",
		"1ms A write doc: paint x 1":       `unknown op "paint"`,
		"1ms A write doc: set x 1 under=B": `unknown option "under"`,
		"1ms ? heal":                       "names no replica",
		"net lossy=1":                      `unknown field "lossy"`,
		"1ms A heal now":                   "left over",
		"1ms A write doc: set . 1":         "path is missing",
	} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrSyntax, "%s", text)
		require.ErrorContains(t, err, want)
	}
}

// stormy writes a lot under heavy loss that does not end.
func stormy(seed uint64, docs int, loss float64) *Script {
	rng := rand.New(rand.NewPCG(seed, 5))
	s := &Script{
		Seed: seed, Replicas: 3, Expect: Expect{Within: 20 * time.Second, NoFrames: true},
		Net: Net{Loss: loss, Storm: true, DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
	}
	for i := range 500 {
		s.Actions = append(s.Actions, Action{
			At: time.Duration(i) * 2 * time.Millisecond, Do: Write, Node: rng.IntN(3), Doc: fmt.Sprint("doc", rng.IntN(docs)),
			Ops: []Op{{Do: Set, Path: fmt.Sprint("k", rng.IntN(30)), Value: fmt.Sprint(i)}},
		})
	}
	return s
}

// TestHeavyLossDelaysLittle bounds how long replicas differ after the last
// write if 30% of all messages are lost, requests and answers included.
func TestHeavyLossDelaysLittle(t *testing.T) {
	for _, docs := range []int{1, 20} {
		var all []time.Duration
		for seed := range uint64(15) {
			all = append(all, requireSound(t, stormy(seed, docs, 0.3)).Healed)
		}
		slices.Sort(all)
		require.Less(t, all[len(all)/2], 1500*time.Millisecond, "median of %v", all)
		require.Less(t, all[len(all)-1], 4*time.Second, "worst of %v", all)
	}
}

// TestLostTailsAreRepairedWhileBusy has two replicas write without a pause
// while a delta of a third one, which then falls silent, is lost.
func TestLostTailsAreRepairedWhileBusy(t *testing.T) {
	s := &Script{Seed: 1, Replicas: 3, Net: Net{DelayMin: time.Millisecond, DelayMax: 3 * time.Millisecond}}
	act := func(at time.Duration, do Verb, node, peer int, ops ...Op) {
		s.Actions = append(s.Actions, Action{At: at, Do: do, Node: node, Peer: peer, Doc: "doc", Ops: ops})
	}
	act(0, Cut, 2, 0)
	act(time.Millisecond, Write, 2, 0, Op{Do: Set, Path: "tail", Value: "x"})
	act(50*time.Millisecond, Join, 2, 0)
	act(60*time.Millisecond, Offline, 2, 0)
	for i := range 400 {
		at := time.Duration(100+5*i) * time.Millisecond
		act(at, Write, i%2, 0, Op{Do: Set, Path: fmt.Sprint("k", i%10), Value: fmt.Sprint(i)})
	}
	log := Trace(s).Log
	before, _, found := strings.Cut(log, "units C1")
	require.True(t, found, "A should get C's event from B: %s", log)
	var ms float64
	_, err := fmt.Sscanf(before[strings.LastIndex(before, "\n")+1:], "%fms", &ms)
	require.NoError(t, err)
	require.Less(t, ms, 1500.0, "the writes go on for 2 s")
	requireSound(t, s)
}

func TestManyDocumentsAreCaughtUpInFewMessages(t *testing.T) {
	s := &Script{Seed: 3, Replicas: 2, Net: Net{DelayMin: time.Millisecond, DelayMax: time.Millisecond}, Expect: Expect{Within: 5 * time.Second}}
	s.Actions = append(s.Actions, Action{Do: Offline, Node: 1})
	for i := range 3000 {
		s.Actions = append(s.Actions, Action{At: time.Second, Do: Write, Node: 0, Doc: fmt.Sprintf("device.%d", i), Ops: []Op{{Do: Set, Path: "state", Value: "on"}}})
	}
	s.Actions = append(s.Actions, Action{At: 3 * time.Second, Do: Online, Node: 1})
	r := requireSound(t, s)
	require.Less(t, r.Stats.Messages, 3000+200, "beyond the 3000 deltas")
	require.Less(t, r.Healed, time.Second)
}

func TestHundredsOfReplicasAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := &Script{Seed: 4, Replicas: 200, Net: Net{Loss: 0.05, DelayMin: time.Millisecond, DelayMax: 20 * time.Millisecond}}
	for i := range 60 {
		s.Actions = append(s.Actions, Action{
			At: time.Duration(i) * 10 * time.Millisecond, Do: Write, Node: i * 37 % 200, Doc: "doc", Ops: []Op{{Do: Inc, Path: "n", Amount: 1}},
		})
	}
	requireSound(t, s)
}
