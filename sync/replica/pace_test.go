package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// among lets a replica hear beacons of n peers with a digest, once.
func among(b *bench, r *Replica, n int, digest uint64) {
	for i := range n {
		from := causal.Actor{ID: causal.ID{1: byte(i >> 8), 2: byte(i), 3: 1}, Incarnation: 1}
		require.NoError(b.t, r.Step(b.now, "", say(from, 1, &message.Beacon{Scope: ">", Digest: digest})))
	}
}

// beacons returns what a replica says within a time, and when.
func (b *bench) beacons(r *Replica, d time.Duration) (at []time.Duration, all []*message.Beacon) {
	start := b.now
	for b.now.Sub(start) < d {
		b.now = b.now.Add(5 * time.Millisecond)
		r.Tick(b.now)
		for _, m := range only[*message.Beacon](b.t, b.take(r)) {
			at, all = append(at, b.now.Sub(start)), append(all, m)
		}
	}
	return at, all
}

func TestAmongManyAReplicaSpeaksLessOften(t *testing.T) {
	for n, want := range map[int]int{0: 120, 31: 120, 320: 12, 960: 4} {
		b := newBench(t, 1)
		r := b.all[0]
		count := 0
		for range 120 {
			among(b, r, n, r.Digest())
			at, _ := b.beacons(r, time.Second)
			count += len(at)
		}
		require.InDelta(t, want, count, float64(want)/4+2, "%d peers", n)
	}
}

func TestPeersThatFellSilentAreCountedOut(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	among(b, r, 320, r.Digest())
	require.True(t, r.isCrowded())
	b.beacons(r, 2*time.Minute)
	require.False(t, r.isCrowded())
	at, _ := b.beacons(r, 20*time.Second)
	require.Greater(t, len(at), 15)
}

// TestAHubThatRestartsIsNotGreetedByAllAtOnce: who comes back among many waits,
// and says nothing once others have said the same.
func TestAHubThatRestartsIsNotGreetedByAllAtOnce(t *testing.T) {
	early, silent := 0, 0
	for i := range 200 {
		b := newBench(t, 0)
		r := b.add(func(c *Config) { c.ID = causal.ID{200, byte(i)}; c.Rand = newRand(uint64(i)) })
		among(b, r, 640, r.Digest())
		b.take(r)
		r.Connect(b.now, false)
		b.now = b.now.Add(30 * time.Second)
		r.Connect(b.now, true)
		require.Empty(t, only[*message.Beacon](t, b.take(r)))
		if at, _ := b.beacons(r, 250*time.Millisecond); len(at) > 0 {
			early++
		}
		among(b, r, 2, r.Digest())
		if at, _ := b.beacons(r, 5*time.Second); len(at) == 0 {
			silent++
		}
	}
	require.Less(t, early, 20)
	require.Greater(t, silent, 180)
}

func TestWhoDiffersSpeaksAfterItsReturn(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	among(b, r, 640, r.Digest())
	r.Connect(b.now, false)
	b.set(r, "k", "v")
	r.Connect(b.now, true)
	require.Empty(t, b.take(r))
	b.now = b.now.Add(450 * time.Millisecond)
	r.Tick(b.now)
	require.Len(t, only[*message.Delta](t, b.take(r)), 1, "what was written goes out soon")
	among(b, r, 5, 7)
	_, all := b.beacons(r, 7*time.Second)
	require.NotEmpty(t, all)
	require.True(t, all[0].Hello)
	require.NotEmpty(t, all[0].Hints)
}

func TestAfterABurstAmongManyTheTailIsSaidUnlessOthersSayIt(t *testing.T) {
	for _, echoed := range []bool{false, true} {
		t.Run(fmt.Sprint("echoed ", echoed), func(t *testing.T) {
			b := newBench(t, 1)
			r := b.all[0]
			among(b, r, 640, r.Digest())
			b.beacons(r, 10*time.Second) // its own first one
			among(b, r, 640, r.Digest())
			b.set(r, "k", "v")
			r.Flush(b.now)
			if echoed {
				among(b, r, 2, r.Digest())
			}
			at, _ := b.beacons(r, 300*time.Millisecond)
			require.Equal(t, echoed, len(at) == 0)
		})
	}
}

func TestAmongFewAllIsSaidAsBefore(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	among(b, r, 20, r.Digest())
	r.Connect(b.now, false)
	r.Connect(b.now, true)
	require.Len(t, only[*message.Beacon](t, b.take(r)), 1)
	among(b, r, 20, r.Digest())
	from := causal.Actor{ID: causal.ID{3}, Incarnation: 1}
	require.NoError(t, r.Step(b.now, "", say(from, 1, &message.Beacon{Scope: ">", Digest: r.Digest(), Hello: true})))
	at, _ := b.beacons(r, 60*time.Millisecond)
	require.Len(t, at, 1, "a hello is answered")
}
