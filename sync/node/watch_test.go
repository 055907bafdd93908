package node

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheReadmesLimitOfWaitingChangesIsTheCodes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), fmt.Sprintf("| %d,%d places, %d MiB of names; then a `Gap` |",
		maxPlaces/1000, maxPlaces%1000, maxPlaceBytes>>20))
}

// TestAWatcherHoldsNoMoreThanItsBounds however much changes before it looks.
func TestAWatcherHoldsNoMoreThanItsBounds(t *testing.T) {
	n := start(t, nil)
	w := n.Watch(">")
	for i := range 3*maxPlaces + 1 {
		require.NoError(t, set(n, "d", fmt.Sprint(i), "v"))
		require.LessOrEqual(t, len(w.queue), maxPlaces)
	}
	places, gap, err := w.Next(context.Background())
	require.NoError(t, err)
	require.True(t, gap)
	require.Len(t, places, 1, "what changed after the bound was reached for the third time")
	require.Equal(t, fmt.Sprint(3*maxPlaces), places[0].Key)
	require.Zero(t, w.bytes)
	w.Stop()
	_, _, err = w.Next(context.Background())
	require.ErrorIs(t, err, ErrClosed)
}

// TestAPlaceThatChangesAgainWhileItWaitsIsMarked, unless it is in one go.
func TestAPlaceThatChangesAgainWhileItWaitsIsMarked(t *testing.T) {
	n := start(t, nil)
	w := n.Watch("d")
	defer w.Stop()
	for range 2 {
		require.NoError(t, set(n, "d", "twice", "v"))
	}
	require.NoError(t, set(n, "d", "once", "v"))
	places, gap, err := w.Next(context.Background())
	require.NoError(t, err)
	require.False(t, gap)
	require.Len(t, places, 2)
	require.True(t, places[0].Skipped)
	require.False(t, places[1].Skipped)
	require.NoError(t, set(n, "d", "twice", "v"))
	places, _, err = w.Next(context.Background())
	require.NoError(t, err)
	require.False(t, places[0].Skipped, "it was looked at meanwhile")
}
