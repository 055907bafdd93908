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
	"github.com/joinery-crdt/joinery/clients/joinery/internal/service"
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

func (s *site) client() *service.Client { return service.NewClient(s.connect(), "shop", "") }

func (s *site) lines(c *service.Client, q service.Query) string {
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
	require.Greater(t, lines.Len(), 2*service.ChunkSize)
	require.Equal(t, lines.String(), s.lines(c, service.Query{Kind: service.Documents, Pattern: ">"}))
	require.Equal(t, 1, strings.Count(s.lines(c, service.Query{Kind: service.Documents, Pattern: "d.07"}), "\n"))
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
	all := service.Query{Kind: service.Documents, Pattern: ">"}
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
	var seen []service.Field
	for f, err := range c.Watch(t.Context(), service.Query{Kind: service.Watch, Pattern: ">"}) {
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
	var found []service.Field
	for f, err := range c.FieldLines(t.Context(), service.Query{Kind: service.Conflicts, Pattern: ">"}) {
		require.NoError(t, err)
		found = append(found, f)
	}
	require.Len(t, found, 1)
	require.Equal(t, "m/n", found[0].Field)
	require.Equal(t, `"one"`, string(found[0].Siblings[1].Value))
	var e *service.Error
	require.ErrorAs(t, c.Call(t.Context(), "resolve", service.Change{Doc: "d", Field: "m/n", Pick: 3}, &service.Outcome{}), &e)
	require.Equal(t, service.CodeBad, e.Code)
	var out service.Outcome
	require.NoError(t, c.Call(t.Context(), "resolve", service.Change{Doc: "d", Field: "m/n", Pick: 2}, &out))
	require.Equal(t, `"one"`, string(out.Value))
	require.ErrorAs(t, c.Call(t.Context(), "resolve", service.Change{Doc: "d", Field: "m/n", Pick: 1}, &out), &e)
	require.Equal(t, service.CodeMissing, e.Code)
}

func TestNobodyThereIsAnErrorOfItsOwn(t *testing.T) {
	s := newSite(t)
	err := s.client().Call(t.Context(), "status", struct{}{}, &service.Status{})
	require.ErrorIs(t, err, service.ErrNoReplica)
	s.replica()
	err = service.NewClient(s.connect(), "other", "").Call(t.Context(), "status", struct{}{}, &service.Status{})
	require.ErrorIs(t, err, service.ErrNoReplica)
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
	q, err := json.Marshal(service.Query{Kind: service.Watch, Pattern: ">", UpdatesOnly: true})
	require.NoError(t, err)
	open := func() { require.NoError(t, nc.PublishRequest("joinery-api.shop.any.open", nc.NewInbox(), q)) }
	for range service.MaxCursors {
		open()
	}
	require.Eventually(t, func() bool {
		open() // in place of one that the question before kept out
		for _, err := range s.client().Chunks(t.Context(), service.Query{Kind: service.Documents, Pattern: ">"}) {
			return err != nil && strings.Contains(err.Error(), "takes no more")
		}
		return false
	}, 5*time.Second, 10*time.Millisecond)
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	s := newSite(t)
	s.replica()
	nc := s.connect()
	for subject, body := range map[string]string{
		"open": `{"kind":"dreams","pattern":">"}`, "next": `{"cursor":"none"}`, "inc": `[`, "delete": `"x"`,
		"resolve": `{"doc":"d","field":"f"}`, "remove": `{"doc":"d","field":"f","elements":[{"$set":1}]}`,
	} {
		m, err := nc.Request("joinery-api.shop.any."+subject, []byte(body), 5*time.Second)
		require.NoError(t, err)
		require.Contains(t, []string{"400", "404"}, m.Header.Get("Nats-Service-Error-Code"), subject)
		require.NotEmpty(t, m.Data)
	}
}
