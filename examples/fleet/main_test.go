package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFleetConvergesAfterTheOutage(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	t.Log("\n" + out.String())
	require.Contains(t, out.String(), `
  hub: 0 readings, report daily
  device-0: 500 readings, report hourly
  hub: 500 readings, report daily
  device-0: 500 readings, report daily
converged `)
}
