package replica

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

func keyOf(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

// worn returns the state of a document with so many keys, written by some actors and
// then overwritten at random, so that the live dots have holes between them.
func worn(keys, actors, overwrites int) delta.Delta {
	rng := rand.New(rand.NewPCG(1, uint64(keys)))
	s := &kernel.State{}
	put := func(by, k int) {
		a := s.Intern(causal.Actor{ID: causal.ID{9, byte(by)}, Incarnation: 77})
		s.Assign(a, s.Next(a), &kernel.Payload{Tag: crdt.TagRegister, Key: keyOf(k), Value: "a value of some length", Time: 1 << 40}, nil)
	}
	for k := range keys {
		put(k%actors, k)
	}
	for range overwrites {
		put(rng.IntN(actors), rng.IntN(keys))
	}
	return delta.AppendState(nil, s)
}

// catchUp is two replicas of one document, the log of which nobody has, and what
// it took to make them equal.
type catchUp struct {
	tb            testing.TB
	now           time.Time
	asker, source *Replica

	kinds    []message.Kind // besides beacons
	bytes    int            // of these
	payloads int            // keys and values among these
	cpu      time.Duration  // of both, from the request on
}

func newCatchUp(tb testing.TB, base delta.Delta, keys, differences int) *catchUp {
	c := &catchUp{tb: tb, now: time.Unix(1e9, 0)}
	for i, r := range []**Replica{&c.source, &c.asker} {
		var err error
		*r, err = New(Config{ID: causal.ID{byte(i + 1)}, Rand: rand.New(rand.NewPCG(uint64(i), uint64(differences))), LogBytes: -1}, c.now)
		require.NoError(tb, err)
		require.NoError(tb, (*r).Load(Record{Doc: "doc", Delta: base}))
	}
	rng := rand.New(rand.NewPCG(3, uint64(differences)))
	for i := range differences {
		c.differ(i, []*Replica{c.source, c.asker}[i%2], rng.IntN(keys), keys)
	}
	for _, r := range []*Replica{c.source, c.asker} {
		r.Flush(c.now)
		r.Digest()
		r.Ready()
	}
	return c
}

// differ puts over what both have, removes it, or adds something.
func (c *catchUp) differ(i int, r *Replica, k, keys int) {
	require.NoError(c.tb, r.Write(c.now, "doc", func(d *crdt.Document) error {
		switch i % 10 {
		case 0, 1:
			return d.Assign(kernel.Root, crdt.TagRegister, keyOf(keys+i), "something that is new", false, crdt.Options{})
		case 2, 3, 4, 5:
			return d.Remove(kernel.Root, crdt.TagRegister, keyOf(k), crdt.Options{})
		}
		return d.Assign(kernel.Root, crdt.TagRegister, keyOf(k), "a value of some length", false, crdt.Options{})
	}))
}

// run lets the source's beacon reach the asker, and carries what they say then.
func (c *catchUp) run() {
	c.asker.Connect(c.now, true)
	c.asker.Ready() // its own beacon is lost
	c.source.Connect(c.now, true)
	for _, m := range c.source.Ready().Messages {
		require.NoError(c.tb, c.asker.Step(c.now, m.Doc, m.Data))
	}
	c.now = c.now.Add(30 * time.Millisecond)
	begin := time.Now()
	c.asker.Tick(c.now)
	c.carry(c.asker, c.source)
	c.cpu += time.Since(begin)
}

func (c *catchUp) carry(from, to *Replica) {
	for _, m := range from.Ready().Messages {
		if m.Kind == message.KindBeacon {
			continue
		}
		c.count(m)
		require.NoError(c.tb, to.Step(c.now, m.Doc, m.Data))
		c.carry(to, from)
	}
}

func (c *catchUp) count(m Outgoing) {
	c.kinds, c.bytes = append(c.kinds, m.Kind), c.bytes+len(m.Data)
	_, body, err := message.Parse(m.Data)
	require.NoError(c.tb, err)
	var news []delta.Delta
	switch b := body.(type) {
	case *message.Push:
		if g := b.Gifts[0]; g.Answer != message.Sketch {
			news = g.Deltas
		}
	case *message.Table:
		news = []delta.Delta{b.News}
	}
	for _, d := range news {
		f, err := d.Open()
		require.NoError(c.tb, err)
		for a := range f.All() {
			c.payloads += len(a.Key) + len(a.Value)
		}
	}
}

// besides is the bytes that were no payload.
func (c *catchUp) besides() int { return c.bytes - c.payloads }

// budgets is bytes besides payloads by number of differences.
var budgets = []struct{ differences, bytes int }{{10, 1200}, {100, 8000}, {1000, 40_000}}

var twoRoundTrips = []message.Kind{message.KindPull, message.KindPush, message.KindTable, message.KindPush}

func TestCatchingUpWithoutALogTakesTwoRoundTripsAndItsBudget(t *testing.T) {
	const keys = 100_000
	base := worn(keys, 10, keys/2)
	for _, x := range budgets {
		c := newCatchUp(t, base, keys, x.differences)
		c.run()
		require.Equal(t, twoRoundTrips, c.kinds)
		require.Equal(t, c.source.Digest(), c.asker.Digest())
		require.LessOrEqual(t, c.besides(), x.bytes)
		require.Zero(t, c.source.Stats().FramesSent)
	}
}

// BenchmarkCatchUp answers: what does it take to catch up with a document of a million
// keys of which no log reaches back, in bytes besides keys and values, round trips, and
// time of both sides together, in the best of all runs?
func BenchmarkCatchUp(b *testing.B) {
	const million = 1_000_000
	for _, s := range []struct {
		name               string
		actors, overwrites int
	}{{"written once by 1 actor", 1, 0}, {"overwritten by 1 actor", 1, 2 * million}, {"overwritten by 10 actors", 10, 2 * million}} {
		base := worn(million, s.actors, s.overwrites)
		for _, x := range budgets {
			b.Run(fmt.Sprintf("%s/%d differences", s.name, x.differences), func(b *testing.B) {
				var besides, trips int
				best := time.Hour // the others were disturbed
				for range b.N {
					b.StopTimer()
					c := newCatchUp(b, base, million, x.differences)
					b.StartTimer()
					c.run()
					require.Equal(b, c.source.Digest(), c.asker.Digest())
					besides, trips, best = besides+c.besides(), trips+len(c.kinds)/2, min(best, c.cpu)
				}
				n := float64(b.N)
				b.ReportMetric(float64(besides)/n, "B-besides")
				b.ReportMetric(float64(trips)/n, "round-trips")
				b.ReportMetric(float64(best.Microseconds())/1000, "ms-both")
			})
		}
	}
}

// equals returns two replicas that hold the same document of so many keys, and what
// the first says to the second.
func equals(tb testing.TB, keys int) (other *Replica, now time.Time, beacon Outgoing) {
	base := worn(keys, 3, keys/2)
	c := newCatchUp(tb, base, keys, 0)
	for _, r := range []*Replica{c.source, c.asker} {
		r.Connect(c.now, true)
		for range hintBeacons { // it was told what is new
			c.now = c.now.Add(2 * time.Second)
			r.Tick(c.now)
			out := r.Ready().Messages
			beacon = out[len(out)-1]
		}
	}
	return c.source, c.now, beacon
}

func TestEqualReplicasAgreeByOneSmallMessage(t *testing.T) {
	for _, keys := range []int{1000, 50_000} {
		other, now, beacon := equals(t, keys)
		require.Equal(t, message.KindBeacon, beacon.Kind)
		require.LessOrEqual(t, len(beacon.Data), 100)
		allocated := testing.AllocsPerRun(100, func() { require.NoError(t, other.Step(now, "", beacon.Data)) })
		require.LessOrEqual(t, allocated, 10.0, "the same for %d keys", keys)
		require.Empty(t, other.Ready().Messages)
	}
}

// BenchmarkEqual answers: what does it cost two equal replicas to see that they
// are, by the number of keys?
func BenchmarkEqual(b *testing.B) {
	for _, keys := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(keys, " keys"), func(b *testing.B) {
			other, now, beacon := equals(b, keys)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := other.Step(now, "", beacon.Data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(beacon.Data)), "B-message")
		})
	}
}
