package replica

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// wired is a bench on which replicas speak in several systems: systems[r] has
// the system behind each port of r.
type wired struct {
	*bench
	systems map[*Replica][]string
	said    []spoken
}

// spoken is a message and the system that it was said in.
type spoken struct {
	from   *Replica
	system string
	Outgoing
}

// newWired makes a replica for each list of systems.
func newWired(t *testing.T, systems ...[]string) *wired {
	w := &wired{bench: &bench{t: t, now: time.Unix(1e9, 0), kept: map[*Replica][]Record{}, seen: map[*Replica][]Alarm{}}, systems: map[*Replica][]string{}}
	for _, s := range systems {
		r := w.add(func(c *Config) { c.Ports = len(s) })
		w.systems[r] = s
		for port := range s {
			r.ConnectOn(w.now, port, true)
		}
	}
	w.pass(20*time.Millisecond, nil)
	w.said = nil
	return w
}

// carry is bench.carry by systems.
func (w *wired) carry(lose func(spoken) bool) {
	for more, began := true, len(w.said); more; {
		more = false
		require.Less(w.t, len(w.said)-began, 1000, "messages run in circles")
		for _, from := range w.all {
			for _, m := range w.take(from) {
				said := spoken{from, w.systems[from][m.Port], m}
				w.said = append(w.said, said)
				more = w.deliver(said, lose) || more
			}
		}
	}
}

func (w *wired) deliver(m spoken, lose func(spoken) bool) (any bool) {
	for _, to := range w.all {
		for port, system := range w.systems[to] {
			if system == m.system && w.isFor(m.from, to, &m.Outgoing) && (lose == nil || !lose(m)) {
				any = true
				require.NoError(w.t, to.StepOn(w.now, port, m.Doc, bytes.Clone(m.Data)))
			}
		}
	}
	return any
}

// pass is bench.pass by systems.
func (w *wired) pass(d time.Duration, lose func(spoken) bool) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(5 * time.Millisecond)
		for _, r := range w.all {
			r.Tick(w.now)
		}
		w.carry(lose)
	}
}

// deltas returns in which systems deltas were said, and by whom.
func (w *wired) deltas() []string { return w.spoken(message.KindDelta, message.KindRelay) }

func (w *wired) spoken(kinds ...message.Kind) (out []string) {
	for _, m := range w.said {
		if slices.Contains(kinds, m.Kind) {
			out = append(out, fmt.Sprintf("%x in %s", m.from.cfg.ID[0], m.system))
		}
	}
	return out
}

func TestARelayPassesNewsOnToItsOtherPortsOnce(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b", "c"}, []string{"b"}, []string{"c"}, []string{"a"})
	w.set(w.all[0], "k", "v")
	w.carry(nil)
	w.requireEqual()
	require.Equal(t, []string{"1 in a", "2 in b", "2 in c"}, w.deltas())
	require.EqualValues(t, 2, w.all[1].Stats().Passed)
	units := map[string]bool{}
	for _, m := range w.said {
		for _, d := range only[*message.Delta](t, []Outgoing{m.Outgoing}) {
			units[string(d.Unit)] = true
		}
	}
	require.Len(t, units, 1, "a unit is passed on as it is")
}

func TestAWriteOfARelayGoesToAllPorts(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b"}, []string{"b"})
	w.set(w.all[1], "k", "v")
	w.carry(nil)
	w.requireEqual()
	require.Equal(t, []string{"2 in a", "2 in b"}, w.deltas())
}

func TestACircleOfRelaysFallsSilent(t *testing.T) {
	w := newWired(t, []string{"a", "b"}, []string{"b", "c"}, []string{"c", "a"}, []string{"a"})
	w.set(w.all[3], "k", "v")
	w.pass(100*time.Millisecond, nil)
	w.requireEqual()
	require.LessOrEqual(t, len(w.deltas()), 4)
}

func TestWhatIsHeardOnAPortWhileItWaitsIsNotPassedThere(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b"}, []string{"b"})
	relay := w.all[1]
	w.set(w.all[0], "first", "makes the next wait")
	w.carry(nil)
	w.set(w.all[0], "k", "v")
	w.all[0].Flush(w.now)
	unit := w.take(w.all[0])[0]
	require.NoError(t, relay.StepOn(w.now, 0, "doc", unit.Data))
	_, body, err := message.Parse(unit.Data)
	require.NoError(t, err)
	body.(*message.Delta).Relayed = true
	w.said = nil
	other := say(causal.Actor{ID: causal.ID{9}, Incarnation: 1}, 1, body)
	require.NoError(t, relay.StepOn(w.now, 1, "doc", other))
	w.pass(10*time.Millisecond, nil)
	require.Empty(t, w.deltas())
}

func TestUnitsThatWaitArePassedOnTogether(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b"}, []string{"b"})
	w.set(w.all[0], "first", "makes the next wait")
	w.carry(nil)
	w.said = nil
	for i := range 5 {
		w.set(w.all[0], fmt.Sprint(i), "v")
		w.all[0].Flush(w.now)
	}
	w.carry(nil)
	w.pass(10*time.Millisecond, nil)
	w.requireEqual()
	require.Equal(t, []string{"1 in a", "1 in a", "1 in a", "1 in a", "1 in a", "2 in b"}, w.deltas())
	require.EqualValues(t, 6, w.all[1].Stats().Passed)
}

func TestABatchIsCutAtTheLimitOfAMessage(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b"}, []string{"b"})
	for _, r := range w.all {
		r.LimitMessages(4 << 10)
	}
	for i := range 20 {
		w.set(w.all[0], fmt.Sprint(i), long(1000))
		w.all[0].Flush(w.now)
	}
	w.pass(10*time.Millisecond, nil)
	w.requireEqual()
	for _, m := range w.said {
		require.LessOrEqual(t, len(m.Data), 4<<10)
	}
}

func TestWhatARelayCaughtUpOnIsFetchedFromIt(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b"}, []string{"b"})
	deaf := func(m spoken) bool { return m.system == "a" }
	for i := range 30 {
		w.set(w.all[0], fmt.Sprint(i), "v")
		w.pass(5*time.Millisecond, deaf)
	}
	w.said = nil
	w.pass(3*time.Second, nil)
	w.requireEqual()
	require.NotContains(t, w.deltas(), "2 in b")
	require.Contains(t, w.spoken(message.KindPush), "2 in b")
}

func TestAHoleThatARelayRepairedIsPassedOn(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b"}, []string{"b"})
	lost := false
	for i := range 3 {
		w.set(w.all[0], fmt.Sprint(i), "v")
		w.all[0].Flush(w.now)
		w.carry(func(m spoken) bool {
			if m.Kind == message.KindDelta && m.system == "a" && i == 1 {
				lost = true
				return true
			}
			return false
		})
	}
	require.True(t, lost)
	w.pass(100*time.Millisecond, nil)
	w.requireEqual()
	require.EqualValues(t, 3, w.all[1].Stats().Passed)
}

func TestAHoleIsAskedForWhereItShowed(t *testing.T) {
	w := newWired(t, []string{"b"}, []string{"a", "b"})
	for i := range 2 {
		w.set(w.all[0], fmt.Sprint(i), "v")
		w.all[0].Flush(w.now)
		w.carry(func(m spoken) bool { return i == 0 })
	}
	w.pass(30*time.Millisecond, nil)
	w.requireEqual()
	require.Equal(t, []string{"2 in b"}, w.spoken(message.KindPull))
}

func TestAPortThatIsDownLearnsByTheBeacon(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a", "b"}, []string{"b"})
	relay := w.all[1]
	relay.ConnectOn(w.now, 1, false)
	w.carry(nil)
	w.said = nil
	w.set(w.all[0], "k", "v")
	w.pass(time.Second, func(m spoken) bool { return m.from == w.all[2] })
	require.Equal(t, "v", w.get(relay, "k"))
	require.Empty(t, w.get(w.all[2], "k"))
	for _, m := range w.said {
		require.False(t, m.from == relay && m.system == "b", "it spoke on a port that is down")
	}
	require.True(t, relay.Online())
	relay.ConnectOn(w.now, 1, true)
	w.pass(time.Second, nil)
	w.requireEqual()
}

func TestABatchWithADamagedUnitGivesTheOthers(t *testing.T) {
	w := newWired(t, []string{"a"}, []string{"a"})
	w.set(w.all[0], "k", "v")
	unit := only[*message.Delta](t, w.take(w.all[0]))[0].Unit
	bad := bytes.Clone(unit)
	bad[len(bad)-1] ^= 1
	from := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	for _, batch := range [][]byte{append(bytes.Clone(bad), unit...), append(bytes.Clone(unit), bad...), append(bytes.Clone(unit), 1, 2, 3)} {
		r := w.add()
		require.Error(t, r.StepOn(w.now, 0, "doc", say(from, 1, &message.Delta{Doc: "doc", Unit: batch, Relayed: true})))
		require.Equal(t, "v", w.get(r, "k"))
		require.EqualValues(t, 1, r.Stats().Refused)
	}
}

func TestPortsAreBounded(t *testing.T) {
	for _, n := range []int{-1, MaxPorts + 1} {
		c := Config{ID: causal.ID{1}, Rand: newBench(t, 1).all[0].cfg.Rand, Ports: n}
		_, err := New(c, time.Unix(0, 0))
		require.ErrorIs(t, err, ErrConfig)
	}
}
