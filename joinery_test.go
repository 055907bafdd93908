package joinery_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

// TestTwoReplicasConvergeOverNATS is the whole in short: in process and over TCP.
func TestTwoReplicasConvergeOverNATS(t *testing.T) {
	for name, cfg := range map[string]embedded.Config{"in process": {}, "over TCP": {Listen: "127.0.0.1:0"}} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, cfg)
			a, b := open(t, joinery.Config{Conn: dial(t, srv)}), open(t, joinery.Config{Conn: dial(t, srv)})
			user := a.Doc("user:123")
			require.NoError(t, user.Register("name").Set(background, "Alice"))
			require.NoError(t, user.Set("tags").Add(background, "vip", 7))
			require.NoError(t, user.Counter("visits").Inc(background, 3))
			require.NoError(t, user.Update(background, func(tx *joinery.Tx) error {
				report(t, tx.Counter("visits").Inc(background, 4))
				return tx.Register("name").Set(background, "Alice Smith")
			}))
			settle(t, a, b)
			require.Equal(t, "Alice Smith", get[string](t, b.Doc("user:123").Register("name")))
			require.EqualValues(t, 7, b.Doc("user:123").Counter("visits").Value())
			scribbleAll(t, 200, a, b)
			settle(t, a, b)
			require.Equal(t, fields(user), fields(b.Doc("user:123")))
			s := b.Status()
			require.Zero(t, s.Stats.Refused)
			require.Zero(t, s.Stats.FramesSent)
			require.Equal(t, a.ID(), s.Peers[0].ID)
		})
	}
}
