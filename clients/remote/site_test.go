package remote_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/sync/joinerytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is replicas whose service is on one NATS server, clients on another, and
// between the two a relay that does to requests and answers what a test wants.
type site struct {
	*testing.T
	space       *joinerytest.Space
	front, back *nats.Conn
	stops       []func()
	relays      sync.WaitGroup

	mu   sync.Mutex
	fate func(op string) fate
}

// fate is what becomes of a request.
type fate struct {
	lose    bool // before anybody gets it
	twice   bool
	mute    bool   // its answer is lost
	between func() // called between the answer and its loss or delivery
}

func start(t *testing.T) *nats.Conn {
	srv, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Shutdown(context.Background())) })
	nc, err := srv.Connect()
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func newSite(t *testing.T, replicas int) *site {
	s := &site{T: t, space: joinerytest.New(t, replicas), front: start(t), back: start(t)}
	for i := range replicas {
		srv, err := service.Serve(s.back, "shop", s.space.Replica(i), nil)
		require.NoError(t, err)
		stop := sync.OnceFunc(func() { require.NoError(t, srv.Close()) })
		t.Cleanup(stop)
		s.stops = append(s.stops, stop)
	}
	t.Cleanup(s.relays.Wait)
	sub, err := s.front.Subscribe("joinery-api.shop.*.*", func(m *nats.Msg) { s.relays.Go(func() { s.relay(m) }) })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Unsubscribe()) })
	require.NoError(t, s.front.Flush())
	return s
}

// when says what becomes of requests from here on.
func (s *site) when(fate func(op string) fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fate = fate
}

func (s *site) fateOf(op string) (f fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fate != nil {
		f = s.fate(op)
	}
	return f
}

func (s *site) relay(m *nats.Msg) {
	f := s.fateOf(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
	if f.lose {
		return
	}
	if f.twice {
		s.relays.Go(func() { _, _ = s.forward(m) })
	}
	answer, err := s.forward(m)
	if f.between != nil {
		f.between()
	}
	switch {
	case f.mute || m.Reply == "":
	case errors.Is(err, nats.ErrNoResponders):
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"503"}}})
	case err == nil:
		_ = m.RespondMsg(&nats.Msg{Header: answer.Header, Data: answer.Data})
	}
}

func (s *site) forward(m *nats.Msg) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if m.Reply == "" {
		return nil, s.back.Publish(m.Subject, m.Data)
	}
	return s.back.RequestMsgWithContext(ctx, &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
}

// once applies a fate to the first request for an operation.
func once(op string, f fate) func(string) fate {
	done := false
	return func(asked string) fate {
		if asked != op || done {
			return fate{}
		}
		done = true
		return f
	}
}

// client returns a client, of one replica if there is an index.
func (s *site) client(index ...int) *remote.Client {
	cfg := remote.Config{Space: "shop", Patience: 200 * time.Millisecond}
	if len(index) > 0 {
		cfg.Replica = s.id(index[0])
	}
	c, err := remote.New(s.front, cfg)
	require.NoError(s, err)
	return c
}

func (s *site) id(index int) string { return s.space.Replica(index).ID().String() }

// index returns which replica a client asks.
func (s *site) index(c *remote.Client) int {
	for i := range s.stops {
		if s.id(i) == c.Replica() {
			return i
		}
	}
	require.Fail(s, "the client asks nobody")
	return -1
}

// insist calls fn with little time until its error is more than that time is up.
func (s *site) insist(fn func(context.Context) error) error {
	for ctx := s.within(20 * time.Second); ; {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		err := fn(short)
		cancel()
		require.Error(s, err)
		var refused *remote.Error
		if errors.Is(err, remote.ErrNoReplica) || errors.As(err, &refused) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *site) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), d)
	s.Cleanup(cancel)
	return ctx
}

func (s *site) count(index int) int64 { return s.doc(index).Counter("n").Value() }

func (s *site) doc(index int) *joinery.Doc { return s.space.Replica(index).Doc("d") }
