package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

func ownOnly(c *Config) { c.OwnOnly = true }

// forger is a device that may speak for itself alone.
var forger = causal.Actor{ID: causal.ID{7}, Incarnation: 1}

func TestADeltaSpeaksForItsSenderAlone(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	unit := minted(t, "v", "x") // of the twin
	require.ErrorIs(t, r.Step(b.now, "doc", say(forger, 1, &message.Delta{Doc: "doc", Unit: unit})), ErrForeign)
	require.Nil(t, r.View("doc"))
	require.EqualValues(t, 1, r.Stats().Forged)
	require.EqualValues(t, 1, r.Stats().Refused)

	require.NoError(t, r.Step(b.now, "doc", say(forger, 1, &message.Delta{Doc: "doc", Unit: unit, Relayed: true})))
	require.Equal(t, "v", b.get(r, "x"), "who may pass on is believed")
}

// A unit is kept for others, so one that claims more than its sender's events is
// not taken, known or not.
func TestAUnitThatClaimsKnownEventsOfOthersIsRefused(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	b.set(r, "x", "1")
	b.take(r)
	s := r.View("doc").State()
	var made kernel.State
	require.NoError(t, delta.Delta(delta.AppendState(nil, s)).Merge(&made))
	require.NoError(t, minted(t, "v", "y").Merge(&made))
	both := delta.AppendFor(nil, &made, s.Context())
	require.ErrorIs(t, r.Step(b.now, "doc", say(twin, 1, &message.Delta{Doc: "doc", Unit: both})), ErrForeign)
	require.Empty(t, b.get(r, "y"))
}

// answerOwn is what a device says that answers to its own events alone.
func answerOwn(to *Replica, d delta.Delta) *message.Push {
	return &message.Push{To: to.nonce, Own: true, Gifts: []message.Gift{{Doc: "doc", Answer: message.Frame, Deltas: []delta.Delta{d}, Digest: 1}}}
}

func TestAnOwnAnswerMayClaimWhatIsKnownAndRemoveIt(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	b.set(r, "x", "1")
	b.take(r)
	var known kernel.State
	require.NoError(t, delta.Delta(delta.AppendState(nil, r.View("doc").State())).Merge(&known))

	d := crdt.NewDocument(forger, nil)
	require.NoError(t, delta.Delta(delta.AppendState(nil, &known)).Merge(d.State()))
	require.NoError(t, d.Assign(kernel.Root, crdt.TagRegister, "x", "2", false, crdt.Options{}))
	require.NoError(t, r.Step(b.now, "", say(forger, 1, answerOwn(r, delta.AppendFor(nil, d.State(), known.Context())))))
	require.Equal(t, "2", b.get(r, "x"))
}

func TestAnOwnAnswerBringsNothingOfOthers(t *testing.T) {
	for name, forge := range map[string]func(*testing.T, *Replica) delta.Delta{
		"an event that is not known": func(t *testing.T, _ *Replica) delta.Delta { return minted(t, "v", "x") },
		"another payload of one that is": func(t *testing.T, r *Replica) delta.Delta {
			d := crdt.NewDocument(r.actor, nil)
			require.NoError(t, d.Assign(0, crdt.TagRegister, "x", "zzz", false, crdt.At(1)))
			return d.Flush(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1)
			r := b.all[0]
			b.set(r, "x", "1")
			before := r.Digest()
			require.ErrorIs(t, r.Step(b.now, "", say(forger, 1, answerOwn(r, forge(t, r)))), ErrForeign)
			require.Equal(t, before, r.Digest())
			require.Equal(t, "1", b.get(r, "x"))
			require.EqualValues(t, 1, r.Stats().Forged)
			require.Zero(t, r.Stats().Conflicts)
		})
	}
}

// A device whose broadcasts were all lost, with and without a log that reaches
// back, in one message and in chunks.
func TestWhatADeviceWroteIsRepairedFromItself(t *testing.T) {
	for name, change := range map[string]func(*Config){"from the log": func(*Config) {}, "from its state": noLog} {
		for size, n := range map[string]int{"small": 1, "large": 20_000} {
			t.Run(name+", "+size, func(t *testing.T) {
				b := newBench(t, 2, small)
				device := b.add(small, ownOnly, change)
				b.set(b.all[0], "a", "1")
				b.pass(3*time.Second, nil)
				b.set(device, "b", long(n))
				b.set(device, "a", "2")
				b.pass(time.Second, losesAll)
				b.pass(5*time.Second, func(from, _ *Replica, m *Outgoing) bool {
					if from == device {
						require.NotContains(t, []message.Kind{message.KindPush, message.KindRelay}, m.Kind)
					}
					return from == device && m.Kind == message.KindDelta
				})
				b.requireEqual()
				require.Equal(t, "2", b.get(b.all[1], "a"))
				for _, r := range b.all {
					require.Zero(t, r.Stats().Forged)
				}
			})
		}
	}
}

// A device that alone has got what a replica wrote that is gone may not give it.
func TestADeviceIsNotAskedAgainAndAgainForWhatItMayNotGive(t *testing.T) {
	for name, change := range map[string]func(*Config){"from the log": func(*Config) {}, "from its state": noLog} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 2)
			device := b.add(ownOnly, change)
			origin, server := b.all[0], b.all[1]
			b.set(origin, "x", "1")
			b.carry(func(_, to *Replica, _ *Outgoing) bool { return to == server })
			require.Equal(t, "1", b.get(device, "x"))
			b.all = []*Replica{server, device}
			b.pass(20*time.Second, nil)
			require.Empty(t, b.get(server, "x"))
			pulls := server.Stats().PullsSent
			b.pass(20*time.Second, nil)
			require.LessOrEqual(t, server.Stats().PullsSent-pulls, uint64(40), "one a beacon at most")

			b.all = []*Replica{origin, server, device}
			b.pass(3*time.Second, nil)
			b.requireEqual()
		})
	}
}
