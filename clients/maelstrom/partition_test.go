package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/cluster"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/node"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// gossip is more than servers take to connect to a server that they were told of.
const gossip = 1500 * time.Millisecond

// has reports whether a node has an element.
func has(t *testing.T, c *cluster.Cluster, at int, v int64) bool {
	reply, _, err := c.Call(t.Context(), at, protocol.Body{Type: protocol.Read})
	require.NoError(t, err)
	var op history.Op
	require.NoError(t, seeList(&op, &reply))
	return op.Seen.Has(v)
}

func put(t *testing.T, c *cluster.Cluster, at int, v int64) {
	_, _, err := c.Call(t.Context(), at, addElement(v))
	require.NoError(t, err)
}

// TestServersDoNotGoAroundABrokenLink parts two nodes and has the third, which
// both still see, come back anew: it could tell either of the other. Then it is
// paused, so that nothing can pass through it.
func TestServersDoNotGoAroundABrokenLink(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Config{
		Nodes: 3, Workload: node.GSet, Command: short(t, nodeArgument).command,
		Recorder: history.NewRecorder(), Stderr: t.Output(),
	})
	require.NoError(t, err)
	defer c.Close()
	arrives := func(at int, v int64) {
		t.Helper()
		require.Eventually(t, func() bool { return has(t, c, at, v) }, 20*time.Second, 10*time.Millisecond)
	}
	put(t, c, 0, 1)
	arrives(1, 1)

	c.Part(cluster.Cut, []cluster.Pair{cluster.PairOf(0, 1)})
	c.Kill(2)
	require.NoError(t, c.Restart(ctx, 2))
	put(t, c, 0, 2)
	arrives(1, 2)
	time.Sleep(gossip)
	require.NoError(t, c.Pause(2))
	put(t, c, 0, 3)
	time.Sleep(gossip)
	require.False(t, has(t, c, 1, 3), "it came by a way that should not be there")

	c.Heal()
	arrives(1, 3)
	require.NoError(t, c.Resume(2))
	arrives(2, 3)
}
