package delta

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// populated returns a state that frames of the seeds collide with.
func populated(t testing.TB) *kernel.State {
	t.Helper()
	s := newAuthor(bob)
	for _, name := range []string{"run", "unit"} {
		require.NoError(t, kinds()[name].Merge(s.State))
	}
	return s.State
}

// FuzzOpen takes bytes as they are: envelope, version and checksum included.
func FuzzOpen(f *testing.F) {
	for _, d := range kinds() {
		f.Add([]byte(d))
	}
	for _, c := range hostileCases(f) {
		if in := c.bytes(f); len(in) < 1000 {
			f.Add(in)
		}
	}
	base := populated(f)
	f.Fuzz(func(t *testing.T, b []byte) { tryMerge(t, base, b) })
}

// FuzzMerge puts the right checksum in front of the bytes, so that what is
// behind it is reached.
func FuzzMerge(f *testing.F) {
	for _, d := range kinds() {
		features, body := content(d)
		f.Add(features, body)
	}
	base := populated(f)
	f.Fuzz(func(t *testing.T, features byte, body []byte) { tryMerge(t, base, frame(features, body)) })
}

// tryMerge merges bytes into a copy of the state: it is refused and changes
// nothing, or it gives a sound state, the same if merged again.
func tryMerge(t *testing.T, base *kernel.State, d Delta) {
	s := base.Clone()
	before := AppendState(nil, s)
	if err := d.Merge(s); err != nil {
		require.Equal(t, before, AppendState(nil, s))
		return
	}
	require.NoError(t, s.Verify())
	after := AppendState(nil, s)
	require.NoError(t, d.Merge(s))
	require.Equal(t, after, AppendState(nil, s))
	var again kernel.State
	require.NoError(t, Delta(after).Merge(&again), "what a state says can be read")
	require.Equal(t, after, AppendState(nil, &again), "and is said again in the same bytes")
}
