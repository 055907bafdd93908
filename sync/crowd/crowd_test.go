package crowd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/crowd"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

func put(key, value string) func(*crdt.Document) error {
	return func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{})
	}
}

// play lets every replica of a graph write once and returns how many deltas left
// and the world at the end.
func play(t *testing.T, g crowd.Graph, loss float64) (deltas int, w *crowd.World) {
	w = crowd.New(crowd.Config{
		Seed: 1, Links: g.Links(), Delay: 5 * time.Millisecond, Loss: loss,
		Sent: func(_ time.Duration, _ int, m *replica.Outgoing, receivers int) {
			require.Equal(t, 1, receivers, "every link has two ends")
			if m.Kind == message.KindDelta || m.Kind == message.KindRelay {
				deltas++
			}
		},
	})
	for i := range w.Replicas {
		w.Connect(i, true)
		w.At(time.Second+time.Duration(i)*100*time.Millisecond, func() { w.Write(i, "doc", put(fmt.Sprint(i), "v")) })
	}
	w.Run(3 * time.Second)
	for !w.Equal() {
		w.Run(w.Now + 100*time.Millisecond)
		require.Less(t, w.Now, time.Minute)
	}
	return deltas, w
}

func TestAUnitCrossesEachLinkOfATreeOnce(t *testing.T) {
	deltas, _ := play(t, crowd.Tree(15), 0)
	require.Equal(t, 15*14, deltas)
}

func TestRelaysInAMeshConvergeUnderLoss(t *testing.T) {
	deltas, w := play(t, crowd.Mesh(15), 0.2)
	require.Less(t, deltas, 15*30*2)
	l, _ := w.Replicas[3].View("doc").Latest(kernel.Root, crdt.TagRegister, "14")
	require.Equal(t, "v", l.Value)
}

func TestARunReplaysExactly(t *testing.T) {
	run := func() time.Duration {
		_, w := play(t, crowd.Mesh(7), 0.3)
		return w.Now
	}
	require.Equal(t, run(), run())
}

func TestAReplicaThatRestartsComesBack(t *testing.T) {
	_, w := play(t, crowd.Tree(3), 0)
	w.Restart(1, 1, func(*replica.Replica) {})
	require.False(t, w.Equal())
	w.Connect(1, true)
	w.Run(w.Now + 5*time.Second)
	require.True(t, w.Equal())
}

func TestGraphs(t *testing.T) {
	for _, n := range crowd.Mesh(15).Neighbours() {
		require.Len(t, n, 4)
	}
	require.Len(t, crowd.Tree(15).Edges, 14)
	require.Len(t, crowd.Tree(15).Neighbours()[1], 3)
}
