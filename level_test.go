package joinery_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/store"
)

// members returns replicas that keep a membership, at the sites given, and waits
// until each knows all.
func members(t *testing.T, net *memory.Network, sites ...string) (rs []*joinery.Replica) {
	t.Helper()
	for i, s := range sites {
		rs = append(rs, open(t, joinery.Config{Broker: net.Connect(string(rune('0' + i))), Membership: &joinery.Membership{Site: s}}))
	}
	require.True(t, assertEventually(func() bool {
		for _, r := range rs {
			if len(r.Members()) < len(rs) {
				return false
			}
		}
		return true
	}))
	settle(t, rs...)
	return rs
}

func within1s(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAWriteAtQuorumNeedsAMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		rs := members(t, net, "a", "a", "b")
		d := rs[0].Doc("user:123")
		for _, l := range []joinery.Level{joinery.Local, joinery.One, joinery.Two, joinery.Quorum, joinery.All, joinery.LocalQuorum, joinery.EachQuorum} {
			require.NoError(t, d.At(l).Register("name").Set(within1s(t), l.String()), "%v", l)
		}
		net.Disconnect("2")
		for _, l := range []joinery.Level{joinery.Local, joinery.One, joinery.Quorum, joinery.LocalQuorum} {
			require.NoError(t, d.At(l).Register("name").Set(within1s(t), l.String()), "%v", l)
		}
		for _, l := range []joinery.Level{joinery.All, joinery.EachQuorum, joinery.Three} {
			err := d.At(l).Register("name").Set(within1s(t), l.String())
			var short *joinery.LevelError
			require.ErrorAs(t, err, &short, "%v", l)
			require.ErrorIs(t, err, joinery.ErrLevel)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, []joinery.ID{rs[2].ID()}, short.Missing)
			var failed *joinery.WriteError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, joinery.WriteStands, failed.Fate)
		}
		require.ErrorIs(t, d.At(joinery.AtLeast(4)).Register("name").Set(within1s(t), "x"), joinery.ErrTooFew)
		net.Reconnect("2")
		settle(t, rs...)
		require.Equal(t, "x", get[string](t, rs[2].Doc("user:123").Register("name")), "all of these stand")
	})
}

func TestAReaderThatRefreshesSeesWhatAQuorumHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		rs := members(t, net, "", "", "")
		net.Partition([]string{"0", "1"}, []string{"2"})
		require.NoError(t, rs[0].Doc("d").At(joinery.Quorum).Register("v").Set(within1s(t), "new"))
		_, err := rs[2].Doc("d").Refresh(within1s(t), joinery.Quorum)
		require.ErrorIs(t, err, joinery.ErrLevel)
		net.Heal()
		got, err := rs[2].Doc("d").Refresh(within1s(t), joinery.Quorum)
		require.NoError(t, err)
		require.GreaterOrEqual(t, got.Answered, 2)
		require.Equal(t, "new", get[string](t, rs[2].Doc("d").Register("v")))
		got, err = rs[2].Doc("d").Refresh(within1s(t), joinery.All, joinery.AwaitRepair())
		require.NoError(t, err)
		require.Equal(t, 3, got.Answered)
	})
}

// TestAWriteAtALevelWaitsForTheDisksOfOthers whose stores are synced at every commit.
func TestAWriteAtALevelWaitsForTheDisksOfOthers(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	var rs []*joinery.Replica
	var disks []*store.Memory
	for i := range 3 {
		disks = append(disks, store.NewMemory())
		r, err := joinery.Open(t.Context(), joinery.Config{Space: "test", Broker: net.Connect(string(rune('0' + i))), Store: disks[i], Membership: &joinery.Membership{}})
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.Close() }) // its disk is gone by then
		rs = append(rs, r)
	}
	require.True(t, assertEventually(func() bool {
		return len(rs[0].Members()) == 3 && len(rs[1].Members()) == 3 && len(rs[2].Members()) == 3
	}))
	require.NoError(t, rs[0].Doc("d").At(joinery.All).Register("v").Set(t.Context(), "kept"))
	for i := range disks {
		after := disks[i].Crash(func(int) int { return 0 })
		again := open(t, joinery.Config{Store: after, Membership: &joinery.Membership{}})
		require.NoError(t, again.Loaded(t.Context()))
		require.Equal(t, "kept", get[string](t, again.Doc("d").Register("v")), "disk %d", i)
	}
}

func TestMembersAreKnownByNameAndLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memory.NewNetwork(memory.Config{})
		rs := members(t, net, "oslo", "bergen", "bergen")
		require.NoError(t, rs[2].Doc("d").Register("v").Set(t.Context(), "mine"))
		for _, m := range rs[0].Members() {
			require.Equal(t, "active", m.Standing)
			require.Equal(t, "full", m.Role)
			require.Equal(t, m.ID == rs[0].ID(), m.Self)
		}
		for name := range rs[0].Docs(">") {
			require.Equal(t, "d", name, "the membership is nobody's document")
		}
		require.Equal(t, 1, rs[2].Status().Docs)
		require.ErrorIs(t, rs[0].Doc("$members").Register("v").Set(t.Context(), 1), joinery.ErrName)
		leaving, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, rs[2].Retire(leaving))
		require.ErrorIs(t, rs[2].Doc("d").Register("v").Set(t.Context(), "late"), joinery.ErrLeft)
		require.NoError(t, rs[2].Close())
		require.True(t, assertEventually(func() bool { return len(rs[0].Members()) == 2 && len(rs[1].Members()) == 2 }))
		require.Equal(t, "mine", get[string](t, rs[0].Doc("d").Register("v")))
		require.NoError(t, rs[0].Doc("d").At(joinery.All).Register("v").Set(within1s(t), "ours"))
	})
}

func TestAMembershipThatMakesNoSenseIsRefused(t *testing.T) {
	for _, c := range []joinery.Config{
		{Membership: &joinery.Membership{Role: 9}},
		{Membership: &joinery.Membership{Site: string(make([]byte, 300))}},
		{Membership: &joinery.Membership{}, Interest: []string{"a"}},
		{Membership: &joinery.Membership{}, OwnOnly: true},
	} {
		c.Space = "s"
		_, err := joinery.Open(t.Context(), c)
		require.ErrorIs(t, err, joinery.ErrConfig)
	}
}
