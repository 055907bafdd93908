package node

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/store"
)

// agree waits, for a few beacons, until nodes hold the same.
func agree(t *testing.T, a, b *Node) {
	t.Helper()
	for range 100 {
		if a.Digest() == b.Digest() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.Equal(t, a.Digest(), b.Digest())
}

func TestRebindAfterTheLinkWasTerminated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		n, other := start(t, net.Connect("a")), start(t, net.Connect("b"))
		require.NoError(t, set(n, "d", "before", "1"))
		agree(t, n, other)
		net.Terminate("a")
		synctest.Wait()
		require.True(t, n.Status().Gone)
		require.NoError(t, set(n, "d", "mine", "1"))
		require.NoError(t, set(other, "d", "theirs", "1"))
		require.NoError(t, n.Rebind(context.Background(), net.Connect("c")))
		synctest.Wait()
		require.False(t, n.Status().Gone)
		agree(t, n, other)
	})
}

// TestRebindClosesTheBrokerBefore and the one that it could not bind to.
func TestRebindClosesTheBrokerBefore(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	n := start(t, net.Connect("a"))
	require.NoError(t, n.Rebind(context.Background(), net.Connect("b")))
	net.Connect("a") // the name of a closed broker is free
	bad := net.Connect("bad")
	net.SetMaxPayload("bad", 1000)
	require.ErrorIs(t, n.Rebind(context.Background(), bad), ErrConfig)
	gone := net.Connect("gone")
	net.Terminate("gone")
	require.ErrorIs(t, n.Rebind(context.Background(), gone), broker.ErrClosed)
	for _, b := range []broker.Broker{bad, gone} {
		require.ErrorIs(t, b.Publish("x", nil), broker.ErrClosed)
	}
	require.NoError(t, n.Drain(context.Background()), "b is still in use")
}

// TestRebindBeforeAllIsInMemory: the node joins the others on its new link, and
// not before it knows what it has.
func TestRebindBeforeAllIsInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := store.NewMemory()
		onDisk := func(c *Config) { c.Store, c.NewID = disk, c.Replica.ID }
		first, err := Open(context.Background(), config(nil, onDisk))
		require.NoError(t, err)
		require.NoError(t, set(first, "d", "stored", "1"))
		require.NoError(t, first.Close())

		net := memory.NewNetwork(memory.Config{})
		other := start(t, net.Connect("other"))
		gate := make(chan struct{})
		n := start(t, net.Connect("a"), func(c *Config) { c.Store, c.Replica.ID, c.pause = disk, first.ID(), func() { <-gate } })
		require.NoError(t, n.Rebind(context.Background(), net.Connect("b")))
		synctest.Wait()
		require.False(t, n.Warm() || n.Status().Online)
		close(gate)
		synctest.Wait()
		require.True(t, n.Warm() && n.Status().Online)
		agree(t, n, other)
		require.NotNil(t, other.core.View("d"))
	})
}

// TestRebindFromALinkThatIsStuck does not wait for it to move.
func TestRebindFromALinkThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		stuck := jam(net.Connect("a"))
		n, other := start(t, stuck), start(t, net.Connect("b"))
		require.NoError(t, set(n, "d", "v", "1"))
		begin := time.Now()
		require.NoError(t, n.Rebind(context.Background(), net.Connect("c")))
		require.LessOrEqual(t, time.Since(begin), closeGrace)
		close(stuck.gate) // as a program does that closes the old connection
		agree(t, n, other)
	})
}

// TestRebindOnALinkThatIsSilent takes no longer than its context, nor than a
// moment, and ends with the node.
func TestRebindOnALinkThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		n := start(t, net.Connect("a"))
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, n.Rebind(short, silent{net.Connect("b")}), context.DeadlineExceeded)
		require.True(t, n.Status().Online, "on the link before")
		begin := time.Now()
		require.NoError(t, n.Rebind(context.Background(), silent{net.Connect("c")}))
		require.Equal(t, openGrace, time.Since(begin))

		var rebind sync.WaitGroup
		rebind.Go(func() {
			if err := n.Rebind(context.Background(), silent{net.Connect("d")}); err != ErrClosed {
				t.Error(err)
			}
		})
		synctest.Wait()
		begin = time.Now()
		require.NoError(t, n.Close())
		require.Less(t, time.Since(begin), openGrace)
		rebind.Wait()
	})
}

// silent is a link that never answers.
type silent struct{ broker.Broker }

func (silent) Flush(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
