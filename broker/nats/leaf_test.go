package nats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/linktest"
	"github.com/joinery-crdt/joinery/broker/nats"
)

// site is a hub with a client, and a leaf node with a client behind a link that
// can break.
type site struct {
	t              *testing.T
	link           *linktest.Link
	hub, leaf      *embedded.Server
	atHub, edge    *nats.Broker
	heard          chan broker.Message // by the hub's client on "s.>"
	heardAtTheEdge chan broker.Message
}

func newSite(t *testing.T) *site {
	s := &site{t: t, heard: make(chan broker.Message, 4096), heardAtTheEdge: make(chan broker.Message, 4096)}
	s.hub = serve(t, embedded.Config{Name: "hub", LeafListen: "127.0.0.1:0"})
	link, err := linktest.New(strings.TrimPrefix(s.hub.LeafURL(), "nats-leaf://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, link.Close()) })
	s.link = link
	s.leaf = serve(t, embedded.Config{
		Name:          "leaf",
		LeafRemotes:   []string{embedded.LeafURL(link.Addr())},
		LeafReconnect: 5 * time.Millisecond,
	})
	nc, err := s.hub.Connect()
	s.atHub = newBroker(t, nc, err, nats.Config{})
	nc, err = s.leaf.Connect()
	s.edge = newBroker(t, nc, err, nats.Config{})
	require.Equal(t, broker.Connected, (<-s.edge.Events()).Kind)
	s.respond()
	return s
}

func (s *site) respond() {
	_, err := s.atHub.Subscribe("s.>", "", func(m broker.Message) { s.heard <- m })
	require.NoError(s.t, err)
	_, err = s.atHub.Respond("alive.hub")
	require.NoError(s.t, err)
	require.NoError(s.t, s.atHub.Flush(within(s.t)))
	s.awaitLink()
}

// awaitLink waits until the two sides know each other's subscriptions.
func (s *site) awaitLink() {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.probe() == nil }, 10*time.Second, 2*time.Millisecond)
}

func (s *site) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	return s.edge.Probe(ctx, "alive.hub")
}

// publish sends from the edge without any error.
func (s *site) publish(text string) {
	s.t.Helper()
	require.NoError(s.t, s.edge.Publish("s.x", []byte(text)))
	require.NoError(s.t, s.edge.Flush(within(s.t)))
}

func TestLeafLinkThatBreaksLosesMessagesWithoutAWord(t *testing.T) {
	s := newSite(t)
	s.publish("before")
	require.Equal(t, "before", string((<-s.heard).Data))

	s.link.Cut()
	require.Eventually(t, func() bool { return s.leaf.Leafs() == 0 }, 10*time.Second, time.Millisecond)
	s.publish("lost")
	require.ErrorIs(t, s.probe(), broker.ErrNoResponders, "the leaf knows, and says so if asked")

	s.link.Restore()
	s.awaitLink()
	s.publish("after")
	require.Equal(t, "after", string((<-s.heard).Data), "what was lost stays lost")
	require.Empty(t, s.edge.Events(), "the client was told nothing")
}

func TestLeafLinkThatFallsSilentIsNoticedByAProbeOnly(t *testing.T) {
	s := newSite(t)
	s.link.Blackhole()
	s.publish("lost")
	require.ErrorIs(t, s.probe(), context.DeadlineExceeded, "not even the leaf knows")
	require.Equal(t, 1, s.leaf.Leafs())
	require.Empty(t, s.edge.Events())

	s.link.Restore()
	s.awaitLink()
	s.publish("after")
	require.Equal(t, "after", string((<-s.heard).Data))
	require.Empty(t, s.edge.Events())
}

// TestInterestTakesTimeToSpread subscribes at the edge while the hub's client
// publishes: with 20 ms in each direction, the first messages after Subscribe
// and Flush are missed.
func TestInterestTakesTimeToSpread(t *testing.T) {
	s := newSite(t)
	s.link.Delay(20 * time.Millisecond)
	_, err := s.edge.Subscribe("news", "", func(m broker.Message) { s.heardAtTheEdge <- m })
	require.NoError(t, err)
	require.NoError(t, s.edge.Flush(within(t)))
	for i := 0; len(s.heardAtTheEdge) == 0; i++ {
		require.NoError(t, s.atHub.Publish("news", fmt.Append(nil, i)))
		time.Sleep(time.Millisecond)
	}
	first := string((<-s.heardAtTheEdge).Data)
	require.NotEqual(t, "0", first)
}

// TestLeafWithoutItsHubServesItsClients is what a leaf node is for.
func TestLeafWithoutItsHubServesItsClients(t *testing.T) {
	s := newSite(t)
	s.link.Cut()
	nc, err := s.leaf.Connect()
	neighbour := newBroker(t, nc, err, nats.Config{})
	_, err = neighbour.Subscribe("s.>", "", func(m broker.Message) { s.heardAtTheEdge <- m })
	require.NoError(t, err)
	require.NoError(t, neighbour.Flush(within(t)))
	s.publish("local")
	require.Equal(t, "local", string((<-s.heardAtTheEdge).Data))
}

func TestLeafComesBackByTheWayItCame(t *testing.T) {
	s := newSite(t)
	s.link.Cut()
	require.Eventually(t, func() bool { return s.hub.Leafs() == 0 }, 10*time.Second, time.Millisecond)
	require.Never(t, func() bool { return s.hub.Leafs() > 0 }, 50*time.Millisecond, 5*time.Millisecond, "around the link")
	s.link.Restore()
	s.awaitLink()
}

var _ natsgo.InProcessConnProvider = (*embedded.Server)(nil)
