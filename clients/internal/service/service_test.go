package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a NATS server with replicas of one space.
type site struct {
	*testing.T
	nats *embedded.Server
}

func newSite(t *testing.T) *site {
	srv, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Shutdown(context.Background())) })
	return &site{t, srv}
}

func (s *site) connect() *nats.Conn {
	nc, err := s.nats.Connect()
	require.NoError(s, err)
	s.Cleanup(nc.Close)
	return nc
}

// replica starts one with its service; stop ends both, at the latest with the test.
func (s *site) replica() (r *joinery.Replica, stop func()) { return s.stored(nil) }

// stored is replica with a store.
func (s *site) stored(st store.Store) (r *joinery.Replica, stop func()) {
	nc := s.connect()
	r, err := joinery.Open(s.Context(), joinery.Config{Space: "shop", Conn: nc, Store: st})
	require.NoError(s, err)
	var storage *service.Storage
	if st != nil {
		storage = &service.Storage{Store: st, Engine: "memory", Dir: "nowhere", Durability: "commit"}
	}
	srv, err := service.Serve(nc, "shop", r, storage)
	require.NoError(s, err)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			require.NoError(s, srv.Close())
			failed := r.Status().Failed != ""
			if err := r.Close(); failed {
				require.ErrorIs(s, err, joinery.ErrStore)
			} else {
				require.NoError(s, err)
			}
		}
	}
	s.Cleanup(stop)
	return r, stop
}

func (s *site) client() *remote.Client { return s.clientOf("shop") }

func (s *site) clientOf(space string) *remote.Client {
	c, err := remote.New(s.connect(), remote.Config{Space: space, FailFast: true, NoSession: true})
	require.NoError(s, err)
	return c
}

func (s *site) lines(c *remote.Client, q protocol.Query) string {
	var out bytes.Buffer
	for chunk, err := range c.Chunks(s.Context(), q) {
		require.NoError(s, err)
		out.Write(chunk)
	}
	return out.String()
}

func TestStreamLargerThanAChunkArrivesWhole(t *testing.T) {
	s := newSite(t)
	s.replica()
	c := s.client()
	var lines strings.Builder
	for i := range 40 {
		fmt.Fprintf(&lines, `{"doc":"d.%02d","fields":{"text":"%s"}}`+"\n", i, strings.Repeat("x", 10_000))
	}
	got, err := c.Import(t.Context(), []byte(lines.String()), false)
	require.NoError(t, err)
	require.Equal(t, 40, got.Applied)
	require.Greater(t, lines.Len(), 2*protocol.ChunkSize)
	require.Equal(t, lines.String(), s.lines(c, protocol.Query{Kind: protocol.Documents, Pattern: ">"}))
	require.Equal(t, 1, strings.Count(s.lines(c, protocol.Query{Kind: protocol.Documents, Pattern: "d.07"}), "\n"))
}

func TestImportStopsAtTheFirstBrokenLineAndNamesIt(t *testing.T) {
	s := newSite(t)
	s.replica()
	c := s.client()
	lines := []byte(`{"doc":"a","fields":{"x":1}}` + "\nbroken\n" + `{"doc":"b","fields":{"x":1}}` + "\n")
	got, err := c.Import(t.Context(), lines, false)
	require.NoError(t, err)
	require.Equal(t, 1, got.Applied)
	require.Equal(t, 1, got.Errors[0].Line)
	all := protocol.Query{Kind: protocol.Documents, Pattern: ">"}
	require.Equal(t, `{"doc":"a","fields":{"x":1}}`+"\n", s.lines(c, all))
	got, err = c.Import(t.Context(), lines, true)
	require.NoError(t, err)
	require.Equal(t, 2, got.Applied)
	require.Equal(t, 1, got.Refused)
}

func TestWatchGoesOnAtAnotherReplica(t *testing.T) {
	s := newSite(t)
	a, stopA := s.replica()
	b, stopB := s.replica()
	c, stops := s.client(), map[string]func(){a.ID().String(): stopA, b.ID().String(): stopB}
	require.NoError(t, a.Doc("d").Register("n").Set(t.Context(), 1))
	require.Eventually(t, func() bool { return b.Doc("d").Exists() }, 5*time.Second, time.Millisecond)
	var seen []protocol.Field
	for f, err := range c.WatchLines(t.Context(), protocol.Query{Pattern: ">"}) {
		require.NoError(t, err)
		if seen = append(seen, f); len(seen) == 1 {
			stops[c.Replica()]()
		}
		if len(seen) == 3 {
			break
		}
	}
	require.True(t, seen[0].Snapshot)
	require.True(t, seen[1].Gap)
	require.Equal(t, "1", string(seen[2].Value))
}

func TestConflictIsSettledByAPick(t *testing.T) {
	s := newSite(t)
	r, _ := s.replica()
	reg := r.Doc("d").Map("m").Register("n")
	require.NoError(t, reg.Set(t.Context(), "one", joinery.At(joinery.TimeAt(time.Unix(1, 0)))))
	require.NoError(t, reg.Set(t.Context(), "two", joinery.Over(joinery.Context{})))
	c := s.client()
	var found []protocol.Field
	for f, err := range c.FieldLines(t.Context(), protocol.Query{Kind: protocol.Conflicts, Pattern: ">"}) {
		require.NoError(t, err)
		found = append(found, f)
	}
	require.Len(t, found, 1)
	require.Equal(t, "m/n", found[0].Field)
	require.Equal(t, `"one"`, string(found[0].Siblings[1].Value))
	var e *remote.Error
	require.ErrorAs(t, c.Call(t.Context(), false, protocol.OpResolve, protocol.Change{Doc: "d", Field: "m/n", Pick: 3}, &protocol.Outcome{}), &e)
	require.Equal(t, protocol.CodeBad, e.Code)
	var out protocol.Outcome
	require.NoError(t, c.Call(t.Context(), false, protocol.OpResolve, protocol.Change{Doc: "d", Field: "m/n", Pick: 2}, &out))
	require.Equal(t, `"one"`, string(out.Value))
	require.ErrorAs(t, c.Call(t.Context(), false, protocol.OpResolve, protocol.Change{Doc: "d", Field: "m/n", Pick: 1}, &out), &e)
	require.Equal(t, protocol.CodeMissing, e.Code)
}

func TestNobodyThereIsAnErrorOfItsOwn(t *testing.T) {
	s := newSite(t)
	_, err := s.client().Status(t.Context())
	require.ErrorIs(t, err, remote.ErrNoReplica)
	s.replica()
	_, err = s.clientOf("other").Status(t.Context())
	require.ErrorIs(t, err, remote.ErrNoReplica)
}

func TestReplicasAreFoundThroughTheService(t *testing.T) {
	s := newSite(t)
	a, _ := s.replica()
	b, _ := s.replica()
	ids, err := s.client().Replicas(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []string{a.ID().String(), b.ID().String()}, ids)
}

func TestStreamsAreBounded(t *testing.T) {
	s := newSite(t)
	s.replica()
	nc := s.connect()
	q, err := json.Marshal(protocol.Query{Kind: protocol.Watch, Pattern: ">", UpdatesOnly: true})
	require.NoError(t, err)
	open := func() string {
		m, err := nc.Request("joinery-api.shop.any.open", q, 10*time.Second)
		require.NoError(t, err)
		return m.Header.Get(protocol.HeaderError)
	}
	for range protocol.MaxCursors {
		require.Empty(t, open())
	}
	require.Equal(t, protocol.KindFull, open())
	require.Empty(t, s.lines(s.client(), protocol.Query{Kind: protocol.Documents, Pattern: ">"}), "what is short goes on")
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	s := newSite(t)
	s.replica()
	nc := s.connect()
	for subject, body := range map[string]string{
		"open": `{"kind":"dreams","pattern":">"}`, "next": `{"cursor":"none"}`, "write": `[`, "delete": `"x"`,
		"resolve": `{"doc":"d","field":"f"}`, "seen": `{"doc":"d","request":{"client":"me"}}`,
	} {
		m, err := nc.Request("joinery-api.shop.any."+subject, []byte(body), 5*time.Second)
		require.NoError(t, err)
		require.Contains(t, []string{"400", "404"}, m.Header.Get("Nats-Service-Error-Code"), subject)
		require.NotEmpty(t, m.Data)
	}
}

// TestAnAnswerIsNoRequest is about a client that may read alone, and names the subject
// of what it may not do as the one to answer on.
func TestAnAnswerIsNoRequest(t *testing.T) {
	s := newSite(t)
	r, _ := s.replica()
	nc := s.connect()
	record := []byte(`{"doc":"a","fields":{"n":1}}`)
	require.NoError(t, nc.Publish(protocol.Subject("shop", protocol.Anyone, "import"), record))
	_, err := nc.Request(protocol.Subject("shop", r.ID().String(), "hello"), []byte("{}"), 20*time.Second)
	require.NoError(t, err)
	m, err := nc.Request(protocol.Subject("shop", r.ID().String(), "import"), []byte(`{"doc":"b","fields":{"n":1}}`), 20*time.Second)
	require.NoError(t, err)
	require.JSONEq(t, `{"applied":1}`, string(m.Data))
	require.True(t, r.Doc("b").Exists())
	require.False(t, r.Doc("a").Exists(), "what nobody waits for is not carried out")
}
