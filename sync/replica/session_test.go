package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// comparing has replicas compare wherever a log does not help.
func comparing(c *Config) { c.LogBytes, c.TripBytes = -1, -1<<30 }

func (b *bench) remove(r *Replica, key string) {
	b.t.Helper()
	b.write(r, func(d *crdt.Document) error {
		return d.Remove(kernel.Root, crdt.TagRegister, key, crdt.Options{})
	})
}

// estranged returns two replicas with equal documents of n keys that then went
// their own ways: puts, overwrites and removals on both sides.
func estranged(t *testing.T, n, differences int, change ...func(*Config)) *bench {
	b := newBench(t, 2, change...)
	for i := range n {
		b.set(b.all[0], fmt.Sprint(i), "value")
	}
	b.pass(2*time.Second, nil)
	b.requireEqual()
	for i := range differences {
		r, key := b.all[i%2], fmt.Sprint(i*7%n)
		switch i / 2 % 3 {
		case 0:
			b.set(r, key, fmt.Sprint("by ", i%2))
		case 1:
			b.remove(r, key)
		default:
			b.set(r, fmt.Sprint("new", i), "value")
		}
	}
	for _, r := range b.all {
		r.Flush(b.now)
	}
	b.carry(losesAll)
	return b
}

func total(b *bench, of func(*Stats) uint64) (n uint64) {
	for _, r := range b.all {
		s := r.Stats()
		n += of(&s)
	}
	return n
}

func TestWhatNoLogHoldsAnyMoreIsFoundByComparison(t *testing.T) {
	b := estranged(t, 600, 60, comparing)
	before := total(b, func(s *Stats) uint64 { return s.FramesSent })
	b.pass(2*time.Second, nil)
	b.requireEqual()
	require.Equal(t, before, total(b, func(s *Stats) uint64 { return s.FramesSent }))
	require.Positive(t, total(b, func(s *Stats) uint64 { return s.Ladder.Compared }))
	for _, r := range b.all {
		require.NoError(t, r.View("doc").State().Verify())
		require.Empty(t, b.seen[r], "no alarm")
	}
}

func TestOneComparisonMakesBothSidesEqualInTwoRoundTrips(t *testing.T) {
	b := estranged(t, 600, 60, comparing)
	asker := b.all[1]
	var kinds []message.Kind
	b.pass(2*time.Second, func(from, _ *Replica, m *Outgoing) bool {
		if m.Kind == message.KindPull && from != asker || m.Kind == message.KindBeacon && from == asker {
			return true // only one of them asks
		}
		if m.Kind != message.KindBeacon {
			kinds = append(kinds, m.Kind)
		}
		return false
	})
	b.requireEqual()
	require.Equal(t, []message.Kind{message.KindPull, message.KindPush, message.KindTable, message.KindPush}, kinds)
}

func TestNewsAreNoUnits(t *testing.T) {
	b := estranged(t, 50, 10, comparing)
	for _, r := range b.all {
		r.log.MaxBytes = 1 << 20
		b.kept[r] = nil
	}
	b.pass(2*time.Second, nil)
	b.requireEqual()
	require.Positive(t, total(b, func(s *Stats) uint64 { return s.Ladder.Compared }))
	for _, r := range b.all {
		units, _ := r.log.Len()
		require.Zero(t, units, "what a comparison brings must not go to others")
		require.NotEmpty(t, b.kept[r])
		for _, rec := range b.kept[r] {
			require.False(t, rec.Unit)
		}
	}
}
