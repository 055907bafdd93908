package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentsAreForgottenRightly(t *testing.T) {
	r := explore("right", 10_000)
	require.Zero(t, r.wrong, "%s\n%q", r.what, r.shortest)
	require.Positive(t, r.forgotten)
	require.Positive(t, r.again)
}

func TestAllOtherWaysToForgetAreWrong(t *testing.T) {
	for mode, n := range map[string]int{"alone": 1_000, "hasty": 5_000, "late": 1_000, "logs": 30_000, "reuse": 15_000, "stale": 2_000} {
		require.Positive(t, explore(mode, n).wrong, mode)
	}
}
