package joinery

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// TestADocumentWithFieldsOfALaterReleaseIsNotCopied: what the copy would lack
// nobody could know.
func TestADocumentWithFieldsOfALaterReleaseIsNotCopied(t *testing.T) {
	ctx := context.Background()
	r, err := Open(ctx, Config{Space: "s"})
	require.NoError(t, err)
	defer r.Close()
	const later kernel.Tag = 14
	require.NoError(t, r.node.Write(ctx, "d", func(d *crdt.Document) error {
		return d.Assign(kernel.Root, later, "k", "v", false, crdt.Options{})
	}))
	for f := range r.Doc("d").Fields() {
		require.Equal(t, KindUnknown, f.Kind)
	}
	require.ErrorIs(t, r.Doc("d").Copy(ctx, "to"), ErrType)
	require.False(t, r.Doc("to").Exists())
}
