package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

func settling(c *Config) {
	member(c)
	c.Collect = true
}

func settlingBench(t *testing.T, n int) *bench {
	b := newBench(t, n, settling)
	b.pass(2*time.Second, nil)
	b.requireEqual()
	return b
}

func TestMembersForgetWhatAllHaveDeletedAndNotWhileOneIsSilent(t *testing.T) {
	b := settlingBench(t, 3)
	silent := b.all[2]
	b.put(b.all[0], "k", "v")
	b.pass(time.Second, nil)
	mute := func(from, to *Replica, _ *Outgoing) bool { return from == silent || to == silent }
	b.put(b.all[0], "k", "")
	b.pass(30*time.Second, mute)
	for _, r := range b.all[:2] {
		require.Equal(t, 1, r.View("doc").State().Dots(), "the deletion stays")
	}
	b.pass(40*time.Second, nil)
	for _, r := range b.all {
		require.Nil(t, r.View("doc"), "replica %v", r.cfg.ID)
	}
	b.requireEqual()
}

func TestAMemberThatHasMoreThanOneKnowsDoesNotCount(t *testing.T) {
	b := settlingBench(t, 2)
	r, other := b.all[0], b.all[1]
	b.put(r, "k", "v")
	b.pass(time.Second, nil)
	d := r.docs["doc"]
	r.seekStability(d)
	more := causal.Context{}
	more.Add(causal.Dot{Actor: other.Actor(), Seq: 7})
	answer := &message.Covered{To: r.nonce, Seen: other.seenMembers(), Cuts: []message.Held{{ID: d.coverage.cut.id, More: more}}}
	require.NoError(t, r.Step(b.now, "", say(other.Actor(), other.nonce, answer)))
	require.NotNil(t, d.coverage.cut)
	answer.Cuts[0].More = causal.Context{}
	require.NoError(t, r.Step(b.now, "", say(other.Actor(), other.nonce, answer)))
	require.Nil(t, d.coverage.cut)
}

func TestWhoHasForgottenADocumentSaysThatItHeldIt(t *testing.T) {
	b := settlingBench(t, 1)
	r := b.all[0]
	r.remember(forgotten{"doc", 7})
	_, ok := r.hasCut(&message.Cut{Doc: "doc", Dead: 7})
	require.True(t, ok)
	_, ok = r.hasCut(&message.Cut{Doc: "doc", Dead: 8})
	require.False(t, ok)
}
