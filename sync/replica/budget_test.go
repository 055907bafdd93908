package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// thrifty has so many bytes a second.
func thrifty(rate int) func(*Config) { return func(c *Config) { c.Budget = rate } }

// sentBytes returns what a replica sends within a time, a second each.
func (b *bench) sentBytes(r *Replica, seconds int, each func()) (all []int) {
	for range seconds {
		n := 0
		for range 200 {
			b.now = b.now.Add(5 * time.Millisecond)
			each()
			r.Tick(b.now)
			for _, m := range b.take(r) {
				n += len(m.Data)
				for _, to := range b.all {
					if b.isFor(r, to, &m) {
						require.NoError(b.t, to.Step(b.now, m.Doc, m.Data))
					}
				}
			}
		}
		all = append(all, n)
	}
	return all
}

func TestABudgetBoundsWhatIsSentAndNothingIsLost(t *testing.T) {
	b := newBench(t, 2, thrifty(5000))
	r, n := b.all[0], 0
	for _, bytes := range b.sentBytes(r, 10, func() {
		b.set(r, fmt.Sprint(n), long(200)) // 40 KB a second
		n++
	}) {
		require.LessOrEqual(t, bytes, 3*5000, "a second and a message")
	}
	total := 0
	for _, bytes := range b.sentBytes(r, 60, func() {}) {
		total += bytes
	}
	require.InDelta(t, 5000, float64(total)/60, 500, "none of it is wasted while there is something to send")
	b.pass(time.Minute*3, nil)
	b.requireEqual()
	require.Equal(t, long(200), b.get(b.all[1], fmt.Sprint(n-1)))
}

func TestWhatABudgetHoldsBackGoesOnCoalescing(t *testing.T) {
	b := newBench(t, 2, thrifty(5000))
	r, n := b.all[0], 0
	for _, bytes := range b.sentBytes(r, 10, func() {
		for range 10 {
			n++
			b.set(r, "k", fmt.Sprintf("%s %d", long(1000), n)) // 2 MB a second, of one field
		}
	}) {
		require.LessOrEqual(t, bytes, 3*5000)
	}
	b.pass(5*time.Second, nil)
	b.requireEqual()
	require.Equal(t, fmt.Sprintf("%s %d", long(1000), n), b.get(b.all[1], "k"))
}

// TestAQuarterOfABudgetIsForAnswersAndBeacons, however much there is to broadcast.
func TestAQuarterOfABudgetIsForAnswersAndBeacons(t *testing.T) {
	b := newBench(t, 1, thrifty(8000))
	r, n := b.all[0], 0
	b.set(r, "other", "v")
	asker := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	kinds := map[message.Kind]int{}
	for range 400 {
		b.now = b.now.Add(25 * time.Millisecond)
		n++
		b.set(r, fmt.Sprint(n), long(2000))
		require.NoError(t, r.Step(b.now, "", say(asker, 1, &message.Pull{Wants: []message.Want{{Doc: "absent"}}})))
		r.Tick(b.now)
		for _, m := range b.take(r) {
			kinds[m.Kind]++
		}
	}
	require.Greater(t, kinds[message.KindPush], 20)
	require.Greater(t, kinds[message.KindBeacon], 2)
	require.Greater(t, kinds[message.KindDelta], 10)
}

func TestWhatWaitsForABudgetIsSentOnceAndBounded(t *testing.T) {
	b := newBench(t, 1, thrifty(4096))
	r := b.all[0]
	for i := range 30 {
		b.set(r, fmt.Sprint(i), long(1000))
	}
	r.Flush(b.now)
	b.take(r)
	for i := range 100 {
		for k := range 3 { // each asks again and again
			from := causal.Actor{ID: causal.ID{1: byte(i), 2: 1}, Incarnation: 1}
			require.NoError(t, r.Step(b.now, "", say(from, 1, &message.Pull{Wants: []message.Want{{Doc: "doc"}, {Doc: "absent"}}[k%2:]})))
		}
	}
	require.Len(t, b.take(r), 1, "the quarter that was left")
	require.LessOrEqual(t, r.budget.bytes, maxHeld*r.cfg.MaxMessage)
	s := r.Stats()
	require.EqualValues(t, 299, s.Held)
	require.NotZero(t, s.Shed)
	to := map[causal.ID]int{}
	for range 100_000 {
		b.now = b.now.Add(10 * time.Millisecond)
		r.Tick(b.now)
		for _, m := range b.take(r) {
			if m.Kind == message.KindPush {
				to[m.Peer]++
			}
		}
	}
	require.Empty(t, r.budget.held)
	require.NotEmpty(t, to)
	for id, n := range to {
		require.Equal(t, 1, n, "%v", id)
	}
}

func TestCommitMakesRecordsOfWhatABudgetHoldsBack(t *testing.T) {
	b := newBench(t, 1, thrifty(4096))
	r := b.all[0]
	for i := range 30 {
		b.set(r, fmt.Sprint(i), long(1000))
	}
	r.Commit(b.now)
	sent := len(only[*message.Delta](t, b.take(r)))
	require.Less(t, sent, 30)
	again := b.add(func(c *Config) { c.ID = causal.ID{77} })
	for _, rec := range b.kept[r] {
		require.NoError(t, again.Load(rec))
	}
	require.Equal(t, r.Digest(), again.Digest())
}

func TestFlushTakesNoHeedOfTheBudget(t *testing.T) {
	b := newBench(t, 1, thrifty(4096))
	r := b.all[0]
	for i := range 30 {
		b.set(r, fmt.Sprint(i), long(1000))
	}
	require.NotZero(t, r.Stats().Pending)
	r.Flush(b.now)
	require.Zero(t, r.Stats().Pending)
}

func TestABudgetOfUnusedSecondsIsWorthOne(t *testing.T) {
	x := newBudget(1000, time.Unix(0, 0))
	x.fill(time.Unix(3600, 0))
	require.InDelta(t, 1000, x.main+x.reserve, 0.01)
	x.spend(5000, true)
	require.False(t, x.mayBroadcast())
	require.True(t, x.mayTalk())
	at := x.broadcastAt()
	x.fill(at)
	require.True(t, x.mayBroadcast())
	require.WithinDuration(t, time.Unix(3600+4, 0), at, 2*time.Second)
}
