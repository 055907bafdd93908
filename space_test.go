package joinery_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tune changes the configuration of a test's replicas.
type tune func(*joinery.Config)

// open opens a replica of the space "test" with quick beacons; the test closes it.
func open(t testing.TB, cfg joinery.Config, tunes ...tune) *joinery.Replica {
	t.Helper()
	if cfg.Space == "" {
		cfg.Space = "test"
	}
	cfg.BeaconEvery = 50 * time.Millisecond
	for _, f := range tunes {
		f(&cfg)
	}
	r, err := joinery.Open(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// alone opens a replica without a transport.
func alone(t testing.TB, tunes ...tune) *joinery.Replica { return open(t, joinery.Config{}, tunes...) }

// onMemory opens replicas named 0, 1, ... on a network in memory.
func onMemory(t testing.TB, n int, cfg memory.Config, tunes ...tune) (*memory.Network, []*joinery.Replica) {
	t.Helper()
	net := memory.NewNetwork(cfg)
	rs := make([]*joinery.Replica, n)
	for i := range rs {
		rs[i] = open(t, joinery.Config{Broker: net.Connect(fmt.Sprint(i))}, tunes...)
	}
	return net, rs
}

// serve starts a NATS server; the test shuts it down.
func serve(t testing.TB, cfg embedded.Config) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Shutdown(context.Background())) })
	return srv
}

// dial connects in process, or over TCP if the server listens.
func dial(t testing.TB, srv *embedded.Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	if url := srv.ClientURL(); url != "" {
		return dialURL(t, url, opts...)
	}
	nc, err := srv.Connect(opts...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func dialURL(t testing.TB, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(5 * time.Millisecond), nats.ReconnectJitter(0, 0), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// within is how long a test waits for what should happen at once.
const within = 20 * time.Second

// converge waits until all replicas hold the same, which is not nothing, and
// returns how long it took.
func settle(t testing.TB, rs ...*joinery.Replica) time.Duration {
	t.Helper()
	start := time.Now()
	equal := func() bool {
		want := rs[0].Status().Digest // once a round: it changes while the others are read
		for _, r := range rs[1:] {
			if r.Status().Digest != want {
				return false
			}
		}
		return true
	}
	if !assertEventually(equal) {
		for _, r := range rs {
			t.Logf("%+v", r.Status())
		}
		t.Fatal("the replicas did not converge")
	}
	return time.Since(start)
}

func assertEventually(cond func() bool) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}

func eventually(t testing.TB, cond func() bool, what ...any) {
	t.Helper()
	require.True(t, assertEventually(cond), what...)
}

// get reads a register that must hold a T.
func get[T any](t testing.TB, c joinery.Cell) T {
	t.Helper()
	v, ok, err := joinery.Get[T](c)
	require.NoError(t, err)
	require.True(t, ok)
	return v
}

// fields lists a document as text, for comparison.
func fields(d *joinery.Doc) (out []string) {
	for f := range d.Fields() {
		out = append(out, fmt.Sprintf("%q %v %v", f.Path, f.Kind, f.Value))
	}
	return out
}

// background is a context that nothing ends.
var background = context.Background()
