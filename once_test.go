package joinery_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/joinerytest"
)

func TestARequestIsCarriedOutOnce(t *testing.T) {
	space := joinerytest.New(t, 2)
	here, there := space.Replica(0).Doc("d"), space.Replica(1).Doc("d")
	req := joinery.Request{Client: joinery.NewID(), Number: 7}
	inc := func(tx *joinery.Tx) error { return tx.Counter("n").Inc(t.Context(), 2) }
	repeated, err := here.Once(t.Context(), req, inc)
	require.NoError(t, err)
	require.False(t, repeated)
	repeated, err = here.Once(t.Context(), req, inc)
	require.NoError(t, err)
	require.True(t, repeated)
	space.Converge()
	repeated, err = there.Once(t.Context(), req, inc)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, int64(2), there.Counter("n").Value())
	req.Number++
	repeated, err = there.Once(t.Context(), req, inc)
	require.NoError(t, err)
	require.False(t, repeated)
	space.Converge()
	require.Equal(t, int64(4), here.Counter("n").Value())
	req.Number--
	_, err = here.Once(t.Context(), req, inc)
	require.ErrorIs(t, err, joinery.ErrSuperseded)
}

func TestARequestThatFailedMayBeMadeAgain(t *testing.T) {
	doc := joinerytest.New(t, 1).Replica(0).Doc("d")
	req := joinery.Request{Client: joinery.NewID(), Number: 1}
	mistake := errors.New("mistake")
	_, err := doc.Once(t.Context(), req, func(tx *joinery.Tx) error {
		require.NoError(t, tx.Counter("n").Inc(t.Context(), 1))
		return mistake
	})
	require.ErrorIs(t, err, mistake)
	seen, err := doc.Seen(req)
	require.NoError(t, err)
	require.False(t, seen)
	require.False(t, doc.Exists())
}

func TestRecordsOfRequestsAreNoFields(t *testing.T) {
	space := joinerytest.New(t, 1)
	r := space.Replica(0)
	doc := r.Doc("d")
	req := joinery.Request{Client: joinery.NewID(), Number: 1}
	watch := r.Watch(t.Context(), ">", joinery.UpdatesOnly())
	_, err := doc.Once(t.Context(), req, func(tx *joinery.Tx) error { return tx.Register("name").Set(t.Context(), "x") })
	require.NoError(t, err)
	require.NoError(t, doc.Register("name").Set(t.Context(), "y"))
	for ev, err := range watch {
		require.NoError(t, err)
		require.Equal(t, []string{"name"}, ev.Path)
		if ev.Value == "y" {
			break
		}
	}
	for f := range doc.Fields() {
		require.Equal(t, []string{"name"}, f.Path)
	}
	require.NoError(t, doc.Copy(t.Context(), "copy"))
	seen, err := r.Doc("copy").Seen(req)
	require.NoError(t, err)
	require.False(t, seen)
	require.NoError(t, doc.Delete(t.Context()))
	require.False(t, doc.Exists())
	require.NoError(t, r.Doc("copy").Copy(t.Context(), "d"), "a deleted document is no obstacle")
}

func TestADeletionDoesNotMakeARequestBePossibleAgain(t *testing.T) {
	doc := joinerytest.New(t, 1).Replica(0).Doc("d")
	req := joinery.Request{Client: joinery.NewID(), Number: 1}
	inc := func(tx *joinery.Tx) error { return tx.Counter("n").Inc(t.Context(), 1) }
	_, err := doc.Once(t.Context(), req, inc)
	require.NoError(t, err)
	require.NoError(t, doc.Delete(t.Context()))
	repeated, err := doc.Once(t.Context(), req, inc)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Zero(t, doc.Counter("n").Value())
}

func TestAPositionIsReachedWhenItsEventsHaveArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		space := joinerytest.New(t, 2)
		here, there := space.Replica(0).Doc("d"), space.Replica(1).Doc("d")
		space.Cut(1)
		require.NoError(t, here.Register("n").Set(t.Context(), 1))
		text := here.Position().String()
		p, err := joinery.ParsePosition(text)
		require.NoError(t, err)
		require.Equal(t, text, p.String())
		require.NoError(t, here.Await(t.Context(), p))
		require.False(t, there.Position().Covers(p))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, there.Await(ctx, p), joinery.ErrBehind)
		require.NoError(t, there.Register("n").Set(t.Context(), 2))
		both := there.Position().Join(p)
		space.Heal()
		require.NoError(t, there.Await(t.Context(), both))
		require.NoError(t, here.Await(t.Context(), both))
		siblings, err := joinery.Siblings[int](here.Register("n"))
		require.NoError(t, err)
		require.Len(t, siblings, 2)
	})
}

func TestWhatIsNoPositionIsRefused(t *testing.T) {
	for _, text := range []string{"!", "AA", strings.Repeat("A", 70_000), strings.Repeat("_", 99), strings.Repeat("A", 100)} {
		_, err := joinery.ParsePosition(text)
		require.Error(t, err, text)
	}
	p, err := joinery.ParsePosition("")
	require.NoError(t, err)
	require.Equal(t, joinery.Position{}, p)
}
