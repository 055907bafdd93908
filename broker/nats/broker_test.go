package nats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/linktest"
	"github.com/joinery-crdt/joinery/broker/nats"
)

// await skips events until one of the kind comes.
func await(t *testing.T, b *nats.Broker, kind broker.EventKind) broker.Event {
	t.Helper()
	ctx := within(t)
	for {
		select {
		case e := <-b.Events():
			if e.Kind == kind {
				return e
			}
		case <-ctx.Done():
			require.FailNow(t, "event did not come", "%v", kind)
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	require.NoError(t, err)
	defer nc.Close()
	_, err = nats.New(nil, nats.Config{})
	require.ErrorIs(t, err, nats.ErrConfig)
	for _, cfg := range []nats.Config{{MaxPayload: -1}, {QueueMessages: -1}, {QueueBytes: -1}, {Audit: -1}} {
		_, err = nats.New(nc, cfg)
		require.ErrorIs(t, err, nats.ErrConfig)
	}
	nc.Close()
	_, err = nats.New(nc, nats.Config{})
	require.ErrorIs(t, err, broker.ErrClosed)
}

// TestConnectionStaysTheCallers looks at everything that a library could spoil.
func TestConnectionStaysTheCallers(t *testing.T) {
	var called []string
	nc, err := serve(t, embedded.Config{}).Connect(
		natsgo.ErrorHandler(func(*natsgo.Conn, *natsgo.Subscription, error) { called = append(called, "error") }),
		natsgo.ClosedHandler(func(*natsgo.Conn) { called = append(called, "closed") }),
	)
	require.NoError(t, err)
	defer nc.Close()
	own, err := nc.SubscribeSync("s")
	require.NoError(t, err)
	_, err = nc.Request("nobody", nil, time.Second) // starts what nats.go keeps for requests
	require.ErrorIs(t, err, natsgo.ErrNoResponders)

	leaks := goleak.IgnoreCurrent()
	b, err := nats.New(nc, nats.Config{})
	require.NoError(t, err)
	_, err = b.Subscribe("s", "", func(broker.Message) {})
	require.NoError(t, err)
	_, err = b.Respond("r")
	require.NoError(t, err)
	require.NoError(t, b.Probe(within(t), "r"))
	require.NoError(t, b.Close())
	goleak.VerifyNone(t, leaks)

	require.True(t, nc.IsConnected())
	require.Equal(t, 2, nc.NumSubscriptions(), "the caller's, and the one for replies")
	require.NoError(t, nc.Publish("s", []byte("still here")))
	m, err := own.NextMsgWithContext(within(t))
	require.NoError(t, err)
	require.Equal(t, "still here", string(m.Data))
	require.Empty(t, called)
	require.NotNil(t, nc.ErrorHandler())
	require.NotNil(t, nc.ClosedHandler())
}

func TestBrokersMayShareAConnection(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	one := newBroker(t, nc, err, nats.Config{})
	two := newBroker(t, nc, err, nats.Config{})
	got := make(chan broker.Message, 2)
	_, err = two.Subscribe("s", "", func(m broker.Message) { got <- m })
	require.NoError(t, err)
	require.NoError(t, one.Publish("s", []byte("x")))
	require.Equal(t, "x", string((<-got).Data))
	require.NoError(t, one.Close())
	require.NoError(t, two.Publish("s", []byte("y")))
	require.Equal(t, "y", string((<-got).Data))
}

func TestPayloadLimitIsTheSmallerOfBoth(t *testing.T) {
	s := serve(t, embedded.Config{MaxPayload: 1000})
	nc, err := s.Connect()
	require.Equal(t, 1000, newBroker(t, nc, err, nats.Config{}).MaxPayload())
	require.Equal(t, 500, newBroker(t, nc, err, nats.Config{MaxPayload: 500}).MaxPayload())
	require.ErrorIs(t, newBroker(t, nc, err, nats.Config{}).Publish("s", make([]byte, 1001)), broker.ErrTooLarge)

	nc, err = serve(t, embedded.Config{}).Connect()
	require.Equal(t, broker.DefaultMaxPayload, newBroker(t, nc, err, nats.Config{}).MaxPayload())
}

func TestPayloadLimitChangesWithTheServer(t *testing.T) {
	large := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	small := serve(t, embedded.Config{Listen: "127.0.0.1:0", MaxPayload: 1000})
	nc, err := natsgo.Connect(large.ClientURL()+","+small.ClientURL(), persistent, natsgo.DontRandomize())
	b := newBroker(t, nc, err, nats.Config{})
	await(t, b, broker.Connected)
	require.NoError(t, b.Publish("s", make([]byte, 2000)))
	require.NoError(t, large.Shutdown(within(t)))
	await(t, b, broker.Connected)
	require.Equal(t, 1000, b.MaxPayload())
	require.ErrorIs(t, b.Publish("s", make([]byte, 2000)), broker.ErrTooLarge)
}

func TestConnectionThatWasNeverUp(t *testing.T) {
	s := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	link, err := linktest.New(strings.TrimPrefix(s.ClientURL(), "nats://"))
	require.NoError(t, err)
	defer link.Close()
	link.Cut()
	nc, err := natsgo.Connect("nats://"+link.Addr(), persistent, natsgo.RetryOnFailedConnect(true))
	b := newBroker(t, nc, err, nats.Config{})
	require.Equal(t, broker.Disconnected, (<-b.Events()).Kind)
	require.ErrorIs(t, b.Publish("s", nil), broker.ErrDisconnected)
	require.Zero(t, b.MaxPayload())
	link.Restore()
	await(t, b, broker.Connected)
	require.NoError(t, b.Publish("s", nil))
}

func TestNothingGoesThroughTheReconnectBuffer(t *testing.T) {
	s := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	link, err := linktest.New(strings.TrimPrefix(s.ClientURL(), "nats://"))
	require.NoError(t, err)
	defer link.Close()
	nc, err := natsgo.Connect("nats://"+link.Addr(), persistent)
	b := newBroker(t, nc, err, nats.Config{})
	link.Cut()
	await(t, b, broker.Disconnected)
	require.ErrorIs(t, b.Publish("s", make([]byte, 1000)), broker.ErrDisconnected)
	buffered, err := nc.Buffered()
	require.NoError(t, err)
	require.Less(t, buffered, 1000)
}

func TestStuckHandlerIsReportedWhileItIsStuck(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	b := newBroker(t, nc, err, nats.Config{QueueBytes: 100})
	started, release := make(chan struct{}), make(chan struct{})
	_, err = b.Subscribe("s", "", func(broker.Message) {
		close(started)
		<-release
	})
	require.NoError(t, err)
	defer close(release)
	require.NoError(t, b.Publish("s", make([]byte, 50)))
	<-started
	require.NoError(t, b.Publish("s", make([]byte, 80)))
	e := await(t, b, broker.Dropped)
	require.Equal(t, "s", e.Subject)
	require.EqualValues(t, 1, e.Count)
	require.EqualValues(t, 1, b.Stats().Dropped)
	require.ErrorIs(t, e.Err, natsgo.ErrSlowConsumer)
	require.True(t, nc.IsConnected())
}

func TestCallersConnectionClosedUnderTheBroker(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	b := newBroker(t, nc, err, nats.Config{})
	require.NoError(t, nc.Drain())
	await(t, b, broker.Closed)
	require.ErrorIs(t, b.Publish("s", nil), broker.ErrClosed)
}

func TestStatsCountBothDirections(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	b := newBroker(t, nc, err, nats.Config{})
	got := make(chan broker.Message, 1)
	_, err = b.Subscribe("s", "", func(m broker.Message) { got <- m })
	require.NoError(t, err)
	require.NoError(t, b.Publish("s", []byte("hello")))
	<-got
	require.Equal(t, broker.Stats{Sent: 1, SentBytes: 5, Received: 1, ReceivedBytes: 5}, b.Stats())
}

func ExampleNew() {
	ctx := context.Background()
	server, err := embedded.Start(ctx, embedded.Config{})
	if err != nil {
		panic(err)
	}
	defer server.Shutdown(ctx)
	nc, err := server.Connect() // or nats.Connect(url)
	if err != nil {
		panic(err)
	}
	defer nc.Close()

	b, err := nats.New(nc, nats.Config{})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	fmt.Println((<-b.Events()).Kind, b.MaxPayload())
	// Output: connected 262144
}
