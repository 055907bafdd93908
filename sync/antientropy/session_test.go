package antientropy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/antientropy/reconcile"
)

func opened(t *testing.T, peer byte, id uint64) *Session {
	h := newHolder(0)
	h.set(t, "k", "v")
	cut, err := reconcile.Take(h.doc.State(), causal.Context{})
	require.NoError(t, err)
	return &Session{ID: id, Doc: "doc", Peer: causal.ID{peer}, Nonce: 7, Cut: cut}
}

func TestASessionIsFoundByItsAskerAlone(t *testing.T) {
	o := Sessions{MaxAge: time.Minute}
	x := opened(t, 1, 5)
	o.Open(x, start)
	require.Same(t, x, o.Find(causal.ID{1}, 7, 5, "doc", start))
	require.Nil(t, o.Find(causal.ID{2}, 7, 5, "doc", start))
	require.Nil(t, o.Find(causal.ID{1}, 8, 5, "doc", start), "another process")
	require.Nil(t, o.Find(causal.ID{1}, 7, 6, "doc", start), "another session")
	require.Nil(t, o.Find(causal.ID{1}, 7, 5, "other", start))
	o.Close(causal.ID{1}, "doc")
	require.Nil(t, o.Find(causal.ID{1}, 7, 5, "doc", start))
	n, bytes := o.Len()
	require.Zero(t, n+bytes)
}

func TestSessionsAreBoundedInNumberAndTime(t *testing.T) {
	o := Sessions{MaxAge: time.Minute}
	for i := range byte(maxSessions + 10) {
		o.Open(opened(t, i, 1), start)
	}
	n, _ := o.Len()
	require.Equal(t, maxSessions, n)
	require.Nil(t, o.Find(causal.ID{9}, 7, 1, "doc", start), "the oldest gave way")
	require.NotNil(t, o.Find(causal.ID{10}, 7, 1, "doc", start))
	o.Open(opened(t, 10, 2), start.Add(time.Second))
	require.NotNil(t, o.Find(causal.ID{10}, 7, 2, "doc", start), "in place of the one before")
	require.Nil(t, o.Find(causal.ID{10}, 7, 1, "doc", start))

	later := start.Add(time.Minute + time.Millisecond)
	require.NotNil(t, o.Find(causal.ID{10}, 7, 2, "doc", later))
	n, _ = o.Len()
	require.Equal(t, 1, n, "the others have waited too long")
	replaced, expired := o.Lost()
	require.EqualValues(t, 11, replaced)
	require.EqualValues(t, maxSessions-1, expired)
	o.CloseAll("doc")
	n, bytes := o.Len()
	require.Zero(t, n+bytes)
}

func TestASessionThatGoesOnIsNotReplaced(t *testing.T) {
	o := Sessions{MaxAge: time.Minute}
	x := opened(t, 1, 5)
	o.Open(x, start)
	o.Open(x, start.Add(50*time.Second))
	require.Same(t, x, o.Find(causal.ID{1}, 7, 5, "doc", start.Add(100*time.Second)))
	replaced, expired := o.Lost()
	require.Zero(t, replaced+expired)
}
