package sim

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoDotGetsTwoPayloadsWhateverHappensToDisks(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		r := requireSound(t, Generate(seed, Identities()))
		require.Zero(t, r.Stats.Tainted)
		require.Zero(t, r.Stats.Alarms["conflict"])
		for what, n := range map[string]int{
			"clean stops": r.Stats.Stops, "starts as the same actor": r.Stats.Resumed, "restored disks": r.Stats.Restores,
			"copied disks": r.Stats.Copies, "damaged documents": r.Stats.Forgotten, "lost tails": r.Stats.Lost,
		} {
			seen[what] += n
		}
	}
	for what, n := range seen {
		require.Greater(t, n, 20, what)
	}
}

// stubbornly plays a script with replicas that stay the actors that they were,
// whatever happened to their disks.
func stubbornly(s *Script) *Result {
	w := newWorld(s, nil)
	w.sticky = true
	return w.result()
}

// TestReplicasThatStayTheSameActorAreCaught shows that the histories find the
// mistake that they are for.
func TestReplicasThatStayTheSameActorAreCaught(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(100) {
		if r := stubbornly(Generate(seed, Identities())); r.Failure != nil {
			kinds[r.Failure.Kind]++
		}
	}
	require.Greater(t, kinds["identity"], 5, "dots with two payloads: %v", kinds)
	require.Greater(t, kinds["alarm"], 5, "replicas that meet events under their own name: %v", kinds)
}

// TestLostClocksAreCaught tells the stories of riak_kv#679 that are about lost
// counts with replicas that lose them.
func TestLostClocksAreCaught(t *testing.T) {
	for _, story := range []string{"lost-clock", "fallback", "handoff", "one-id"} {
		text, err := os.ReadFile("testdata/kv679-" + story + ".txt")
		require.NoError(t, err)
		s, err := Parse(string(text))
		require.NoError(t, err)
		require.Nil(t, Run(s).Failure, story)
		require.NotNil(t, stubbornly(s).Failure, story)
	}
}

// requireStarts plays a script and returns as whom its replicas are in the end.
func requireStarts(t *testing.T, text string) (w *world, incarnations []uint64) {
	t.Helper()
	s, err := Parse(text)
	require.NoError(t, err)
	w = newWorld(s, nil)
	require.Nil(t, w.result().Failure)
	for _, n := range w.nodes {
		incarnations = append(incarnations, n.r.Actor().Incarnation)
	}
	return w, incarnations
}

func TestACleanStopIsGoodForOneStart(t *testing.T) {
	const begin = "replicas 1\n0s A write doc: set x 1\n10ms A stop\n"
	const again = "20ms A restart\n30ms A write doc: set x 2\n"
	_, first := requireStarts(t, "replicas 1\n0s A write doc: set x 1\n")
	_, same := requireStarts(t, begin+again)
	require.Equal(t, first, same)

	for what, then := range map[string]string{
		"a crash":            again + "40ms A crash 0\n41ms A write doc: set x 3\n50ms A restart\n",
		"an old copy":        "15ms A restore 0\n",
		"an empty disk":      "15ms A wipe\n",
		"a damaged document": "15ms A forget doc\n" + again,
	} {
		_, fresh := requireStarts(t, begin+then)
		require.NotEqual(t, first, fresh, what)
	}
	_, all := requireStarts(t, begin+"15ms A copy 9\n"+again)
	require.Equal(t, first[0], all[0], "the original goes on")
	require.NotEqual(t, all[0], all[1], "the copy does not")
}

func TestOnlyWhatALostDiskAloneHadMayBeGone(t *testing.T) {
	const script = "replicas 2\ntuning commit=1\n0s A write doc: set x 1\n20ms A offline\n30ms A write doc: set y 2\n"
	w, _ := requireStarts(t, script+"50ms A wipe\n")
	orphans := map[bool]int{}
	for _, c := range w.ledger("doc").actors {
		for i := range c.events {
			orphans[c.events[i].unit.orphan]++
		}
	}
	require.Equal(t, map[bool]int{false: 1, true: 1}, orphans)
}

func TestScriptsSayWhatRegistersHold(t *testing.T) {
	const script = "replicas 2\nholds doc m/x 1 2\nholds doc y\n0s A write doc: set m/x 1\n0s B write doc: set m/x 2\n"
	s, err := Parse(script)
	require.NoError(t, err)
	require.Contains(t, s.String(), "holds doc m/x 1 2\nholds doc y\n")
	require.Nil(t, Run(s).Failure)
	s.Expect.Holds[1].Values = []string{"3"}
	require.Equal(t, "expectation", Run(s).Failure.Kind)
}
