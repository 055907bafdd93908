package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFoldingInTwoStepsIsRight(t *testing.T) {
	r := explore("two", 20_000)
	require.Zero(t, r.wrong, "%s\n%q", r.what, r.shortest)
	require.Positive(t, r.folds)
}

func TestAllOtherWaysAreWrong(t *testing.T) {
	for mode, n := range map[string]int{"one": 4_000, "hasty": 4_000, "blind": 10_000, "rivals": 10_000, "silent": 4_000} {
		require.Positive(t, explore(mode, n).wrong, mode)
	}
}
