package joinery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// TestRebindResumesAfterAConnectionWasClosedForGood: nothing that was written
// on either side meanwhile is lost, and a watch goes on through it.
func TestRebindResumesAfterAConnectionWasClosedForGood(t *testing.T) {
	srv := serve(t, embedded.Config{})
	nc := dial(t, srv)
	r, other := open(t, joinery.Config{Conn: nc}), open(t, joinery.Config{Conn: dial(t, srv)})
	scribbleAll(t, 50, r, other)
	settle(t, r, other)
	events := r.Watch(t.Context(), "watched", joinery.UpdatesOnly())

	nc.Close()
	eventually(t, func() bool { return r.Status().Gone && !r.Status().Online })
	scribbleAll(t, 50, r, other)
	require.NoError(t, other.Doc("watched").Register("v").Set(background, "missed"))
	require.NotZero(t, r.Status().Pending)
	require.NotEqual(t, r.Status().Digest, other.Status().Digest)

	require.NoError(t, r.Rebind(background, dial(t, srv)))
	settle(t, r, other)
	require.False(t, r.Status().Gone)
	require.True(t, r.Status().Online)
	require.Zero(t, r.Status().Pending)
	require.NoError(t, r.Drain(background))
	for ev, err := range events {
		require.NoError(t, err)
		require.Equal(t, `remote watched ["v"] true missed`, text(ev))
		break
	}
}

func TestAReplicaOpenedWithoutAConnectionIsBoundLater(t *testing.T) {
	srv := serve(t, embedded.Config{})
	r, other := alone(t), open(t, joinery.Config{Conn: dial(t, srv)})
	scribbleAll(t, 50, r, other)
	require.NoError(t, r.Rebind(background, dial(t, srv)))
	settle(t, r, other)
	scribbleAll(t, 50, r, other)
	settle(t, r, other)
}

// TestRebindToAConnectionThatIsNotUpYet is offline until it is.
func TestRebindToAConnectionThatIsNotUpYet(t *testing.T) {
	srv := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	link := newLink(t, hostPort(t, srv.ClientURL()))
	link.Cut()
	r, other := open(t, joinery.Config{Conn: dial(t, srv)}), open(t, joinery.Config{Conn: dial(t, srv)})
	settle(t, r, other)
	require.NoError(t, r.Rebind(background, dialURL(t, "nats://"+link.Addr(), nats.RetryOnFailedConnect(true))))
	require.False(t, r.Status().Online || r.Status().Gone)
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	require.ErrorIs(t, r.Drain(background), joinery.ErrDisconnected)
	link.Restore()
	eventually(t, func() bool { return other.Doc("d").Exists() })
}

func TestRebindLeavesNothingOnTheConnectionBefore(t *testing.T) {
	srv := serve(t, embedded.Config{})
	before, after := dial(t, srv), dial(t, srv)
	heard := make(chan string, 8)
	for _, nc := range []*nats.Conn{before, after} {
		nc.SetClosedHandler(func(*nats.Conn) { heard <- "closed" })
		nc.SetErrorHandler(func(*nats.Conn, *nats.Subscription, error) { heard <- "error" })
	}
	mine, err := before.SubscribeSync("mine")
	require.NoError(t, err)
	r, other := open(t, joinery.Config{Conn: before}), open(t, joinery.Config{Conn: dial(t, srv)})
	scribbleAll(t, 20, r, other)
	require.NoError(t, r.Rebind(background, after))
	require.Equal(t, 1, before.NumSubscriptions(), "the program's own")
	scribbleAll(t, 20, r, other)
	settle(t, r, other)
	require.True(t, before.IsConnected(), "the connection is the program's")
	require.True(t, mine.IsValid())
	require.NoError(t, r.Close())
	require.Zero(t, after.NumSubscriptions())
	require.Empty(t, heard)
	before.Close()
	require.Equal(t, "closed", <-heard)
}

func TestARebindThatFailsChangesNothing(t *testing.T) {
	srv, small := serve(t, embedded.Config{}), serve(t, embedded.Config{MaxPayload: 4 << 10})
	r, other := open(t, joinery.Config{Conn: dial(t, srv)}), open(t, joinery.Config{Conn: dial(t, srv)})
	gone, cancelled := dial(t, srv), cancelledContext()
	gone.Close()
	spare, tiny := dial(t, srv), dial(t, small)
	require.ErrorIs(t, r.Rebind(background, nil), joinery.ErrConfig)
	require.ErrorIs(t, r.RebindBroker(background, nil), joinery.ErrConfig)
	require.ErrorIs(t, r.Rebind(background, gone), joinery.ErrConnClosed)
	require.ErrorIs(t, r.Rebind(background, tiny), joinery.ErrConfig)
	require.ErrorIs(t, r.Rebind(cancelled, spare), context.Canceled)
	require.Zero(t, spare.NumSubscriptions())
	scribbleAll(t, 20, r, other)
	settle(t, r, other)
	require.NoError(t, r.Close())
	require.ErrorIs(t, r.Rebind(background, spare), joinery.ErrClosed)
	require.Zero(t, spare.NumSubscriptions())
}

func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(background)
	cancel()
	return ctx
}

// TestReplicasOfSeveralSpacesMoveToAndFroAmidWrites share two connections, of
// which each of them uses now the one and now the other.
func TestReplicasOfSeveralSpacesMoveToAndFroAmidWrites(t *testing.T) {
	srv := serve(t, embedded.Config{})
	conns := []*nats.Conn{dial(t, srv), dial(t, srv)}
	spaces := [2][]*joinery.Replica{}
	var work sync.WaitGroup
	for i := range 4 {
		r := open(t, joinery.Config{Conn: conns[0], Space: fmt.Sprint("space", i%2)})
		spaces[i%2] = append(spaces[i%2], r)
		work.Go(func() {
			for j := range 20 {
				report(t, r.Rebind(background, conns[(i+j)%2]))
			}
		})
		work.Go(func() {
			for j := range 300 {
				report(t, r.Doc("d").Counter("n").Inc(background, 1))
				report(t, r.Doc(fmt.Sprint("d", j%7)).Register("v").Set(background, j))
			}
		})
	}
	work.Wait()
	for i, rs := range spaces {
		settle(t, rs...)
		require.EqualValues(t, 600, rs[0].Doc("d").Counter("n").Value(), "space %d", i)
		require.Zero(t, rs[0].Status().Stats.Conflicts)
	}
}

func TestRebindInsideAWatchLoop(t *testing.T) {
	srv := serve(t, embedded.Config{})
	r, other := alone(t), open(t, joinery.Config{Conn: dial(t, srv)})
	require.NoError(t, r.Doc("d").Register("v").Set(background, "mine"))
	require.NoError(t, other.Doc("e").Register("v").Set(background, "theirs"))
	got := take(t, 2, r, ">", func(i int) {
		if i == 1 {
			require.NoError(t, r.Rebind(background, dial(t, srv)))
		}
	})
	require.Equal(t, []string{`snapshot d ["v"] true mine`, `remote e ["v"] true theirs`}, got)
}

func TestRebindInsideAnUpdatePanics(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	r := alone(t)
	require.PanicsWithValue(t, "joinery: the replica was used inside an Update or View of its own; use what is passed to the function", func() {
		_ = r.Doc("d").Update(background, func(*joinery.Tx) error { return r.RebindBroker(background, net.Connect("x")) })
	})
}

func TestRebindAndCloseAtOnce(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	for i := range 50 {
		r := alone(t)
		var all sync.WaitGroup
		for j := range 3 {
			all.Go(func() {
				if err := r.RebindBroker(background, net.Connect(fmt.Sprint(i, j))); err != nil {
					report(t, mustBe(err, joinery.ErrClosed))
				}
			})
		}
		all.Go(func() { report(t, r.Close()) })
		all.Wait()
	}
}

// mustBe returns nil if err is what it has to be.
func mustBe(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return err
}

// TestAConnectionThatGaveUpIsReportedAndReplaced: nats.go closes it itself.
func TestAConnectionThatGaveUpIsReportedAndReplaced(t *testing.T) {
	srv := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	link := newLink(t, hostPort(t, srv.ClientURL()))
	var mu sync.Mutex
	var log bytes.Buffer
	r := open(t, joinery.Config{
		Conn:   dialURL(t, "nats://"+link.Addr(), nats.MaxReconnects(2)),
		Logger: slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &log}, nil)),
	})
	other := open(t, joinery.Config{Conn: dial(t, srv)})
	scribbleAll(t, 20, r, other)
	link.Cut()
	eventually(t, func() bool { return r.Status().Gone })
	scribbleAll(t, 20, r, other)
	require.ErrorIs(t, r.Drain(background), joinery.ErrConnClosed)
	mu.Lock()
	require.Contains(t, log.String(), "connection closed for good")
	mu.Unlock()

	link.Restore()
	require.NoError(t, r.Rebind(background, dialURL(t, "nats://"+link.Addr())))
	settle(t, r, other)
	require.False(t, r.Status().Gone)
}

// TestRebindForgetsWhatTheOldServerDenied: the new one has its own permissions.
func TestRebindForgetsWhatTheOldServerDenied(t *testing.T) {
	srv := serve(t, embedded.Config{Users: []embedded.User{
		{Name: "all", Password: "x"},
		{Name: "none", Password: "x", Publish: []string{"nothing"}, Subscribe: []string{"nothing"}},
	}})
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	r := open(t, joinery.Config{Conn: dial(t, srv, nats.UserInfo("none", "x"), quiet)})
	eventually(t, func() bool { return len(r.Status().Denied) > 0 })
	require.NoError(t, r.Rebind(background, dial(t, srv, nats.UserInfo("all", "x"))))
	other := open(t, joinery.Config{Conn: dial(t, srv, nats.UserInfo("all", "x"))})
	scribbleAll(t, 20, r, other)
	settle(t, r, other)
	require.Empty(t, r.Status().Denied)
}

// TestRebindToAServerThatTakesLess, and back: the limit of messages is followed
// in both directions.
func TestRebindToAServerThatTakesLess(t *testing.T) {
	large, small := serve(t, embedded.Config{}), serve(t, embedded.Config{MaxPayload: 16 << 10})
	r := open(t, joinery.Config{Conn: dial(t, large)})
	for i, srv := range []*embedded.Server{small, large} {
		require.NoError(t, r.Doc("big").Register(fmt.Sprint(i)).Set(background, long(100_000)))
		require.NoError(t, r.Rebind(background, dial(t, srv)))
		other := open(t, joinery.Config{Conn: dial(t, srv)})
		settle(t, r, other)
		require.Equal(t, long(100_000), get[string](t, other.Doc("big").Register(fmt.Sprint(i))))
	}
	require.Zero(t, r.Status().Stats.Unsent)
}
