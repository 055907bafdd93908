package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCartKeepsEveryPieceAndResolvesTheAddress(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, `apart, each device shows its own:
phone: 2 honey
phone: 3 tea
phone: to pickup station 7
laptop: 5 tea
laptop: to Nygata 9
together again, no piece is lost, and there are two addresses:
phone: 1 honey
phone: 6 tea
phone: to Nygata 9
phone: to pickup station 7
resolved on the laptop:
phone: 1 honey
phone: 6 tea
phone: to pickup station 7
`, out.String())
}
