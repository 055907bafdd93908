package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// The tests here are named after bugs of other systems, as those of package
// crdt are, and play what takes a whole replica.

// reseeded gives a start its own random numbers.
func reseeded(n uint64) func(*Config) {
	return func(c *Config) { c.Rand = rand.New(rand.NewPCG(n, 5)) }
}

// join lets a replica that was started by hand take part in place of another.
func (b *bench) join(r, instead *Replica) {
	for i := range b.all {
		if b.all[i] == instead {
			b.all = append(b.all[:i], b.all[i+1:]...)
			break
		}
	}
	b.all = append(b.all, r)
	r.Connect(b.now, true)
}

// riak_kv#679: a replica that had lost its last writes, by a restored backup or
// a failed disk, went on under its old name and numbers; peers took its new
// writes for those that they had, and they were gone. Here the same backup even
// starts two processes at once.
func TestRiakKV679RestoredReplicaReusesItsActor(t *testing.T) {
	naive := map[string]string{"a2": "lost with the disk"} // what the peer has
	if _, known := naive["a2"]; !known {
		naive["a2"] = "acknowledged after the restore"
	}
	require.NotContains(t, naive["a2"], "after the restore")

	b := newBench(t, 3)
	b.set(b.all[0], "k", "backed up")
	b.quiet()
	b.set(b.all[0], "later", "lost with the disk")
	b.pass(time.Second, nil)
	first := b.restored(b.all[0], 1, reseeded(1))
	second := b.restored(b.all[0], 1, reseeded(2))
	b.join(first, b.all[0])
	b.all = append(b.all, second)
	second.Connect(b.now, true)
	b.set(first, "x", "first")
	b.set(second, "y", "second")
	b.pass(3*time.Second, nil)
	b.requireEqual()
	for _, r := range b.all {
		require.Equal(t, "first", b.get(r, "x"))
		require.Equal(t, "second", b.get(r, "y"))
		require.Equal(t, "lost with the disk", b.get(r, "later"))
		require.Zero(t, r.View("doc").State().Conflicts())
	}
}

// VerneMQ vmq#1766 and its relatives: a node left and came back under the same
// name with an empty store; its numbers began at 1 again and were taken for
// known, so its subscriptions reached nobody.
func TestVerneMQ1766NodeComesBackEmptyUnderItsName(t *testing.T) {
	known := 3 // the naive peer's clock for the name
	require.LessOrEqual(t, 1, known, "the first write of the new node looks old")

	b := newBench(t, 3)
	for i := range 3 {
		b.set(b.all[0], fmt.Sprint("before", i), "x")
		b.quiet()
	}
	b.pass(time.Second, nil)
	empty := b.restored(b.all[0], 0)
	b.set(empty, "after", "x")
	b.join(empty, b.all[0])
	b.pass(3*time.Second, nil)
	b.requireEqual()
	for _, r := range b.all {
		require.Equal(t, "x", b.get(r, "after"))
		for i := range 3 {
			require.Equal(t, "x", b.get(r, fmt.Sprint("before", i)))
		}
	}
}

// automerge#536: a document that was saved in the middle of a sync with several
// peers held changes of one actor with gaps; loaded again it refused the
// missing ones ("duplicate seq", "changes out of order") and synced no more.
func TestAutomerge536SavedInTheMiddleOfASync(t *testing.T) {
	b := newBench(t, 3)
	for i := range 30 {
		b.set(b.all[i%2], fmt.Sprint(i), "x")
		b.pass(5*time.Millisecond, func(_, to *Replica, m *Outgoing) bool {
			return to == b.all[2] && (m.Kind != message.KindDelta || i%3 != 0)
		})
	}
	half := b.all[2]
	b.take(half)
	require.NotZero(t, half.View("doc").State().Dots())
	require.Less(t, half.View("doc").State().Dots(), 30, "some are missing")
	b.join(b.restored(half, len(b.kept[half])), half)
	b.pass(3*time.Second, nil)
	b.requireEqual()
	require.Equal(t, 30, b.all[2].View("doc").State().Dots())
}

// The same id in two processes that run at once: a replica that knows its
// echoes by its id alone never hears the other one.
func TestTwoProcessesWithOneIdentityHearEachOther(t *testing.T) {
	b := newBench(t, 2)
	twin := b.restored(b.all[0], 0, sameAgain(b.all[0].actor.Incarnation))
	b.all = append(b.all, twin)
	require.Equal(t, b.all[0].actor, twin.actor)
	twin.Connect(b.now, true)
	deliver := func(from, to *Replica) {
		for _, m := range b.take(from) {
			if m.To != ToPeer || m.Peer == to.cfg.ID {
				require.NoError(t, to.Step(b.now, m.Doc, m.Data))
			}
		}
	}
	deliver(twin, b.all[0])
	require.NotEqual(t, twin.actor, b.all[0].actor)
	b.take(b.all[0])
	require.Equal(t, Clone, b.seen[b.all[0]][0].Kind)
}

// akka.net#8219 on the wire: readers of a map that only ever grew saw fewer
// entries for a moment, whenever a node that had missed something gossiped.
func TestAkkaNet8219ReadersNeverSeeFewerEntries(t *testing.T) {
	b := newBench(t, 4, func(c *Config) { c.LogBytes = 4 << 10 })
	rng := rand.New(rand.NewPCG(4, 2))
	lossy := func(_, _ *Replica, _ *Outgoing) bool { return rng.IntN(3) == 0 }
	most := map[*Replica]int{}
	for i := range 292 {
		b.set(b.all[0], fmt.Sprint(i), "x")
		b.pass(5*time.Millisecond, lossy)
		for _, r := range b.all {
			n := 0
			if d := r.View("doc"); d != nil {
				n = d.State().Len(kernel.Root)
			}
			require.GreaterOrEqual(t, n, most[r])
			most[r] = n
		}
	}
	b.pass(3*time.Second, nil)
	b.requireEqual()
	require.Equal(t, 292, b.all[3].View("doc").State().Len(kernel.Root))
}

// Duplicated, reordered and misplaced chunks give the transfer that was meant.
func TestTransfersSurviveDuplicatedChunks(t *testing.T) {
	b := newBench(t, 1, small, noLog)
	for i := range 12 {
		b.set(b.all[0], fmt.Sprint(i), long(3000))
	}
	b.quiet()
	r := b.add(small, noLog)
	var held []Outgoing
	b.pass(2*time.Second, func(_, to *Replica, m *Outgoing) bool {
		if to != r || m.Kind != message.KindChunk {
			return false
		}
		held = append(held, *m)
		if len(held) < 3 {
			return true
		}
		for i := len(held) - 1; i >= 0; i-- {
			require.NoError(t, r.Step(b.now, "", held[i].Data))
			require.NoError(t, r.Step(b.now, "", held[i].Data))
		}
		held = held[:0]
		return true
	})
	b.requireEqual()
	require.EqualValues(t, 1, r.Stats().Transfers)
	require.Zero(t, r.Stats().Refused)
}

// An incarnation that mints no more than was published before is no reason to
// lose increments, nor to count them twice.
func TestACloneCountsEveryIncrementOnce(t *testing.T) {
	b := newBench(t, 2)
	add := func(r *Replica) {
		b.write(r, func(d *crdt.Document) error { return d.Increment(kernel.Root, "n", 1) })
	}
	add(b.all[0])
	b.quiet()
	twin := b.restored(b.all[0], 1, sameAgain(b.all[0].actor.Incarnation))
	twin.nonce ^= 1
	b.all[0].Connect(b.now, false)
	add(b.all[0]) // waits under a name that the twin is about to use
	b.all = append(b.all, twin)
	twin.Connect(b.now, true)
	add(twin)
	b.pass(time.Second, func(from, to *Replica, _ *Outgoing) bool { return from == b.all[0] || to == b.all[0] })
	for _, m := range b.kept[twin] {
		unit := &message.Delta{Doc: "doc", Unit: m.Delta, Relayed: true}
		require.NoError(t, b.all[0].Step(b.now, "doc", say(causal.Actor{ID: causal.ID{2}}, 1, unit)))
	}
	b.all[0].Connect(b.now, true)
	b.pass(3*time.Second, nil)
	b.requireEqual()
	n, _ := b.all[1].View("doc").Sum(kernel.Root, "n")
	require.EqualValues(t, 3, n)
	require.Zero(t, b.all[1].View("doc").State().Conflicts())
}

// What a peer announces is checked before it is asked for.
func TestATransferAboveTheLimitIsNotBegun(t *testing.T) {
	b := newBench(t, 1, small, noLog)
	b.set(b.all[0], "a", long(20_000))
	b.quiet()
	r := b.add(small, noLog, func(c *Config) { c.MaxTransfer = 10_000 })
	b.pass(time.Second, func(_, _ *Replica, m *Outgoing) bool {
		require.NotContains(t, []message.Kind{message.KindFetch, message.KindChunk}, m.Kind)
		return false
	})
	require.NotEmpty(t, b.seen[r])
	require.Equal(t, Full, b.seen[r][0].Kind)
}
