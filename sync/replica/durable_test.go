package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// restart returns a replica as it comes back from the records that a test kept.
func (b *bench) restart(r *Replica, incarnation uint64) *Replica {
	cfg := r.cfg
	cfg.Rand, cfg.Incarnation, cfg.Mark = rand.New(rand.NewPCG(77, uint64(len(b.all)))), incarnation, r.Mark()
	again, err := New(cfg, b.now)
	require.NoError(b.t, err)
	for _, rec := range b.kept[r] {
		require.NoError(b.t, again.Load(rec))
	}
	b.all = append(b.all, again)
	return again
}

func TestWhatIsCommittedOfflineSurvivesACrash(t *testing.T) {
	b := newBench(t, 2)
	r := b.all[0]
	r.Connect(b.now, false)
	for i := range 10 {
		b.set(r, "k", fmt.Sprint(i))
		r.Commit(b.now)
		out := r.Ready()
		require.Len(t, out.Records, 1)
		require.Empty(t, out.Messages)
		b.kept[r] = append(b.kept[r], out.Records...)
	}
	r.Commit(b.now)
	left := r.Ready()
	require.True(t, left.IsEmpty(), "everything was recorded")
	b.all = b.all[1:] // it crashed
	again := b.restart(r, 0)
	require.NotEqual(t, r.Actor(), again.Actor())
	require.Equal(t, "9", b.get(again, "k"))
	again.Connect(b.now, true)
	b.pass(again.cfg.BeaconEvery, nil)
	b.requireEqual()
	require.Zero(t, again.Stats().FramesSent, "the units are in the log again")
}

func TestOfflineWritesOnTheDiskGoOutAsOneValue(t *testing.T) {
	b := newBench(t, 2)
	r := b.all[0]
	r.Connect(b.now, false)
	for i := range 500 {
		b.set(r, "k", fmt.Sprint(i))
		r.Commit(b.now)
	}
	b.take(r)
	r.Connect(b.now, true)
	out := b.take(r)
	units := only[*message.Delta](t, out)
	require.Len(t, units, 1)
	require.Less(t, len(units[0].Unit), 120)
	for _, m := range out {
		require.NoError(t, b.all[1].Step(b.now, m.Doc, m.Data))
	}
	b.requireEqual()
}

func TestWhatIsSentWasRecordedOnce(t *testing.T) {
	b := newBench(t, 2)
	r := b.all[0]
	b.set(r, "k", "online")
	r.Commit(b.now)
	out := r.Ready()
	require.Len(t, out.Records, 1)
	require.Len(t, only[*message.Delta](t, out.Messages), 1)
	r.Connect(b.now, false)
	b.set(r, "k", "offline")
	r.Commit(b.now)
	require.Len(t, r.Ready().Records, 1)
	r.Connect(b.now, true)
	out = r.Ready()
	require.Len(t, only[*message.Delta](t, out.Messages), 1)
	require.Empty(t, out.Records)
}

// A clone of the identity turns up while events wait that are on the disk:
// those keep their names, or they would come back under two.
func TestANewIncarnationLeavesWhatIsOnTheDisk(t *testing.T) {
	b := newBench(t, 2)
	r, old := b.all[0], b.all[0].Actor()
	r.Connect(b.now, false)
	b.set(r, "kept", "1")
	r.Commit(b.now)
	b.take(r)
	b.set(r, "loose", "1")
	foreign := crdt.NewDocument(causal.Actor{ID: causal.ID{9}, Incarnation: 1}, nil)
	require.NoError(t, foreign.Assign(kernel.Root, crdt.TagRegister, "x", "", false, crdt.Over(causal.Dot{Actor: old, Seq: 2})))
	require.NoError(t, r.Step(b.now, "doc", say(foreign.Actor(), 1, &message.Delta{Doc: "doc", Unit: foreign.Flush(nil)})))
	require.NotEqual(t, old, r.Actor())
	b.take(r)
	s := r.View("doc").State()
	was, _ := s.Lookup(old)
	is, _ := s.Lookup(r.Actor())
	require.True(t, s.IsLive(was, 1), "the event on the disk")
	require.True(t, s.IsLive(is, 1), "the other got a new name")
	require.Equal(t, "1", b.get(r, "loose"))
	r.Connect(b.now, true)
	b.pass(r.cfg.BeaconEvery, nil)
	b.requireEqual()
	crashed := b.restart(r, 0)
	require.Equal(t, r.Digest(), crashed.Digest())
}

func TestACleanStartGoesOnAsTheSameActor(t *testing.T) {
	b := newBench(t, 2)
	r := b.all[0]
	b.set(r, "k", "1")
	b.take(r)
	b.all = b.all[1:]
	again := b.restart(r, r.Actor().Incarnation)
	again.Connect(b.now, true)
	require.Equal(t, r.Actor(), again.Actor())
	b.set(again, "k", "2")
	b.pass(again.cfg.BeaconEvery, nil)
	b.requireEqual()
	require.Equal(t, "2", b.get(again, "k"))
	s := again.View("doc").State()
	require.Len(t, s.Actors(), 1)
}
