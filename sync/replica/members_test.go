package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
)

func member(c *Config) { c.Member = &membership.Member{Site: "here"} }

func memberBench(t *testing.T, n int) *bench {
	b := newBench(t, n, member)
	b.pass(2*time.Second, nil)
	return b
}

// requireMembers demands that all replicas agree on who takes part.
func (b *bench) requireMembers(want ...*Replica) {
	b.t.Helper()
	for _, r := range b.all {
		var got []causal.Actor
		for _, m := range r.Membership().Members() {
			if m.Standing.IsMember() {
				got = append(got, m.Actor)
			}
		}
		var actors []causal.Actor
		for _, w := range want {
			actors = append(actors, w.Actor())
		}
		require.ElementsMatch(b.t, actors, got, "replica %v", r.cfg.ID)
	}
}

// countActors returns how many actors a replica's context of the document "doc" has.
func countActors(r *Replica) int {
	c := r.View("doc").State().Context()
	return c.Actors()
}

// stop takes a replica out of the bench.
func (b *bench) stop(r *Replica) {
	for i, x := range b.all {
		if x == r {
			b.all = append(b.all[:i:i], b.all[i+1:]...)
			return
		}
	}
}

func TestReplicasThatMeetAreMembers(t *testing.T) {
	b := memberBench(t, 3)
	b.requireMembers(b.all...)
	b.requireEqual()
	m, ok := b.all[0].Membership().Find(b.all[1].Actor())
	require.True(t, ok)
	require.Equal(t, "here", m.Site)
	require.Equal(t, b.all[0].Membership().Version(), b.all[1].Membership().Version())
	b.set(b.all[0], "x", "1")
	b.pass(100*time.Millisecond, nil)
	require.Equal(t, "1", b.get(b.all[2], "x"))
}

func TestANewcomerBringsWhatItWroteAlone(t *testing.T) {
	b := memberBench(t, 2)
	b.set(b.all[0], "x", "1")
	late, err := New(Config{ID: causal.ID{9}, Rand: b.all[0].cfg.Rand, Clock: b.all[0].cfg.Clock, Member: &membership.Member{}}, b.now)
	require.NoError(t, err)
	b.all = append(b.all, late)
	b.set(late, "y", "2")
	late.Connect(b.now, true)
	b.pass(3*time.Second, nil)
	b.requireMembers(b.all...)
	b.requireEqual()
	require.Equal(t, "2", b.get(b.all[0], "y"))
	require.Equal(t, "1", b.get(late, "x"))
}

func TestAQuietBeaconStaysSmallWithAMembership(t *testing.T) {
	b := memberBench(t, 3)
	b.set(b.all[0], "x", "1")
	b.pass(10*time.Second, nil)
	b.requireEqual()
	b.all[0].Tick(b.now.Add(5 * time.Second))
	out := b.take(b.all[0])
	require.Len(t, out, 1)
	require.Equal(t, message.KindBeacon, out[0].Kind)
	require.LessOrEqual(t, len(out[0].Data), 100)
}

func TestWhoLeavesIsForgottenOnceAllHaveAllOfIt(t *testing.T) {
	b := memberBench(t, 4)
	leaver := b.all[3]
	b.set(leaver, "x", "1")
	b.set(leaver, "y", "2")
	b.pass(time.Second, nil)
	b.set(b.all[0], "x", "3") // the leaver's x dies, its y lives
	b.pass(time.Second, nil)
	require.NoError(t, leaver.Leave(b.now))
	require.ErrorIs(t, leaver.Write(b.now, "doc", nil), ErrLeft)
	b.pass(10*time.Second, nil)
	require.True(t, leaver.HasLeft())
	b.stop(leaver)
	b.requireMembers(b.all...)
	b.requireEqual()
	require.Equal(t, "2", b.get(b.all[0], "y"))
	require.Equal(t, 2, countActors(b.all[0]), "its y lives, under its name")
	b.set(b.all[1], "y", "4")
	b.pass(5*time.Second, nil)
	b.requireEqual()
	for _, r := range b.all {
		require.Equal(t, 2, countActors(r))
		_, known := r.View("doc").State().Lookup(leaver.Actor())
		require.False(t, known)
	}
}

func TestNobodyRetiresBeforeEverybodyHasAllOfIt(t *testing.T) {
	b := memberBench(t, 3)
	leaver, behind := b.all[1], b.all[2]
	cut := func(from, to *Replica, _ *Outgoing) bool { return from == behind || to == behind }
	b.set(leaver, "x", "1")
	b.pass(time.Second, cut)
	require.NoError(t, leaver.Leave(b.now))
	b.pass(20*time.Second, cut)
	require.False(t, leaver.HasLeft())
	require.Equal(t, 1, countActors(b.all[0]))
	b.pass(10*time.Second, nil)
	require.True(t, leaver.HasLeft())
	require.Equal(t, "1", b.get(behind, "x"))
}

func TestALateMessageOfAStrangerIsRefused(t *testing.T) {
	b := memberBench(t, 3)
	leaver := b.all[2]
	var late []Outgoing
	b.set(leaver, "x", "1")
	late = append(late, b.take(leaver)...)
	for _, m := range late {
		for _, r := range b.all[:2] {
			require.NoError(t, r.Step(b.now, m.Doc, m.Data))
		}
	}
	b.set(b.all[0], "x", "2")
	b.pass(time.Second, nil)
	require.NoError(t, leaver.Leave(b.now))
	b.pass(20*time.Second, nil)
	b.stop(leaver)
	require.Equal(t, 1, countActors(b.all[1]))
	for _, m := range late {
		require.NoError(t, b.all[1].Step(b.now, m.Doc, m.Data))
	}
	require.Equal(t, "2", b.get(b.all[1], "x"))
	require.Equal(t, 1, countActors(b.all[1]))
	require.NotZero(t, b.all[1].Stats().Strangers)
}

func TestAnEarlierIncarnationRetiresByItself(t *testing.T) {
	b := memberBench(t, 3)
	b.set(b.all[2], "x", "1")
	b.pass(time.Second, nil)
	b.stop(b.all[2])
	again := b.add(func(c *Config) {
		*c = Config{ID: causal.ID{3}, Rand: b.all[0].cfg.Rand, Clock: b.all[0].cfg.Clock, Member: &membership.Member{}}
	})
	b.pass(30*time.Second, nil)
	b.requireMembers(b.all...)
	b.requireEqual()
	require.Equal(t, "1", b.get(again, "x"))
	b.set(again, "x", "2")
	b.pass(20*time.Second, nil)
	b.requireEqual()
	require.Equal(t, 1, countActors(b.all[0]))
}

func TestALostMembersEventsGoWhereAnybodyHasThem(t *testing.T) {
	b := memberBench(t, 4)
	lost := b.all[3]
	one := func(from, to *Replica, m *Outgoing) bool { return from == lost && to != b.all[1] } // only one hears it
	b.set(lost, "x", "1")
	b.carry(one)
	b.stop(lost)
	b.set(lost, "y", "never sent")
	require.NoError(t, b.all[0].Dismiss(b.now, lost.Actor(), membership.Lost, "stolen"))
	b.pass(30*time.Second, nil)
	b.requireMembers(b.all...)
	b.requireEqual()
	require.Equal(t, "1", b.get(b.all[2], "x"))
	require.Empty(t, b.get(b.all[2], "y"))
}

func TestAFencedMemberComesBackWithWhatItWroteAway(t *testing.T) {
	b := memberBench(t, 4)
	away, leaver := b.all[3], b.all[2]
	b.set(leaver, "x", "of the leaver")
	b.set(leaver, "z", "of the leaver")
	other := func(r *Replica, value string) {
		require.NoError(t, r.Write(b.now, "other", func(d *crdt.Document) error {
			return d.Assign(kernel.Root, crdt.TagRegister, "x", value, false, crdt.Options{})
		}))
	}
	other(leaver, "of the leaver")
	b.pass(time.Second, nil)
	cut := func(from, to *Replica, _ *Outgoing) bool { return from == away || to == away }
	b.set(away, "y", "written away")
	b.set(away, "z", "written away")
	require.NoError(t, b.all[0].Dismiss(b.now, away.Actor(), membership.Fenced, "silent for a month"))
	b.set(b.all[0], "x", "newer")
	other(b.all[0], "newer")
	require.NoError(t, leaver.Leave(b.now))
	b.pass(30*time.Second, cut)
	require.True(t, leaver.HasLeft(), "nobody waits for who is fenced")
	b.stop(leaver)
	require.Equal(t, 2, countActors(b.all[0]), "z of the leaver lives")
	b.pass(30*time.Second, nil)
	b.requireEqual()
	for _, r := range b.all {
		require.Equal(t, "newer", b.get(r, "x"), "what was removed does not come back")
		require.Equal(t, "written away", b.get(r, "y"))
		require.Equal(t, "written away", b.get(r, "z"))
		require.Equal(t, 1, len(r.View("doc").Siblings(kernel.Root, crdt.TagRegister, "x")))
		require.Equal(t, 1, len(r.View("other").Siblings(kernel.Root, crdt.TagRegister, "x")), "nor what everybody has forgotten")
	}
	b.requireMembers(b.all...)
}

func TestShortLivedMembersLeaveNothingBehind(t *testing.T) {
	b := memberBench(t, 2)
	for i := range 20 {
		guest := b.add(func(c *Config) {
			*c = Config{ID: causal.ID{100, byte(i)}, Rand: b.all[0].cfg.Rand, Clock: b.all[0].cfg.Clock, Member: &membership.Member{}}
		})
		b.pass(time.Second, nil)
		b.set(guest, "x", "guest")
		b.pass(time.Second, nil)
		require.NoError(t, guest.Leave(b.now))
		b.pass(8*time.Second, nil)
		require.True(t, guest.HasLeft())
		b.stop(guest)
	}
	b.set(b.all[0], "x", "own")
	b.pass(10*time.Second, nil)
	b.requireEqual()
	b.requireMembers(b.all...)
	for _, r := range b.all {
		require.Equal(t, 1, countActors(r))
	}
}

func TestClosedSpacesTakeInWhoWasAdmitted(t *testing.T) {
	b := memberBench(t, 2)
	require.NoError(t, b.all[0].writeMembers(func(d *crdt.Document) error { return membership.SetPolicy(d, membership.Closed) }))
	b.pass(time.Second, nil)
	guest := b.add(func(c *Config) {
		*c = Config{ID: causal.ID{100}, Rand: b.all[0].cfg.Rand, Clock: b.all[0].cfg.Clock, Member: &membership.Member{}}
	})
	b.set(guest, "x", "guest")
	b.pass(5*time.Second, nil)
	require.Nil(t, b.all[0].View("doc"))
	require.False(t, b.all[0].Membership().Has(guest.Actor()))
	require.NoError(t, b.all[0].writeMembers(func(d *crdt.Document) error { return membership.Admit(d, causal.ID{100}) }))
	b.pass(5*time.Second, nil)
	require.Equal(t, "guest", b.get(b.all[1], "x"))
	b.requireMembers(b.all...)
}

func TestNamesOfTheSpacesOwnAreRefused(t *testing.T) {
	b := memberBench(t, 1)
	require.ErrorIs(t, b.all[0].Write(b.now, membership.Document, nil), ErrReserved)
}
