package replica

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Each test here was missing when a wrong implementation passed all others.

func TestChangesSayWhoMadeThemAndFailedOnesAreNotMentioned(t *testing.T) {
	b := newBench(t, 2)
	for _, r := range b.all {
		r.Watch(true)
	}
	b.set(b.all[0], "k", "v")
	out := b.all[0].Ready()
	require.Len(t, out.Changes, 1)
	require.True(t, out.Changes[0].Local)
	for _, m := range out.Messages {
		require.NoError(t, b.all[1].Step(b.now, m.Doc, m.Data))
	}
	out = b.all[1].Ready()
	require.Len(t, out.Changes, 1)
	require.False(t, out.Changes[0].Local)
	require.Equal(t, "k", out.Changes[0].Key)

	refused := errors.New("refused")
	err := b.all[0].Write(b.now, "doc", func(d *crdt.Document) error {
		return d.Update(func() error {
			require.NoError(t, d.Assign(kernel.Root, crdt.TagRegister, "k", "never", false, crdt.Options{}))
			return refused
		})
	})
	require.ErrorIs(t, err, refused)
	out = b.all[0].Ready()
	require.True(t, out.IsEmpty(), "what was taken back has not happened")
	require.Equal(t, "v", b.get(b.all[0], "k"))
}

func TestDriftIsReportedOnceAndCounted(t *testing.T) {
	b := newBench(t, 1)
	r, peer := b.all[0], causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	d := crdt.NewDocument(peer, nil)
	for range 3 {
		at := crdt.Options{Time: 1 << 62, HasTime: true}
		require.NoError(t, d.Assign(kernel.Root, crdt.TagRegister, "k", "far ahead", false, at))
		unit := &message.Delta{Doc: "doc", Unit: d.Flush(nil)}
		require.NoError(t, r.Step(b.now, "doc", say(peer, 1, unit)))
	}
	b.take(r)
	require.Len(t, b.seen[r], 1)
	require.Equal(t, Drift, b.seen[r][0].Kind)
	require.Equal(t, peer.ID, b.seen[r][0].Peer)
	require.Len(t, r.Drifting(), 1)
	require.Equal(t, peer.ID, r.Drifting()[0].ID)
	require.Greater(t, r.Drifting()[0].Ahead, time.Hour)
	require.EqualValues(t, 3, r.Stats().Drifts)
	require.Equal(t, "far ahead", b.get(r, "k"), "merged all the same")
	require.Less(t, r.Mark().Time(), b.now.Add(time.Hour))
	at := crdt.Options{Time: hlc.At(b.now), HasTime: true}
	require.NoError(t, d.Assign(kernel.Root, crdt.TagRegister, "other", "in time", false, at))
	require.NoError(t, r.Step(b.now, "doc", say(peer, 1, &message.Delta{Doc: "doc", Unit: d.Flush(nil)})))
	require.Empty(t, r.Drifting(), "its clock was set")
}

// A peer that lies may claim an actor's numbers up to the last one.
func TestAnActorWithoutNumbersLeftWritesOnUnderANewName(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	b.set(r, "k", "1")
	b.take(r)
	before := r.actor
	s := r.docs["doc"].copy.State()
	s.Claim(s.Intern(before), causal.Range{Lo: 1, Hi: causal.MaxSeq})
	b.set(r, "k", "2")
	require.NotEqual(t, before, r.actor)
	require.Equal(t, "2", b.get(r, "k"))
	b.take(r)
	require.Equal(t, Clone, b.seen[r][0].Kind)
}
