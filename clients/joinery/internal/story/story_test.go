package story_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/story"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoryEndsWithConvergence(t *testing.T) {
	var out bytes.Buffer
	r, err := story.Tell(t.Context(), &out, story.Style{})
	require.NoError(t, err, out.String())
	require.True(t, r.Converged)
	require.NotZero(t, r.HealBytes)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Regexp(t, `^converged: .*[0-9a-f]{16}$`, lines[len(lines)-1])
	require.NotContains(t, out.String(), "\x1b", "no colour without being asked")
	for _, told := range []string{"not there yet", `by replica-1 at`, `by replica-3 at`, "visits = 8", `{street: "Nygata 9"}`} {
		require.Contains(t, out.String(), told)
	}
}

func TestStoryInJSONIsOneObjectALine(t *testing.T) {
	var out bytes.Buffer
	_, err := story.Tell(t.Context(), &out, story.Style{JSON: true})
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)), line)
	}
	var last story.Result
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.True(t, last.Converged)
}
