package joinery_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
)

// TestFieldsAtAreThoseOfFieldsWithThatPath compares the two on a document with
// every type under the same names.
func TestFieldsAtAreThoseOfFieldsWithThatPath(t *testing.T) {
	ctx := t.Context()
	r, err := joinery.Open(ctx, joinery.Config{Space: "s"})
	require.NoError(t, err)
	defer r.Close()
	d := r.Doc("d")
	require.NoError(t, d.Update(ctx, func(tx *joinery.Tx) error {
		fill := func(m joinery.Map) {
			for _, name := range []string{"a", "b", ""} {
				require.NoError(t, m.Register(name).Set(ctx, 1))
				require.NoError(t, m.Counter(name).Inc(ctx, 1))
				require.NoError(t, m.Flag(name).Enable(ctx))
				require.NoError(t, m.DisableWinsFlag(name).Enable(ctx))
				require.NoError(t, m.Set(name).Add(ctx, "a", 7))
				require.NoError(t, m.RemoveWinsSet(name).Add(ctx, "a", 7))
				require.NoError(t, m.LWWMap(name).Put(ctx, "a", 1))
			}
		}
		fill(tx.Map("a"))
		fill(tx.Map("a").Map("a"))
		fill(tx.Map("b").Map("a"))
		return tx.LWWMap("a").Put(ctx, "b", 2)
	}))
	for _, path := range [][]string{nil, {"a"}, {"b"}, {"a", "b"}, {"a", "a"}, {"a", "a", "a"}, {"a", ""}, {"x"}, {"a", "x"}, {"b", "a", "b"}} {
		var want []joinery.Field
		for f := range d.Fields() {
			if len(f.Path) >= len(path) && slices.Equal(f.Path[:len(path)], path) {
				want = append(want, f)
			}
		}
		require.Equal(t, want, slices.Collect(d.FieldsAt(path...)), "%q", path)
	}
	for range d.FieldsAt("a") {
		break
	}
}
