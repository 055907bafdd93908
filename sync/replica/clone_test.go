package replica

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// A peer that says a dot is dead which its actor has not minted yet speaks of
// a clone's. Minting it would give a write that is dead on arrival.
func TestDeathOfAnEventNotYetMintedTakesANewIncarnation(t *testing.T) {
	now := time.Unix(1e9, 0)
	victim, err := New(Config{ID: causal.ID{1}, Rand: rand.New(rand.NewPCG(1, 1))}, now)
	require.NoError(t, err)
	before := victim.Actor()

	other := crdt.NewDocument(causal.Actor{ID: causal.ID{2}}, nil)
	ahead := causal.Dot{Actor: before, Seq: 1}
	require.NoError(t, other.Assign(0, crdt.TagRegister, "x", "v", false, crdt.Options{Over: []causal.Dot{ahead}, HasOver: true}))
	m := &message.Delta{Doc: "d", Unit: other.Flush(nil)}
	data := message.Append(nil, message.Header{From: other.Actor(), Nonce: 7}, m)

	require.NoError(t, victim.Step(now, "d", data))
	require.NotEqual(t, before, victim.Actor())
	require.Equal(t, Clone, victim.Ready().Alarms[0].Kind)
	require.NoError(t, victim.Write(now, "d", func(d *crdt.Document) error {
		return d.Assign(0, crdt.TagRegister, "y", "mine", false, crdt.Options{})
	}))
	_, ok := victim.View("d").Latest(0, crdt.TagRegister, "y")
	require.True(t, ok)
}
