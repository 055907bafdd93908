package lifeline_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker/internal/lifeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestABreakEndsPresentWaitsAndSparesLaterOnes(t *testing.T) {
	var line lifeline.Line
	cause := errors.New("cable cut")
	line.Break(errors.New("nobody waited"))
	one, releaseOne := line.Bind(context.Background())
	defer releaseOne()
	two, releaseTwo := line.Bind(context.Background())
	defer releaseTwo()
	line.Break(cause)
	<-one.Done()
	<-two.Done()
	require.Equal(t, cause, context.Cause(one))
	require.Equal(t, cause, context.Cause(two))

	later, releaseLater := line.Bind(context.Background())
	require.NoError(t, later.Err())
	releaseLater()
	require.ErrorIs(t, later.Err(), context.Canceled)
}

func TestTheCallersContextStillEndsTheWait(t *testing.T) {
	var line lifeline.Line
	ctx, cancel := context.WithCancel(context.Background())
	bound, release := line.Bind(ctx)
	defer release()
	cancel()
	<-bound.Done()
	require.ErrorIs(t, context.Cause(bound), context.Canceled)
}
