package joinerytest

import (
	"context"
	"strconv"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// DefaultPatience is how long [Space.Converge] waits unless told otherwise.
const DefaultPatience = 10 * time.Second

// beacons are quick, so that what a link lost is found soon.
const beacons = 20 * time.Millisecond

// TB is what is needed of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Space is a space with its replicas and the network between them. Its methods
// are for the goroutine of the test; the replicas are for any.
type Space struct {
	// Patience is how long Converge waits.
	Patience time.Duration

	t        TB
	net      *memory.Network
	replicas []*joinery.Replica
	clocks   []*Clock
}

// New opens so many replicas on a network that is whole. The test closes them at
// its end. Options change their configuration, one by one; its Broker is given.
//
// Identities are the same in every run, and grow with the index: of two writes
// to a register at the same time that of the greater index wins.
func New(t TB, replicas int, options ...func(index int, c *joinery.Config)) *Space {
	t.Helper()
	s := &Space{Patience: DefaultPatience, t: t, net: memory.NewNetwork(memory.Config{})}
	for i := range replicas {
		clock := &Clock{now: start}
		cfg := joinery.Config{
			Space: "test", ID: joinery.ID{14: byte((i + 1) >> 8), 15: byte(i + 1)},
			Clock: clock.Now, BeaconEvery: beacons,
		}
		for _, o := range options {
			o(i, &cfg)
		}
		cfg.Broker = s.net.Connect(Endpoint(i))
		r, err := joinery.Open(context.Background(), cfg)
		if err != nil {
			t.Fatalf("joinerytest: replica %d: %v", i, err)
		}
		t.Cleanup(func() {
			if err := r.Close(); err != nil {
				t.Errorf("joinerytest: close replica %d: %v", i, err)
			}
		})
		s.replicas = append(s.replicas, r)
		s.clocks = append(s.clocks, clock)
	}
	return s
}

// Replica returns a replica by its index, from 0.
func (s *Space) Replica(index int) *joinery.Replica { return s.replicas[index] }

// Clock returns the clock of a replica.
func (s *Space) Clock(index int) *Clock { return s.clocks[index] }

// Advance turns all clocks on.
func (s *Space) Advance(d time.Duration) {
	for _, c := range s.clocks {
		c.Advance(d)
	}
}

// Endpoint returns the name of a replica on the network.
func Endpoint(index int) string { return strconv.Itoa(index) }

// Network returns the network, for faults that the methods here do not make:
// messages lost, doubled, held back, and links that work in one direction.
func (s *Space) Network() *memory.Network { return s.net }

// Cut takes the links of replicas down. It returns when they know: nothing that
// they write from then on reaches anybody, and the other way round.
func (s *Space) Cut(indices ...int) {
	s.t.Helper()
	for _, i := range indices {
		s.net.Disconnect(Endpoint(i))
	}
	for _, i := range indices {
		if !s.wait(func() bool { return !s.replicas[i].Status().Online }) {
			s.t.Fatalf("joinerytest: replica %d does not notice that it is cut off", i)
		}
	}
}

// Silence makes the links of replicas lose everything from now on, in both
// directions, and tells nobody.
func (s *Space) Silence(indices ...int) {
	for _, i := range indices {
		for j := range s.replicas {
			if i != j {
				s.net.Blackhole(Endpoint(i), Endpoint(j))
				s.net.Blackhole(Endpoint(j), Endpoint(i))
			}
		}
	}
}

// Heal takes all links up again, cut or silent.
func (s *Space) Heal() {
	s.net.Heal()
	for i := range s.replicas {
		s.net.Reconnect(Endpoint(i))
	}
}

// wait asks until the answer is yes, for as long as the patience lasts.
func (s *Space) wait(done func() bool) bool {
	for end := time.Now().Add(s.Patience); ; time.Sleep(time.Millisecond) {
		if done() {
			return true
		}
		if !time.Now().Before(end) {
			return false
		}
	}
}
