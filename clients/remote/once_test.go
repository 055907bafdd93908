package remote_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func TestAnIncrementWhoseAnswerIsLostCountsOnce(t *testing.T) {
	s := newSite(t, 1)
	write := once(protocol.OpWrite, fate{mute: true})
	s.when(func(op string) fate {
		if op == protocol.OpSeen { // nobody can be asked but by writing again
			return fate{lose: true}
		}
		return write(op)
	})
	require.NoError(t, s.client().Doc("d").Counter("n").Inc(t.Context(), 2))
	require.Equal(t, int64(2), s.count(0))
}

func TestAnIncrementThatIsLostOnTheWayCountsOnce(t *testing.T) {
	s := newSite(t, 1)
	s.when(once(protocol.OpWrite, fate{lose: true}))
	require.NoError(t, s.client().Doc("d").Counter("n").Inc(t.Context(), 2))
	require.Equal(t, int64(2), s.count(0))
}

func TestAnIncrementThatArrivesTwiceCountsOnce(t *testing.T) {
	s := newSite(t, 1)
	s.when(func(string) fate { return fate{twice: true} })
	c := s.client()
	for range 20 {
		require.NoError(t, c.Doc("d").Counter("n").Inc(t.Context(), 1))
	}
	require.Equal(t, int64(20), s.count(0))
}

func TestAnIncrementCountsOnceIfItsReplicaDiesBeforeItAnswers(t *testing.T) {
	s := newSite(t, 2)
	c := s.client()
	_, err := c.Status(t.Context())
	require.NoError(t, err)
	dead := s.index(c)
	s.when(once(protocol.OpWrite, fate{mute: true, between: func() {
		s.space.Converge()
		s.stops[dead]()
	}}))
	require.NoError(t, c.Doc("d").Counter("n").Inc(t.Context(), 2), "the other replica has seen it")
	require.Equal(t, int64(2), s.count(1-dead))
	require.NoError(t, c.Doc("d").Counter("n").Inc(t.Context(), 3), "and takes the next one")
	require.Equal(t, int64(5), s.count(1-dead))
}

func TestAWriteOfWhichNobodyKnowsIsUnknownAndNeverDoubled(t *testing.T) {
	s := newSite(t, 2)
	c := s.client()
	_, err := c.Status(t.Context())
	require.NoError(t, err)
	dead := s.index(c)
	s.space.Cut(dead)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	write := once(protocol.OpWrite, fate{mute: true, between: s.stops[dead]})
	asked := 0
	s.when(func(op string) fate {
		if op != protocol.OpSeen {
			return write(op)
		}
		if asked++; asked < 5 { // the other one is asked, and does not know
			return fate{}
		}
		return fate{between: cancel}
	})
	err = c.Doc("d").Counter("n").Inc(ctx, 2)
	var unknown *remote.UnknownError
	require.ErrorIs(t, err, remote.ErrUnknown)
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, s.id(dead), unknown.Replica)
	require.Zero(t, s.count(1-dead))
	s.when(nil)
	s.space.Heal()
	require.NoError(t, c.Settle(t.Context(), unknown), "it spreads after all")
	s.space.Converge()
	require.Equal(t, int64(2), s.count(1-dead))
}

func TestAReplicaInAnotherLifeDoesNotRepeatAWrite(t *testing.T) {
	s := newSite(t, 1)
	group := protocol.Group{Doc: "d", Writes: []protocol.Write{{Do: protocol.DoInc, Kind: "counter", Field: "n", By: 1}}}
	c := s.client()
	group.Request = &protocol.Named{Client: joinery.NewID().String(), Number: 1, Actor: s.id(0) + "/00000000000000ff"}
	var e *remote.Error
	require.ErrorAs(t, s.insist(func(ctx context.Context) error {
		return c.Call(ctx, false, protocol.OpWrite, group, &protocol.Written{})
	}), &e)
	require.Equal(t, protocol.KindActor, e.Kind)
	require.Zero(t, s.count(0))
}

func TestWithoutReplicasNothingIsWrittenAndTheErrorSaysSo(t *testing.T) {
	s := newSite(t, 1)
	s.stops[0]()
	err := s.insist(func(ctx context.Context) error { return s.client().Doc("d").Counter("n").Inc(ctx, 1) })
	require.ErrorIs(t, err, remote.ErrNoReplica)
	require.NotErrorIs(t, err, remote.ErrUnknown)
	require.ErrorIs(t, s.insist(func(ctx context.Context) error {
		_, _, err := remote.Get[int](ctx, s.client().Doc("d").Register("r"))
		return err
	}), remote.ErrNoReplica)
}

// TestWhatWasAnsweredCountsOnceWhateverGetsLost is a small storm: requests and
// answers get lost and doubled, and replicas stop to serve.
func TestWhatWasAnsweredCountsOnceWhateverGetsLost(t *testing.T) {
	s := newSite(t, 3)
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(1, 2))
	s.when(func(string) fate {
		mu.Lock()
		defer mu.Unlock()
		n := rnd.IntN(100)
		return fate{lose: n < 5, mute: n >= 5 && n < 15, twice: n >= 15 && n < 30}
	})
	c := s.client()
	var sure, maybe atomic.Int64
	var tasks sync.WaitGroup
	for range 4 {
		tasks.Go(func() {
			for range 25 {
				err := c.Doc("d").Counter("n").Inc(s.within(20*time.Second), 1)
				switch {
				case err == nil:
					sure.Add(1)
				case errors.Is(err, remote.ErrUnknown):
					maybe.Add(1)
				default:
					t.Errorf("increment: %v", err)
				}
			}
		})
	}
	s.stops[0]()
	tasks.Wait()
	s.space.Converge()
	require.GreaterOrEqual(t, s.count(1), sure.Load())
	require.LessOrEqual(t, s.count(1), sure.Load()+maybe.Load())
	t.Logf("%d answered, %d unknown", sure.Load(), maybe.Load())
}
