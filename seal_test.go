package joinery

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
)

// A context names events. One that could still be coalesced away, or be minted
// again under another name, must not be named to a client.
func TestContextsNameOnlyEventsThatAreFinal(t *testing.T) {
	r, err := Open(t.Context(), Config{Space: "alone"})
	require.NoError(t, err)
	defer r.Close()
	name := r.Doc("user").Register("name")
	require.NoError(t, name.Set(t.Context(), "Alice"))
	pending := func() (n int) {
		r.node.Read("user", func(d *crdt.Document) { n = d.Pending().Len() })
		return n
	}
	require.Equal(t, 1, pending(), "a replica that is offline keeps its writes open")

	read := ReadContext(name)
	require.Zero(t, pending())
	require.NoError(t, name.Set(t.Context(), "Bob", Over(read)))
	all, err := Siblings[string](name)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "Bob", all[0].Value)
}
