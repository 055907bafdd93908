package joinery_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// between opens a relay of the space "test" on two networks.
func between(t testing.TB, name string, a, b *memory.Network) *joinery.Replica {
	t.Helper()
	return open(t, joinery.Config{Broker: a.Connect(name), Relay: []joinery.Bridge{{Broker: b.Connect(name)}}})
}

// TestTwoNATSSystemsAreBridged, twice over: two relays between two servers are a
// circle.
func TestTwoNATSSystemsAreBridged(t *testing.T) {
	one, two := serve(t, embedded.Config{}), serve(t, embedded.Config{})
	a, b := open(t, joinery.Config{Conn: dial(t, one)}), open(t, joinery.Config{Conn: dial(t, two)})
	relays := []*joinery.Replica{
		open(t, joinery.Config{Conn: dial(t, one), Relay: []joinery.Bridge{{Conn: dial(t, two)}}}),
		open(t, joinery.Config{Conn: dial(t, two), Relay: []joinery.Bridge{{Conn: dial(t, one)}}}),
	}
	all := append(relays, a, b)
	scribbleAll(t, 100, all...)
	settle(t, all...)
	for _, r := range relays {
		s := r.Status()
		require.NotZero(t, s.Stats.Passed)
		require.Zero(t, s.Stats.Alarms)
		require.Equal(t, []joinery.BridgeStatus{{Space: "test", Online: true}}, s.Bridges)
		require.NoError(t, r.Drain(background))
	}
	// No unit may run in circles: once all have all, nothing is passed any more.
	passed := relays[0].Status().Stats.Passed + relays[1].Status().Stats.Passed
	require.NoError(t, a.Doc("last").Register("v").Set(background, 1))
	settle(t, all...)
	require.LessOrEqual(t, relays[0].Status().Stats.Passed+relays[1].Status().Stats.Passed, passed+2)
}

// TestTwoSpacesOnOneConnectionAreBridged: neither hears the messages of the other.
func TestTwoSpacesOnOneConnectionAreBridged(t *testing.T) {
	nc := dial(t, serve(t, embedded.Config{}))
	a, b := open(t, joinery.Config{Space: "north", Conn: nc}), open(t, joinery.Config{Space: "south", Conn: nc})
	relay := open(t, joinery.Config{Space: "north", Conn: nc, Relay: []joinery.Bridge{{Space: "south", Conn: nc}}})
	scribbleAll(t, 100, a, b, relay)
	settle(t, a, b, relay)
	for _, r := range []*joinery.Replica{a, b, relay} {
		require.Zero(t, r.Status().Stats.Refused)
	}
}

// TestABridgeThatWasDownCatchesUp: whichever of its links it was.
func TestABridgeThatWasDownCatchesUp(t *testing.T) {
	left, right := memory.NewNetwork(memory.Config{}), memory.NewNetwork(memory.Config{})
	a, b := open(t, joinery.Config{Broker: left.Connect("a")}), open(t, joinery.Config{Broker: right.Connect("b")})
	relay := between(t, "relay", left, right)
	settle(t, a, b, relay)
	up := func() (own, bridge bool) {
		s := relay.Status()
		return s.Online, s.Bridges[0].Online
	}
	for _, down := range []*memory.Network{right, left} {
		down.Disconnect("relay")
		eventually(t, func() bool { own, bridge := up(); return own != bridge })
		scribbleAll(t, 60, a, b, relay)
		require.NotEqual(t, a.Status().Digest, b.Status().Digest)
		down.Reconnect("relay")
		settle(t, a, b, relay)
	}
}

// TestALongRowOfRelaysUnderLoss: five networks, four relays, a replica at either end.
func TestALongRowOfRelaysUnderLoss(t *testing.T) {
	var nets []*memory.Network
	for i := range 5 {
		net := memory.NewNetwork(memory.Config{})
		net.SetFaults(memory.Faults{Link: memory.Random(uint64(i), memory.Odds{Drop: 0.1, Duplicate: 0.1, Reorder: 0.1})})
		nets = append(nets, net)
	}
	all := []*joinery.Replica{open(t, joinery.Config{Broker: nets[0].Connect("first")}), open(t, joinery.Config{Broker: nets[4].Connect("last")})}
	for i := range 4 {
		all = append(all, between(t, "relay"+string(rune('a'+i)), nets[i], nets[i+1]))
	}
	scribbleAll(t, 40, all...)
	for _, net := range nets {
		net.SetFaults(memory.Faults{})
		net.Release()
	}
	settle(t, all...)
}

func TestABridgeIsBoundAnew(t *testing.T) {
	one, two := serve(t, embedded.Config{}), serve(t, embedded.Config{})
	gone := dial(t, two)
	relay := open(t, joinery.Config{Conn: dial(t, one), Relay: []joinery.Bridge{{Conn: gone}}})
	far := open(t, joinery.Config{Conn: dial(t, two)})
	settle(t, relay, far)
	gone.Close()
	eventually(t, func() bool { return relay.Status().Bridges[0].Gone })
	require.False(t, relay.Status().Gone)
	require.NoError(t, relay.Doc("d").Register("v").Set(background, 1))
	require.ErrorIs(t, relay.RebindBridge(background, 1, dial(t, two)), joinery.ErrConfig)
	require.ErrorIs(t, relay.RebindBridge(background, 0, gone), joinery.ErrConnClosed)
	require.NoError(t, relay.RebindBridge(background, 0, dial(t, two)))
	settle(t, relay, far)
	require.False(t, relay.Status().Bridges[0].Gone)
}

func TestBridgesThatLeadNowhereAreRefused(t *testing.T) {
	nc := dial(t, serve(t, embedded.Config{}))
	net := memory.NewNetwork(memory.Config{})
	sixteen := make([]joinery.Bridge, 16)
	for i := range sixteen {
		sixteen[i] = joinery.Bridge{Broker: net.Connect(string(rune('a' + i)))}
	}
	ctx, cancel := context.WithTimeout(background, 10*time.Second)
	defer cancel()
	for name, c := range map[string]joinery.Config{
		"no transport":       {Conn: nc, Relay: []joinery.Bridge{{}}},
		"both":               {Conn: nc, Relay: []joinery.Bridge{{Conn: nc, Broker: net.Connect("both"), Space: "other"}}},
		"the same":           {Conn: nc, Relay: []joinery.Bridge{{Conn: nc}}},
		"the same by name":   {Conn: nc, Relay: []joinery.Bridge{{Conn: nc, Space: "test"}}},
		"no transport below": {Relay: []joinery.Bridge{{Conn: nc}}},
		"too many":           {Conn: nc, Relay: sixteen},
	} {
		c.Space = "test"
		_, err := joinery.Open(ctx, c)
		require.ErrorIs(t, err, joinery.ErrConfig, name)
	}
	bad := joinery.Config{Space: "test", Conn: nc, Relay: []joinery.Bridge{{Conn: nc, Space: "*"}}}
	bad.Relay[0].Space = string(make([]byte, 100))
	_, err := joinery.Open(ctx, bad)
	require.Error(t, err)
}
