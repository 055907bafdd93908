package crdt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

func writer(id byte) *crdt.Document {
	return crdt.NewDocument(causal.Actor{ID: causal.ID{id}}, &hlc.Clock{Source: func() time.Time { return time.Unix(1e9, 0) }})
}

func carryOut(t *testing.T, d *crdt.Document, r crdt.Request) {
	t.Helper()
	require.NoError(t, d.Update(func() error {
		require.NoError(t, d.Increment(kernel.Root, "n", 1))
		return d.RecordRequest(r)
	}))
}

func TestARequestIsKnownWhereItsGroupIs(t *testing.T) {
	a, b := writer(1), writer(2)
	first := crdt.Request{Client: causal.ID{9}, Number: 1}
	carryOut(t, a, first)
	done, last := b.Requested(first)
	require.False(t, done)
	require.Zero(t, last)
	require.NoError(t, b.Merge(a.Flush(nil)))
	done, _ = b.Requested(first)
	require.True(t, done)
	second := crdt.Request{Client: first.Client, Number: 2}
	done, last = b.Requested(second)
	require.False(t, done)
	require.Equal(t, uint64(1), last)
	carryOut(t, b, second)
	done, last = b.Requested(first)
	require.False(t, done, "the client's next request takes its place")
	require.Equal(t, uint64(2), last)
	other := crdt.Request{Client: causal.ID{8}, Number: 1}
	done, _ = b.Requested(other)
	require.False(t, done)
}

func TestRequestsOfOneClientAtTwoReplicasAreBothKnown(t *testing.T) {
	a, b := writer(1), writer(2)
	first, second := crdt.Request{Client: causal.ID{9}, Number: 1}, crdt.Request{Client: causal.ID{9}, Number: 2}
	carryOut(t, a, first)
	carryOut(t, b, second)
	require.NoError(t, b.Merge(a.Flush(nil)))
	done, last := b.Requested(first)
	require.True(t, done)
	require.Equal(t, uint64(2), last)
}

func TestTheRemovalOfAllLeavesRequestsAlone(t *testing.T) {
	d := writer(1)
	r := crdt.Request{Client: causal.ID{9}, Number: 1}
	require.True(t, d.IsEmpty())
	carryOut(t, d, r)
	require.False(t, d.IsEmpty())
	require.NoError(t, d.RemoveBelow(kernel.Root))
	done, _ := d.Requested(r)
	require.True(t, done)
	require.True(t, d.IsEmpty())
}

func TestRecordsOfRequestsExpire(t *testing.T) {
	d := writer(1)
	carryOut(t, d, crdt.Request{Client: causal.ID{9}, Number: 1})
	for l := range d.State().Below(kernel.Root) {
		if l.Tag == crdt.TagRequest {
			require.Equal(t, crdt.RequestWindow, l.Expiry.Time().Sub(l.Time.Time()))
			return
		}
	}
	t.Fatal("there is no record")
}
