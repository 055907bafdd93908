package joinery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/message"
)

func TestConfigsThatMakeNoSense(t *testing.T) {
	srv := serve(t, embedded.Config{})
	net := memory.NewNetwork(memory.Config{})
	for what, cfg := range map[string]joinery.Config{
		"two transports":   {Space: "s", Conn: dial(t, srv), Broker: net.Connect("x")},
		"negative beacons": {Space: "s", BeaconEvery: -1},
		"negative age":     {Space: "s", FlushAge: -1},
		"negative drift":   {Space: "s", MaxDrift: -1},
		"negative docs":    {Space: "s", MaxDocs: -1},
		"negative log":     {Space: "s", LogBytes: -1},
		"negative fields":  {Space: "s", MaxFields: -1},
		"small messages":   {Space: "s", MaxMessage: 100},
		"huge messages":    {Space: "s", MaxMessage: 1 << 30},
		"huge values":      {Space: "s", MaxValue: 1 << 20},
		"tiny transport":   {Space: "s", Broker: memory.NewNetwork(memory.Config{MaxPayload: 1000}).Connect("x")},
	} {
		_, err := joinery.Open(background, cfg)
		require.ErrorIs(t, err, joinery.ErrConfig, what)
		require.ErrorContains(t, err, `joinery: open space "s"`, what)
	}
	for _, space := range []string{"", "a..b", ".", long(65), "\xff"} {
		_, err := joinery.Open(background, joinery.Config{Space: space})
		require.ErrorIs(t, err, joinery.ErrName, "%q", space)
	}
}

func TestReplicaWithoutATransportKeepsToItself(t *testing.T) {
	r := alone(t)
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	require.NoError(t, r.Drain(background))
	s := r.Status()
	require.False(t, s.Online || s.Gone)
	require.Equal(t, "test", s.Space)
	require.Equal(t, 1, s.Docs)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.Contains(t, string(text), `"space":"test"`)
}

func TestAClosedConnectionIsReported(t *testing.T) {
	srv := serve(t, embedded.Config{})
	nc := dial(t, srv)
	r := open(t, joinery.Config{Conn: nc})
	nc.Close()
	eventually(t, func() bool { return r.Status().Gone && !r.Status().Online })
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1), "writes go on")
	require.ErrorIs(t, r.Drain(background), joinery.ErrConnClosed)
	_, err := joinery.Open(background, joinery.Config{Space: "s", Conn: nc})
	require.ErrorIs(t, err, joinery.ErrConnClosed)
	require.ErrorContains(t, err, "connect anew")
}

func TestOpenWithACancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	cancel()
	_, err := joinery.Open(ctx, joinery.Config{Space: "s", Broker: memory.NewNetwork(memory.Config{}).Connect("x")})
	require.ErrorIs(t, err, context.Canceled)
}

// TestOpenOnASilentLinkDoesNotHang: the server accepted the connection and then
// said nothing more.
func TestOpenOnASilentLinkDoesNotHang(t *testing.T) {
	srv := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	link := newLink(t, hostPort(t, srv.ClientURL()))
	nc := dialURL(t, "nats://"+link.Addr())
	link.Blackhole()
	start := time.Now()
	ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	_, err := joinery.Open(ctx, joinery.Config{Space: "s", Conn: nc})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	r := open(t, joinery.Config{Conn: nc})
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	require.Less(t, time.Since(start), 5*time.Second)
	link.Restore()
	other := open(t, joinery.Config{Conn: dial(t, srv)})
	settle(t, r, other)
}

func TestManyReplicasAndSpacesShareAConnection(t *testing.T) {
	srv := serve(t, embedded.Config{})
	nc := dial(t, srv)
	var rs []*joinery.Replica
	for range 3 {
		rs = append(rs, open(t, joinery.Config{Conn: nc}))
	}
	stranger := open(t, joinery.Config{Conn: nc, Space: "stranger"})
	scribbleAll(t, 50, rs...)
	settle(t, rs...)
	require.Zero(t, stranger.Status().Docs)
	require.NoError(t, rs[0].Close())
	scribbleAll(t, 50, rs[1:]...)
	settle(t, rs[1:]...)
	require.True(t, nc.IsConnected(), "the connection is the program's")
}

func TestConnectionWithoutEcho(t *testing.T) {
	srv := serve(t, embedded.Config{})
	a := open(t, joinery.Config{Conn: dial(t, srv, nats.NoEcho())})
	b := open(t, joinery.Config{Conn: dial(t, srv)})
	scribbleAll(t, 50, a, b)
	settle(t, a, b)
	require.Empty(t, a.Status().Denied)
}

func TestHandlersOfTheProgramStayItsOwn(t *testing.T) {
	srv := serve(t, embedded.Config{})
	nc := dial(t, srv)
	heard := make(chan string, 8)
	nc.SetClosedHandler(func(*nats.Conn) { heard <- "closed" })
	nc.SetErrorHandler(func(*nats.Conn, *nats.Subscription, error) { heard <- "error" })
	r := open(t, joinery.Config{Conn: nc})
	scribble(t, r, 0, 10)
	require.NoError(t, r.Close())
	require.Zero(t, nc.NumSubscriptions(), "nothing is left on the connection")
	nc.Close()
	require.Equal(t, "closed", <-heard)
	require.Empty(t, heard)
}

// TestMissingPermissionsAreReportedAndTheRestWorks: this device may not hear
// requests nor ask for them, and may publish one document alone.
func TestMissingPermissionsAreReportedAndTheRestWorks(t *testing.T) {
	id := joinery.NewID()
	srv := serve(t, embedded.Config{Users: []embedded.User{
		{Name: "all", Password: "x"},
		{Name: "edge", Password: "x", Publish: []string{"joinery.test.d.*.mine", "joinery.test.b.*"}, Subscribe: []string{"joinery.test.d.>", "joinery.test.f.>", "joinery.test.b.*"}},
	}})
	var mu sync.Mutex
	var log bytes.Buffer
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	edge := open(t, joinery.Config{
		ID:     id,
		Conn:   dial(t, srv, nats.UserInfo("edge", "x"), quiet),
		Logger: slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &log}, nil)),
	})
	other := open(t, joinery.Config{Conn: dial(t, srv, nats.UserInfo("all", "x"))})
	require.NoError(t, edge.Doc("mine").Register("v").Set(background, 1))
	require.NoError(t, other.Doc("theirs").Register("v").Set(background, 2))
	eventually(t, func() bool { return other.Doc("mine").Exists() && edge.Doc("theirs").Exists() })
	subjects := message.NewSubjects("test", id)
	want := []string{subjects.Anys(), subjects.Mine(), subjects.Probe(id)}
	eventually(t, func() bool {
		denied := edge.Status().Denied
		for _, w := range want {
			if !contains(denied, w) {
				return false
			}
		}
		return true
	}, "%v", edge.Status().Denied)
	require.Empty(t, other.Status().Denied)
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, log.String(), "permission denied")
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func contains(all []string, s string) bool {
	for _, x := range all {
		if x == s {
			return true
		}
	}
	return false
}

func TestClosedReplicaRefusesWritesAndCanBeRead(t *testing.T) {
	net, rs := onMemory(t, 2, memory.Config{})
	r := rs[0]
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "twice is harmless")
	require.ErrorIs(t, r.Doc("d").Register("v").Set(background, 2), joinery.ErrClosed)
	require.ErrorIs(t, r.Doc("d").Update(background, func(*joinery.Tx) error { return nil }), joinery.ErrClosed)
	require.Error(t, r.Drain(background))
	require.Equal(t, 1, get[int](t, r.Doc("d").Register("v")))
	for _, err := range r.Watch(background, ">", joinery.UpdatesOnly()) {
		require.ErrorIs(t, err, joinery.ErrClosed)
	}
	eventually(t, func() bool { return rs[1].Doc("d").Exists() }, "what was written just before Close was sent")
	require.NoError(t, net.WaitIdle(background))
}

func TestCloseAmidWritesAndWatches(t *testing.T) {
	for range 20 {
		_, rs := onMemory(t, 2, memory.Config{})
		var all sync.WaitGroup
		for g := range 4 {
			all.Go(func() {
				for i := 0; ; i++ {
					if err := rs[0].Doc("d").Register("v").Set(background, g*i); err != nil {
						if !errors.Is(err, joinery.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
			all.Go(func() {
				var last error
				for _, err := range rs[0].Watch(background, ">") {
					last = err
				}
				if !errors.Is(last, joinery.ErrClosed) {
					t.Errorf("watch ended with %v", last)
				}
			})
		}
		time.Sleep(time.Millisecond)
		require.NoError(t, rs[0].Close())
		all.Wait()
	}
}

func TestOpenAndCloseLeaveNothingBehind(t *testing.T) {
	srv := serve(t, embedded.Config{})
	nc := dial(t, srv)
	cycle := func() {
		r, err := joinery.Open(background, joinery.Config{Space: "cycle", Conn: nc})
		require.NoError(t, err)
		require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
		for range r.Watch(background, ">") {
			break
		}
		require.NoError(t, r.Close())
	}
	cycle()
	goroutines := runtime.NumGoroutine()
	for range 200 {
		cycle()
	}
	require.Zero(t, nc.NumSubscriptions())
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 })
}
