package joinerytest_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/joinerytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// verdict is a test that may fail without failing this one.
type verdict struct {
	*testing.T
	said string
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// verdictOf returns what a test that ought to fail says.
func verdictOf(t *testing.T, test func(t joinerytest.TB)) string {
	v := &verdict{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(v)
	}()
	<-done
	return v.said
}

// body returns the lines between the braces of a function in a file.
func body(t *testing.T, file, head string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(b), head+" {\n")
	require.True(t, ok, "%s has no %s", file, head)
	text, _, ok = strings.Cut(text, "\n}")
	require.True(t, ok)
	return strings.Split(text, "\n")
}

func TestTheExampleHasTenLines(t *testing.T) {
	const head = "func TestTheLaterPriceStands(t *testing.T)"
	lines := body(t, "example_test.go", head)
	require.Len(t, lines, 10)
	for _, l := range lines {
		require.Less(t, len(l), 100)
	}
	for file, margin := range map[string]string{"doc.go": "//\t", "../../README.md": ""} {
		shown, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, l := range append(lines, head+" {") {
			require.Contains(t, string(shown), "\n"+margin+l+"\n", "%s shows the example", file)
		}
	}
}

func TestReplicasThatAreCutHearNothingAndKnow(t *testing.T) {
	space := joinerytest.New(t, 3)
	space.Cut(0, 1)
	for i := range 3 {
		require.Equal(t, i == 2, space.Replica(i).Status().Online)
		require.NoError(t, space.Replica(i).Doc(fmt.Sprint("d", i)).Counter("n").Inc(t.Context(), 1))
	}
	require.NoError(t, space.Network().WaitIdle(t.Context()))
	for i := range 3 {
		require.Equal(t, 1, space.Replica(i).Status().Docs)
	}
	space.Heal()
	space.Converge()
	for i := range 3 {
		require.Equal(t, 3, space.Replica(i).Status().Docs)
	}
}

func TestReplicasThatAreSilencedHearNothingAndDoNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		space := joinerytest.New(t, 2)
		space.Silence(1)
		require.NoError(t, space.Replica(0).Doc("d").Counter("n").Inc(t.Context(), 1))
		time.Sleep(time.Minute)
		require.True(t, space.Replica(1).Status().Online)
		require.False(t, space.Replica(1).Doc("d").Exists())
		space.Heal()
		space.Converge()
		require.True(t, space.Replica(1).Doc("d").Exists())
	})
}

func TestConvergeSaysWhatDiffers(t *testing.T) {
	said := verdictOf(t, func(t2 joinerytest.TB) {
		space := joinerytest.New(t2, 2)
		space.Patience = 10 * time.Millisecond
		space.Cut(1)
		here, there := space.Replica(0).Doc("cart"), space.Replica(1).Doc("cart")
		require.NoError(t, here.Register("owner").Set(t.Context(), "Alice"))
		require.NoError(t, there.Register("owner").Set(t.Context(), "Bob"))
		require.NoError(t, there.Register("owner").Set(t.Context(), "Eve", joinery.Over(joinery.Context{})))
		require.NoError(t, there.Set("items").Add(t.Context(), "milk"))
		space.Converge()
	})
	require.Equal(t, strings.Join([]string{
		`joinerytest: the replicas still differ after 10ms`,
		`replica 1 is cut off`,
		`document "cart", register ["owner"]: replica 0 has Alice, replica 1 has Eve and 1 more`,
		`document "cart", set ["items"], element milk: replica 0 has nothing, replica 1 has it`,
	}, "\n"), said)
}

func TestConvergeSaysWhenHistoriesAloneDiffer(t *testing.T) {
	said := verdictOf(t, func(t2 joinerytest.TB) {
		space := joinerytest.New(t2, 2)
		space.Patience = time.Millisecond
		space.Silence(1)
		for i := range 2 {
			require.NoError(t, space.Replica(i).Doc("d").Register("v").Set(t.Context(), "same"))
		}
		space.Converge()
	})
	require.Contains(t, said, "replicas 0 and 1 show the same values, with different histories")
}

func TestALongListOfDifferencesIsCutShort(t *testing.T) {
	said := verdictOf(t, func(t2 joinerytest.TB) {
		space := joinerytest.New(t2, 2)
		space.Patience = time.Millisecond
		space.Silence(1)
		for i := range 50 {
			require.NoError(t, space.Replica(1).Doc("d").Register(fmt.Sprint(i)).Set(t.Context(), i))
		}
		space.Converge()
	})
	require.Equal(t, 22, len(strings.Split(said, "\n")))
	require.Contains(t, said, "and 30 more")
}

func TestOfEqualTimesTheGreaterIndexWinsInEveryRun(t *testing.T) {
	for range 10 {
		space := joinerytest.New(t, 3)
		space.Cut(0, 1, 2)
		for i := range 3 {
			require.NoError(t, space.Replica(i).Doc("d").Register("v").Set(t.Context(), i))
		}
		space.Heal()
		space.Converge()
		v, _, err := joinery.Get[int](space.Replica(0).Doc("d").Register("v"))
		require.NoError(t, err)
		require.Equal(t, 2, v)
	}
}

func TestClocksStandStillUntilTheyAreTurned(t *testing.T) {
	space := joinerytest.New(t, 2)
	written := func() time.Time {
		all, err := joinery.Siblings[int](space.Replica(0).Doc("d").Register("v"))
		require.NoError(t, err)
		return all[0].Time.UTC()
	}
	require.NoError(t, space.Replica(0).Doc("d").Register("v").Set(t.Context(), 1))
	require.Equal(t, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), written())
	space.Advance(90 * time.Minute)
	require.NoError(t, space.Replica(0).Doc("d").Register("v").Set(t.Context(), 2))
	require.Equal(t, time.Date(2025, 1, 1, 1, 30, 0, 0, time.UTC), written())
	require.Equal(t, space.Clock(0).Now(), space.Clock(1).Now())
}

func TestOptionsChangeEachReplica(t *testing.T) {
	space := joinerytest.New(t, 2, func(i int, c *joinery.Config) { c.MaxValue = 10 * (i + 1) })
	set := func(i int) error {
		return space.Replica(i).Doc("d").Register("v").Set(t.Context(), "fifteen letters")
	}
	require.ErrorIs(t, set(0), joinery.ErrTooLarge)
	require.NoError(t, set(1))
	said := verdictOf(t, func(t joinerytest.TB) {
		joinerytest.New(t, 1, func(_ int, c *joinery.Config) { c.Space = "" })
	})
	require.Contains(t, said, "joinerytest: replica 0: ")
}

// TestFaultsOfTheNetwork: half of all messages are lost, some are doubled.
func TestFaultsOfTheNetwork(t *testing.T) {
	space := joinerytest.New(t, 3)
	space.Network().SetFaults(memory.Faults{Link: memory.Random(1, memory.Odds{Drop: 0.5, Duplicate: 0.2})})
	for i := range 300 {
		require.NoError(t, space.Replica(i%3).Doc("d").Counter("n").Inc(t.Context(), 1))
	}
	space.Converge()
	require.EqualValues(t, 300, space.Replica(0).Doc("d").Counter("n").Value())
}
