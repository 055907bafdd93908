package embedded_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker/embedded"
)

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server for the length of the test.
func start(t *testing.T, cfg embedded.Config) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(within(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Shutdown(within(t))) })
	return s
}

func requireRoundTrip(t *testing.T, nc *nats.Conn) {
	t.Helper()
	sub, err := nc.SubscribeSync("greeting")
	require.NoError(t, err)
	require.NoError(t, nc.Publish("greeting", []byte("hello")))
	m, err := sub.NextMsgWithContext(within(t))
	require.NoError(t, err)
	require.Equal(t, "hello", string(m.Data))
}

func TestZeroConfigServesThisProcessOnly(t *testing.T) {
	s := start(t, embedded.Config{})
	require.Empty(t, s.ClientURL())
	require.Empty(t, s.LeafURL())
	nc, err := s.Connect()
	require.NoError(t, err)
	defer nc.Close()
	requireRoundTrip(t, nc)
	require.EqualValues(t, embedded.DefaultMaxPayload, nc.MaxPayload())
}

func TestListensOnAFreePort(t *testing.T) {
	s := start(t, embedded.Config{Listen: ":0", Name: "here", MaxPayload: 4096})
	require.True(t, strings.HasPrefix(s.ClientURL(), "nats://127.0.0.1:"), s.ClientURL())
	nc, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer nc.Close()
	requireRoundTrip(t, nc)
	require.Equal(t, "here", nc.ConnectedServerName())
	require.EqualValues(t, 4096, nc.MaxPayload())
}

func TestListensOnTheGivenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	s := start(t, embedded.Config{Listen: address})
	require.Equal(t, "nats://"+address, s.ClientURL())
}

func TestPortInUseIsAnErrorThatNamesIt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for _, cfg := range []embedded.Config{
		{Listen: listener.Addr().String()},
		{LeafListen: listener.Addr().String()},
	} {
		_, err = embedded.Start(within(t), cfg)
		require.ErrorIs(t, err, embedded.ErrNotReady)
		require.ErrorContains(t, err, "address already in use")
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	for _, c := range []struct {
		says string
		cfg  embedded.Config
	}{
		{"host:port", embedded.Config{Listen: "localhost"}},
		{"not a number", embedded.Config{Listen: "localhost:http"}},
		{"not a number", embedded.Config{LeafListen: ":70000"}},
		{"nats-leaf://", embedded.Config{LeafRemotes: []string{"hub:7422"}}},
		{"LeafRemotes", embedded.Config{LeafRemotes: []string{"nats-leaf://%zz"}}},
		{"negative", embedded.Config{LeafReconnect: -1}},
		{"MaxPayload", embedded.Config{MaxPayload: -1}},
		{"MaxPayload", embedded.Config{MaxPayload: 65 << 20}},
		{"taken", embedded.Config{Users: []embedded.User{{Name: "a"}, {Name: "a"}}}},
		{"empty", embedded.Config{Users: []embedded.User{{}}}},
	} {
		_, err := embedded.Start(within(t), c.cfg)
		require.ErrorIs(t, err, embedded.ErrConfig, "%+v", c.cfg)
		require.ErrorContains(t, err, c.says)
	}
}

func TestOnlyUsersGetIn(t *testing.T) {
	s := start(t, embedded.Config{Listen: ":0", Users: []embedded.User{{Name: "ann", Password: "secret"}}})
	_, err := nats.Connect(s.ClientURL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	nc, err := s.Connect(nats.UserInfo("ann", "secret"))
	require.NoError(t, err)
	defer nc.Close()
	requireRoundTrip(t, nc)
}

func TestUsersMayDoOnlyWhatIsAllowed(t *testing.T) {
	s := start(t, embedded.Config{Users: []embedded.User{
		{Name: "reader", Publish: []string{}},
		{Name: "writer", Publish: []string{"data.>"}, Subscribe: []string{}},
	}})
	refused := make(chan error, 8)
	onError := nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
	reader, err := s.Connect(nats.UserInfo("reader", ""), onError)
	require.NoError(t, err)
	defer reader.Close()
	writer, err := s.Connect(nats.UserInfo("writer", ""), onError)
	require.NoError(t, err)
	defer writer.Close()

	sub, err := reader.SubscribeSync(">")
	require.NoError(t, err)
	require.NoError(t, reader.Flush())
	require.NoError(t, reader.Publish("data.x", nil))
	require.ErrorIs(t, <-refused, nats.ErrPermissionViolation)
	require.NoError(t, writer.Publish("other", nil))
	require.ErrorIs(t, <-refused, nats.ErrPermissionViolation)
	_, err = writer.SubscribeSync("data.x")
	require.NoError(t, err)
	require.ErrorIs(t, <-refused, nats.ErrPermissionViolation)

	require.NoError(t, writer.Publish("data.y", nil))
	m, err := sub.NextMsgWithContext(within(t))
	require.NoError(t, err)
	require.Equal(t, "data.y", m.Subject)
}

func TestTuneHasTheLastWord(t *testing.T) {
	s := start(t, embedded.Config{Name: "before", Tune: func(o *server.Options) { o.ServerName = "after" }})
	require.Equal(t, "after", s.Name())
}

func TestLogGoesToTheLoggerAndNowhereElse(t *testing.T) {
	var out bytes.Buffer
	s := start(t, embedded.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	require.NoError(t, s.Shutdown(within(t)))
	require.Contains(t, out.String(), "Starting nats-server")
	require.Contains(t, out.String(), "level=INFO")
	require.NotContains(t, out.String(), "level=DEBUG")
}

func TestShutdownClosesConnectionsAndCanBeRepeated(t *testing.T) {
	s := start(t, embedded.Config{})
	nc, err := s.Connect(nats.NoReconnect())
	require.NoError(t, err)
	defer nc.Close()
	closed := nc.StatusChanged(nats.CLOSED)
	require.NoError(t, s.Shutdown(within(t)))
	require.Equal(t, nats.CLOSED, <-closed)
	require.NoError(t, s.Shutdown(within(t)))
}

func TestShutdownRespectsItsContext(t *testing.T) {
	s := start(t, embedded.Config{})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(gone); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestLeafJoinsItsHub(t *testing.T) {
	hub := start(t, embedded.Config{Name: "hub", LeafListen: "127.0.0.1:0"})
	leaf := start(t, embedded.Config{Name: "leaf", LeafRemotes: []string{hub.LeafURL()}})
	require.Eventually(t, func() bool { return hub.Leafs() == 1 && leaf.Leafs() == 1 }, 5*time.Second, time.Millisecond)
}

func ExampleStart() {
	ctx := context.Background()
	s, err := embedded.Start(ctx, embedded.Config{Name: "demo"})
	if err != nil {
		panic(err)
	}
	defer s.Shutdown(ctx)
	nc, err := s.Connect()
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	sub, _ := nc.SubscribeSync("greeting")
	nc.Publish("greeting", []byte("hello"))
	m, _ := sub.NextMsg(time.Second)
	fmt.Println(string(m.Data))
	// Output: hello
}
