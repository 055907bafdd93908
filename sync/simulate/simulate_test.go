package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSimulateReportsItsRate(t *testing.T) {
	var out bytes.Buffer
	require.True(t, simulate(settings{seeds: 20, first: 7, keep: 1}, &out))
	require.Contains(t, out.String(), "20 histories in")
	require.Contains(t, out.String(), "0 failed")
	require.Contains(t, out.String(), "syncs waited for")
}

func TestSimulateReportsInJSON(t *testing.T) {
	var out bytes.Buffer
	require.True(t, simulate(settings{seeds: 20, json: true}, &out))
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.EqualValues(t, 20, r.Histories)
	require.Positive(t, r.Checks)
}

func TestVerboseDrawsEveryHistory(t *testing.T) {
	var out bytes.Buffer
	require.True(t, simulate(settings{seeds: 2, verbose: true}, &out))
	require.Equal(t, 2, strings.Count(out.String(), "converged "), "one line a history, and not the summary's")
}
