package nats_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker/conformance"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/linktest"
	"github.com/joinery-crdt/joinery/broker/nats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// serve runs a server for the length of the test.
func serve(t *testing.T, cfg embedded.Config) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(within(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
	})
	return s
}

// newBroker makes a broker whose connection is closed after it.
func newBroker(t *testing.T, nc *natsgo.Conn, err error, cfg nats.Config) *nats.Broker {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	if cfg.Audit == 0 {
		cfg.Audit = 5 * time.Millisecond
	}
	b, err := nats.New(nc, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// persistent reconnects for ever and soon.
func persistent(o *natsgo.Options) error {
	o.MaxReconnect = -1
	o.ReconnectWait = 2 * time.Millisecond
	o.ReconnectJitter = 0
	return nil
}

func config(o conformance.Options) nats.Config {
	return nats.Config{QueueMessages: o.QueueMessages, MaxPayload: o.MaxPayload}
}

// overTCP gives each endpoint a link of its own to one server.
type overTCP struct {
	server *embedded.Server
	cfg    nats.Config
}

func (tr overTCP) Connect(t *testing.T) conformance.Endpoint {
	link, err := linktest.New(strings.TrimPrefix(tr.server.ClientURL(), "nats://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, link.Close()) })
	nc, err := natsgo.Connect("nats://"+link.Addr(), persistent)
	return conformance.Endpoint{
		Broker:     newBroker(t, nc, err, tr.cfg),
		Disconnect: link.Cut,
		Reconnect:  link.Restore,
		Terminate:  nc.Close,
	}
}

func TestConformanceOverTCP(t *testing.T) {
	conformance.Run(t, func(t *testing.T, o conformance.Options) conformance.Transport {
		return overTCP{serve(t, embedded.Config{Listen: "127.0.0.1:0"}), config(o)}
	})
}

// inProcess connects endpoints by pipes that can be broken.
type inProcess struct {
	server *embedded.Server
	cfg    nats.Config
}

func (tr inProcess) Connect(t *testing.T) conformance.Endpoint {
	pipes := &pipes{server: tr.server}
	nc, err := natsgo.Connect("", natsgo.InProcessServer(pipes), persistent)
	return conformance.Endpoint{
		Broker:     newBroker(t, nc, err, tr.cfg),
		Disconnect: func() { pipes.set(true) },
		Reconnect:  func() { pipes.set(false) },
		Terminate:  nc.Close,
	}
}

// pipes is a connection provider that can be told to fail.
type pipes struct {
	server *embedded.Server
	mu     sync.Mutex
	down   bool
	last   net.Conn
}

func (p *pipes) InProcessConn() (conn net.Conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, errors.New("pipe is down")
	}
	p.last, err = p.server.InProcessConn()
	return p.last, err
}

func (p *pipes) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	if down {
		p.last.Close()
	}
}

func TestConformanceInProcess(t *testing.T) {
	conformance.Run(t, func(t *testing.T, o conformance.Options) conformance.Transport {
		return inProcess{serve(t, embedded.Config{}), config(o)}
	})
}
