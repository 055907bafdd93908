package membership

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

func actor(n byte) causal.Actor { return causal.Actor{ID: causal.ID{n}, Incarnation: uint64(n)} }

// copies returns n copies of a membership that write as different actors.
func copies(n int) (out []*crdt.Document) {
	for i := range n {
		at := time.Unix(1e9, int64(i))
		out = append(out, crdt.NewDocument(actor(byte(100+i)), &hlc.Clock{Source: func() time.Time { return at }}))
	}
	return out
}

// merge makes all copies equal.
func merge(t *testing.T, all ...*crdt.Document) {
	for _, from := range all {
		from.Flush(nil)
		for _, to := range all {
			require.NoError(t, to.Merge(from.AppendState(nil)))
		}
	}
	for _, d := range all {
		require.Equal(t, Read(all[0]), Read(d))
	}
}

func TestAMemberIsReadAsItWasWritten(t *testing.T) {
	d := copies(1)[0]
	m := Member{Actor: actor(1), Role: Edge, Standing: Leaving, Count: 1 << 40, Print: 1 << 63, Weight: 7, Site: "Oslo", Interest: "fleet.>", Note: "by hand"}
	require.NoError(t, Put(d, m))
	require.NoError(t, Put(d, Member{Actor: actor(2)}))
	require.Equal(t, []Member{m, {Actor: actor(2)}}, Read(d).Members())
	require.True(t, Read(d).Has(actor(2)))
	require.NoError(t, Remove(d, actor(2)))
	require.False(t, Read(d).Has(actor(2)))
}

func TestADescriptionWrittenMeanwhileDoesNotTakeBackAFence(t *testing.T) {
	for _, fencedFirst := range []bool{true, false} {
		all := copies(2)
		require.NoError(t, Put(all[0], Member{Actor: actor(1), Site: "Oslo"}))
		merge(t, all...)
		fence, describe := all[0], all[1]
		if !fencedFirst { // the later copy has the later clock
			fence, describe = describe, fence
		}
		require.NoError(t, Put(fence, Member{Actor: actor(1), Site: "Oslo", Standing: Lost, Note: "lost"}))
		require.NoError(t, Put(describe, Member{Actor: actor(1), Site: "Bergen"}))
		merge(t, all...)
		m, _ := Read(all[0]).Find(actor(1))
		require.Equal(t, Lost, m.Standing)
		require.Equal(t, "lost", m.Note)
	}
}

func TestWhoHasRetiredIsNoMember(t *testing.T) {
	d := copies(1)[0]
	require.NoError(t, Put(d, Member{Actor: actor(1), Standing: Retired, Count: 5}))
	require.False(t, Read(d).Has(actor(1)))
	m, known := Read(d).Find(actor(1))
	require.True(t, known)
	require.EqualValues(t, 5, m.Count)
}

func TestVersionsAreEqualWhereTheMembersAre(t *testing.T) {
	all := copies(2)
	require.NoError(t, Put(all[0], Member{Actor: actor(1)}))
	require.NoError(t, Put(all[1], Member{Actor: actor(2)}))
	require.NotEqual(t, Read(all[0]).Version(), Read(all[1]).Version())
	merge(t, all...)
	before := Read(all[0]).Version()
	require.NoError(t, Put(all[0], Member{Actor: actor(2), Weight: 3}))
	require.NotEqual(t, before, Read(all[0]).Version())
}

func TestWhoMayJoin(t *testing.T) {
	d := copies(1)[0]
	require.True(t, Read(d).MayJoin(causal.ID{9}), "the first one always may")
	require.NoError(t, SetPolicy(d, Closed))
	require.True(t, Read(d).MayJoin(causal.ID{9}))
	require.NoError(t, Put(d, Member{Actor: actor(1)}))
	require.False(t, Read(d).MayJoin(causal.ID{9}))
	require.True(t, Read(d).MayJoin(causal.ID{1}), "in another incarnation")
	require.NoError(t, Admit(d, causal.ID{9}))
	require.True(t, Read(d).MayJoin(causal.ID{9}))
	require.NoError(t, SetPolicy(d, Open))
	require.True(t, Read(d).MayJoin(causal.ID{8}))
}

func TestHoldersAreTheActiveMembersThatAreInterested(t *testing.T) {
	d := copies(1)[0]
	for i, m := range []Member{
		{}, {Interest: "fleet.>"}, {Interest: "shop.*"}, {Role: Sensor}, {Role: Observer}, {Standing: Leaving}, {Standing: Fenced}, {Standing: Lost}, {Standing: Retired},
	} {
		m.Actor = actor(byte(i + 1))
		require.NoError(t, Put(d, m))
	}
	require.Equal(t, []causal.Actor{actor(1), actor(2), actor(5)}, Read(d).Holders("fleet.42"))
	require.Equal(t, []causal.Actor{actor(1), actor(3), actor(5)}, Read(d).Holders("shop.x"))
	require.Equal(t, []causal.Actor{actor(1), actor(2), actor(3), actor(5)}, Read(d).Holders(Document))
}

func TestWhatALaterReleaseWroteOfAMemberIsAMemberStill(t *testing.T) {
	d := copies(1)[0]
	require.NoError(t, set(d, actor(1).String(), "\x02 something else"))
	require.NoError(t, set(d, actor(2).String(), ""))
	require.NoError(t, set(d, "nobody", ""))
	require.NoError(t, set(d, actor(3).ID.String(), "")) // no incarnation: mints nothing
	require.Equal(t, []Member{{Actor: actor(1)}, {Actor: actor(2)}}, Read(d).Members())
}

func TestNothingIsWrittenDownThatIsNoMember(t *testing.T) {
	d := copies(1)[0]
	for _, m := range []Member{
		{}, {Actor: causal.Actor{ID: causal.ID{1}}}, {Actor: actor(1), Role: Sensor + 1}, {Actor: actor(1), Site: string(make([]byte, MaxText+1))},
	} {
		require.ErrorIs(t, Put(d, m), ErrMember)
	}
	require.ErrorIs(t, Admit(d, causal.ID{}), ErrMember)
	require.Zero(t, d.State().Dots())
	require.Empty(t, Read(nil).Members())
}

func FuzzRead(f *testing.F) {
	f.Add(actor(1).String(), (&Member{Actor: actor(1), Site: "x"}).appendValue(nil))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		d := copies(1)[0]
		if len(key) > kernel.MaxKey || len(value) > kernel.MaxValue || set(d, key, string(value)) != nil {
			return
		}
		for _, m := range Read(d).Members() {
			require.NoError(t, m.Check())
			require.True(t, Read(d).Has(m.Actor))
		}
	})
}
