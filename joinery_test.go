package joinery_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

func TestTwoReplicasConvergeOverNATS(t *testing.T) {
	ctx := t.Context()
	srv, err := embedded.Start(ctx, embedded.Config{})
	require.NoError(t, err)
	defer srv.Shutdown(context.Background())
	open := func() *joinery.Replica {
		nc, err := srv.Connect()
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		r, err := joinery.Open(ctx, joinery.Config{Space: "shop", Conn: nc})
		require.NoError(t, err)
		t.Cleanup(func() { r.Close() })
		return r
	}
	a, b := open(), open()
	user := a.Doc("user:123")
	require.NoError(t, user.Register("name").Set(ctx, "Alice"))
	require.NoError(t, user.Set("tags").Add(ctx, "vip", 7))
	require.NoError(t, user.Counter("visits").Inc(ctx, 3))
	require.NoError(t, user.Map("address").Register("city").Set(ctx, "Oslo"))
	require.NoError(t, user.LWWMap("prefs").Put(ctx, "lang", "no"))
	require.NoError(t, user.Flag("active").Enable(ctx))
	require.NoError(t, user.Update(ctx, func(tx *joinery.Tx) error {
		if err := tx.Counter("visits").Inc(ctx, 4); err != nil {
			return err
		}
		return tx.Register("name").Set(ctx, "Alice Smith")
	}))
	start := time.Now()
	require.Eventually(t, func() bool { return a.Status().Digest == b.Status().Digest }, 5*time.Second, time.Millisecond)
	fmt.Println("converged after", time.Since(start))
	name, ok, err := joinery.Get[string](b.Doc("user:123").Register("name"))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "Alice Smith", name)
	require.EqualValues(t, 7, b.Doc("user:123").Counter("visits").Value())
	for f := range b.Doc("user:123").Fields() {
		fmt.Println(f)
	}
	n := 0
	for ev, err := range b.Watch(ctx, "*") {
		require.NoError(t, err)
		fmt.Println(ev)
		if n++; n == 7 {
			require.NoError(t, a.Doc("user:123").Register("name").Set(ctx, "Bob"))
		}
		if n == 8 {
			break
		}
	}
	fmt.Printf("%+v\n", b.Status())
}
