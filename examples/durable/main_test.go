package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachStartGoesOnFromTheLast(t *testing.T) {
	dir := t.TempDir()
	var first, second bytes.Buffer
	require.NoError(t, run(t.Context(), dir, &first))
	require.NoError(t, run(t.Context(), dir, &second))
	require.Regexp(t, "^start 1 of replica ", first.String())
	require.Equal(t, "start 2"+first.String()[len("start 1"):], second.String())
}
