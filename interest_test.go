package joinery_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/store"
)

// fleet is a hub, a server that holds all and devices that hold their own
// documents and may do nothing else.
type fleet struct {
	t       *testing.T
	hub     *embedded.Server
	server  *joinery.Replica
	ids     []joinery.ID
	devices []*joinery.Replica
	links   []*nats.Conn
}

// limited returns the subjects that the page gives to a replica that holds a pattern.
func limited(t *testing.T, what, pattern string, id joinery.ID) (out []string) {
	for _, row := range tableUnder(t, page(t, protocol), "### Limited permissions") {
		if row[0] == what {
			text := strings.NewReplacer("SPACE", "fleet", "ID", id.String(), "PATTERN", pattern, "`", "").Replace(row[1])
			return strings.Split(text, ", ")
		}
	}
	require.Fail(t, "the page has no such permission", what)
	return nil
}

func patternOf(device int) string { return fmt.Sprintf("fleet.%d.>", device) }

func newFleet(t *testing.T, devices int, every time.Duration) *fleet {
	f := &fleet{t: t}
	users := []embedded.User{{Name: "server", Publish: []string{">"}, Subscribe: []string{">"}}}
	for i := range devices {
		id := joinery.NewID()
		f.ids = append(f.ids, id)
		users = append(users, embedded.User{
			Name: fmt.Sprint("device", i), Publish: limited(t, "publish", patternOf(i), id), Subscribe: limited(t, "subscribe", patternOf(i), id),
		})
	}
	var err error
	f.hub, err = embedded.Start(t.Context(), embedded.Config{Users: users})
	require.NoError(t, err)
	t.Cleanup(func() { f.hub.Shutdown(context.Background()) })
	f.server = f.open("server", joinery.Config{Space: "fleet", BeaconEvery: every})
	for i, id := range f.ids {
		f.devices = append(f.devices, f.open(fmt.Sprint("device", i), joinery.Config{
			Space: "fleet", ID: id, BeaconEvery: every, Interest: []string{patternOf(i)}, LogBytes: 1 << 20,
		}))
	}
	return f
}

func (f *fleet) connect(user string) *nats.Conn {
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	nc, err := f.hub.Connect(nats.UserInfo(user, ""), quiet)
	require.NoError(f.t, err)
	f.t.Cleanup(nc.Close)
	return nc
}

func (f *fleet) open(user string, cfg joinery.Config) *joinery.Replica {
	cfg.Conn = f.connect(user)
	f.links = append(f.links, cfg.Conn)
	r, err := joinery.Open(f.t.Context(), cfg)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, r.Close()) })
	return r
}

// write gives each device documents, some written there and some at the server.
func (f *fleet) write(docs int) {
	for i, r := range f.devices {
		for j := range docs {
			at := []*joinery.Replica{r, f.server}[j%2]
			name := fmt.Sprintf("fleet.%d.doc%d", i, j)
			require.NoError(f.t, at.Doc(name).Register("state").Set(f.t.Context(), fmt.Sprint(i, " ", j)))
		}
	}
}

// converge waits until every device and the server hold the same of its documents.
func (f *fleet) converge(docs int) {
	f.t.Helper()
	for i, r := range f.devices {
		require.Eventually(f.t, func() bool {
			names := slices.Collect(r.Docs(">"))
			if len(names) != docs {
				return false
			}
			for _, name := range names {
				here, _, err := joinery.Get[string](r.Doc(name).Register("state"))
				there, ok, err2 := joinery.Get[string](f.server.Doc(name).Register("state"))
				if err != nil || err2 != nil || !ok || here != there {
					return false
				}
			}
			return true
		}, time.Minute, 5*time.Millisecond, "device %d: %v", i, r.Status())
	}
}

func TestDevicesHoldTheirDocumentsWithPermissionsForNothingElse(t *testing.T) {
	f := newFleet(t, 3, 20*time.Millisecond)
	var mu sync.Mutex
	heard := map[int][]string{}
	for i := range f.devices { // whatever reaches a device's connection
		_, err := f.links[i+1].Subscribe(message.NewSubjects("fleet", f.ids[i]).Mine()+".>", func(m *nats.Msg) {
			mu.Lock()
			defer mu.Unlock()
			heard[i] = append(heard[i], m.Subject+string(m.Data))
		})
		require.NoError(t, err)
	}
	f.write(10)
	f.converge(10)
	for i, r := range f.devices {
		require.NoError(t, r.Drain(t.Context()))
		require.Empty(t, r.Status().Denied)
		for _, name := range slices.Collect(r.Docs(">")) {
			require.True(t, strings.HasPrefix(name, fmt.Sprintf("fleet.%d.", i)))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for i, all := range heard {
		for _, text := range all {
			for j := range f.devices {
				require.True(t, i == j || !strings.Contains(text, fmt.Sprintf("fleet.%d.", j)), "device %d hears of documents of %d", i, j)
			}
		}
	}
}

// TestADeviceThatLiesGetsNothing has a device's credentials and knows the protocol.
func TestADeviceThatLiesGetsNothing(t *testing.T) {
	f := newFleet(t, 2, 20*time.Millisecond)
	f.write(2)
	f.converge(2)
	thief := f.connect("device1")
	got := make(chan *nats.Msg, 1000)
	subjects := message.NewSubjects("fleet", f.ids[1])
	for _, subject := range []string{
		subjects.Mine(), subjects.Mine() + ".>", "joinery.fleet.>", subjects.Deltas("fleet.0.>"), subjects.ScopeBeacons(">"), subjects.Beacons(),
	} {
		_, err := thief.ChanSubscribe(subject, got)
		require.NoError(t, err)
	}
	from := message.Header{From: causal.Actor{ID: f.ids[1], Incarnation: 9}, Nonce: 9}
	say := func(subject string, b message.Body) {
		require.NoError(t, thief.Publish(subject, inSpace("fleet", message.Append(nil, from, b))))
	}
	pull := &message.Pull{Wants: []message.Want{{Doc: "fleet.0.doc0"}, {Doc: "fleet.1.doc0"}}}
	survey := &message.Survey{Stretch: message.Stretch{Scope: ">"}, Prints: make([]byte, 4)}
	ask := subjects.To(f.server.ID(), message.KindPull)
	for _, subject := range []string{ask, subjects.Any()} {
		for _, pattern := range []string{"", ">", "fleet.1.>"} {
			say(subjects.Within(subject, pattern), pull)
			say(subjects.Within(subject, pattern), survey)
		}
	}
	honest := &message.Pull{Wants: []message.Want{{Doc: "fleet.1.doc0"}}}
	say(subjects.Within(ask, "fleet.1.>"), honest)
	require.NoError(t, thief.Flush())
	for answered := false; !answered; {
		select {
		case m := <-got:
			require.NotContains(t, string(m.Data), "fleet.0.")
			answered = strings.Contains(string(m.Data), "fleet.1.doc0")
		case <-time.After(10 * time.Second):
			require.Fail(t, "the honest request was not answered")
		}
	}
	require.Eventually(t, func() bool { return f.server.Status().Stats.Refused >= 4 }, 10*time.Second, time.Millisecond)
}

// inSpace turns a message's checksum into one for its space.
func inSpace(space string, data []byte) []byte {
	sum := binary.BigEndian.Uint32(data[len(data)-4:]) ^ crc32.Checksum([]byte(space), crc32.MakeTable(crc32.Castagnoli))
	return binary.BigEndian.AppendUint32(data[:len(data)-4], sum)
}

func TestSetInterestTakesAndGivesUpWhileRunning(t *testing.T) {
	hub, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	defer hub.Shutdown(context.Background())
	open := func(interest ...string) *joinery.Replica {
		nc, err := hub.Connect()
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		r, err := joinery.Open(t.Context(), joinery.Config{Space: "fleet", Conn: nc, BeaconEvery: 20 * time.Millisecond, Interest: interest})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		return r
	}
	server, device := open(), open("a.>")
	ctx := t.Context()
	require.NoError(t, server.Doc("b.1").Register("x").Set(ctx, "from the server"))
	require.NoError(t, device.Doc("a.1").Register("x").Set(ctx, "from the device"))
	require.ErrorIs(t, device.Doc("b.1").Register("x").Set(ctx, "no"), joinery.ErrInterest)
	require.NoError(t, device.SetInterest(ctx, "a.>", "b.>"))
	require.Eventually(t, func() bool {
		x, _, err := joinery.Get[string](device.Doc("b.1").Register("x"))
		return err == nil && x == "from the server"
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, device.SetInterest(ctx, "b.>"))
	require.Equal(t, []string{"b.1"}, slices.Collect(device.Docs(">")))
	require.Equal(t, []string{"b.>"}, device.Interest())
	x, _, err := joinery.Get[string](server.Doc("a.1").Register("x"))
	require.NoError(t, err)
	require.Equal(t, "from the device", x)
	require.ErrorIs(t, device.SetInterest(ctx, "a..b"), joinery.ErrConfig)
	require.Zero(t, device.Status().Leaving)
}

func TestWhatNobodyElseHoldsIsKept(t *testing.T) {
	r, err := joinery.Open(t.Context(), joinery.Config{Space: "fleet"})
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Doc("a.1").Register("x").Set(t.Context(), 1))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.SetInterest(ctx, "b.>"), joinery.ErrNotHandedOver)
	require.Equal(t, []string{"a.1"}, slices.Collect(r.Docs(">")))
	require.Equal(t, 1, r.Status().Leaving)
}

// TestManyDevices prints what a device costs. JOINERY_DEVICES says how many; without
// it there is nothing to see that other tests do not show.
func TestManyDevices(t *testing.T) {
	devices, err := strconv.Atoi(os.Getenv("JOINERY_DEVICES"))
	if err != nil {
		t.Skip("JOINERY_DEVICES is not set")
	}
	before := heapOf()
	start := time.Now()
	f := newFleet(t, devices, time.Second)
	opened := heapOf()
	t.Logf("%d devices and a hub, opened in %v: %d KB of heap and %d goroutines a device, connection and server's part included",
		devices, time.Since(start).Round(time.Millisecond), (opened.HeapAlloc-before.HeapAlloc)/uint64(devices)>>10, runtime.NumGoroutine()/devices)
	start = time.Now()
	f.write(10)
	f.converge(10)
	t.Logf("10 documents each, half of them written at the server, held at both after %v", time.Since(start).Round(time.Millisecond))
	require.Equal(t, 10*devices, f.server.Status().Docs)
	time.Sleep(10 * time.Second) // beacons settle
	in, out, msgs := f.traffic()
	time.Sleep(30 * time.Second)
	in2, out2, msgs2 := f.traffic()
	per := uint64(30 * devices)
	t.Logf("idle: a device sends %d bytes/s and gets %d bytes/s, %.2f messages/s both ways", (out2-out)/per, (in2-in)/per, float64(msgs2-msgs)/float64(per))
	t.Logf("%d subscriptions a device, its probe's included", f.links[1].NumSubscriptions())
}

func heapOf() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// traffic adds up what the devices' connections carried.
func (f *fleet) traffic() (in, out, msgs uint64) {
	for _, nc := range f.links[1:] {
		s := nc.Stats()
		in, out, msgs = in+s.InBytes, out+s.OutBytes, msgs+s.InMsgs+s.OutMsgs
	}
	return in, out, msgs
}

func TestWhatIsGivenUpLeavesTheStore(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	disk := store.NewMemory()
	server := open(t, joinery.Config{Broker: net.Connect("server")})
	device, err := joinery.Open(t.Context(), joinery.Config{
		Space: "test", Broker: net.Connect("device"), Store: disk, BeaconEvery: 20 * time.Millisecond, Interest: []string{"a.>", "b.>"},
	})
	require.NoError(t, err)
	for _, doc := range []string{"a.1", "b.1"} {
		require.NoError(t, device.Doc(doc).Register("x").Set(t.Context(), doc))
	}
	require.NoError(t, device.SetInterest(t.Context(), "b.>"))
	require.True(t, server.Doc("a.1").Exists())
	require.NoError(t, device.Close())
	again, err := joinery.Open(t.Context(), joinery.Config{Space: "test", Store: disk})
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, []string{"b.1"}, slices.Collect(again.Docs(">")))
}
