// Package embedded runs a NATS server inside the process.
//
// A server starts in a few milliseconds and takes about 15 MB. By default it
// has no listener and only [Server.Connect] reaches it, through a pipe; with
// [Config].Listen it serves other processes, and with leaf-node links it joins
// or accepts other servers. It handles no signals, keeps no files, and has no
// JetStream.
//
// # Leaf nodes
//
// A leaf node is a server that keeps serving its own clients while the link to
// its hub is away, which is what an edge site wants. Two things surprise:
//
//   - A client of the leaf gets no event when the link to the hub goes, nor when
//     it returns, and what it publishes meanwhile is lost for the hub without an
//     error. If the link falls silent rather than breaks, the servers too need
//     minutes to notice. Probe a subject to which only the far side responds.
//   - Interest takes a round trip to spread. After Subscribe and Flush a client
//     of the leaf still misses what the hub's clients publish until the hub has
//     heard of the subscription. Subscribe first, then catch up.
//
// The package is separate from package broker/nats, so that a program that
// brings its own connection does not link a server.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ErrNotReady means that the server did not start serving in time.
var ErrNotReady = errors.New("embedded: server is not ready")

// readyPoll is how often Start looks, at first, whether the server is ready.
const readyPoll = 2 * time.Millisecond

// Server is a running NATS server. Its methods are safe for concurrent use.
type Server struct {
	nats *server.Server
	opts *server.Options
	log  *logger
}

// Start starts a server and returns when it is ready to serve, or with an error
// that wraps ErrConfig, ErrNotReady or ctx's error. The caller shuts it down.
// It does not wait for leaf-node links.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s := &Server{nats: ns, opts: opts, log: newLogger(cfg.Logger)}
	ns.SetLoggerV2(s.log, s.log.enabled(slog.LevelDebug), s.log.enabled(logTrace), false)
	ns.Start()
	if err := s.Ready(ctx); err != nil {
		ns.Shutdown()
		return nil, err
	}
	return s, nil
}

// Ready returns nil once the server serves. Start has waited for it already.
func (s *Server) Ready(ctx context.Context) error {
	for {
		if err := s.log.failure(); err != nil {
			return errors.Join(ErrNotReady, err)
		}
		if s.nats.ReadyForConnections(readyPoll) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(ErrNotReady, err)
		}
	}
}

// Name returns the server's name.
func (s *Server) Name() string { return s.nats.Name() }

// ClientURL returns the URL for clients of other processes, or "" without a
// client listener.
func (s *Server) ClientURL() string {
	if s.opts.DontListen {
		return ""
	}
	return s.nats.ClientURL()
}

// LeafURL returns the URL for leaf nodes, or "" without a leaf listener. It
// holds no credentials.
func (s *Server) LeafURL() string {
	if s.opts.LeafNode.Port == 0 {
		return ""
	}
	return LeafURL(net.JoinHostPort(s.opts.LeafNode.Host, strconv.Itoa(s.opts.LeafNode.Port)))
}

// LeafURL returns the URL under which a leaf node reaches a hub's leaf listener
// at address, a host:port.
func LeafURL(address string) string {
	return (&url.URL{Scheme: "nats-leaf", Host: address}).String()
}

// Leafs returns the number of leaf-node links that are up, in either role. A
// link that fell silent counts as up until the servers notice.
func (s *Server) Leafs() int { return s.nats.NumLeafNodes() }

// Connect returns a connection inside the process, without a socket. The caller
// closes it. With wrong credentials it fails only after the server's write
// deadline (ten seconds) and with an error of the pipe: the pipe has no buffer
// in which the refusal could wait. Over a listener the refusal arrives at once.
func (s *Server) Connect(options ...nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect("", append([]nats.Option{nats.InProcessServer(s.nats)}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	return nc, nil
}

// InProcessConn makes the server a nats.InProcessConnProvider: the raw pipe
// below Connect.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// Shutdown disconnects everybody and returns when all of the server's goroutines
// ended, or with ctx's error; the server then goes on ending by itself. Calling
// it twice is harmless.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("embedded: shutting down: %w", ctx.Err())
	}
}
