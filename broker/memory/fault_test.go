package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// pair is a manual network on which b writes down what it receives from a.
type pair struct {
	*memory.Network
	t    *testing.T
	a, b *memory.Broker
	got  []string
}

func newPair(t *testing.T, cfg memory.Config) *pair {
	cfg.Manual = true
	p := &pair{Network: memory.NewNetwork(cfg), t: t}
	p.a, p.b = p.Connect("a"), p.Connect("b")
	t.Cleanup(func() {
		require.NoError(t, p.a.Close())
		require.NoError(t, p.b.Close())
	})
	p.listen(p.b, "")
	return p
}

// listen notes everything that an endpoint receives, with a prefix.
func (p *pair) listen(b *memory.Broker, prefix string) {
	_, err := b.Subscribe(">", "", func(m broker.Message) { p.got = append(p.got, prefix+string(m.Data)) })
	require.NoError(p.t, err)
}

func (p *pair) send(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		require.NoError(p.t, p.a.Publish("s", []byte(text)))
	}
}

// received delivers what waits and returns what came since the last call.
func (p *pair) received() []string {
	p.Deliver()
	got := p.got
	p.got = nil
	return got
}

func TestDropEveryThird(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Publish: memory.DropEvery(3)})
	p.send("1", "2", "3", "4", "5", "6", "7")
	require.Equal(t, []string{"1", "2", "4", "5", "7"}, p.received())
	require.EqualValues(t, 2, p.Stats("a").Lost)
	require.EqualValues(t, 7, p.Stats("a").Sent)
}

func TestPublishFaultIsSharedByAllReceivers(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.listen(p.Connect("c"), "c:")
	p.SetFaults(memory.Faults{Publish: memory.DropEvery(2)})
	p.send("1", "2", "3")
	require.Equal(t, []string{"1", "c:1", "3", "c:3"}, p.received())
}

func TestLinkFaultIsAskedForEachReceiver(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.listen(p.Connect("c"), "c:")
	toC := func(k memory.Packet) bool { return k.To == "c" && k.From == "a" }
	p.SetFaults(memory.Faults{Link: memory.When(toC, memory.Drop)})
	p.send("1")
	require.Equal(t, []string{"1"}, p.received())
}

func TestFaultsBySubject(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Publish: memory.OnSubject("delta.>", memory.DropEvery(2))})
	for i := range 4 {
		require.NoError(t, p.a.Publish("delta.x", fmt.Append(nil, "d", i)))
		require.NoError(t, p.a.Publish("beacon", fmt.Append(nil, "b", i)))
	}
	require.Equal(t, []string{"d0", "b0", "b1", "d2", "b2", "b3"}, p.received())
}

func TestDuplicate(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Link: memory.Duplicate})
	p.send("1", "2")
	require.Equal(t, []string{"1", "1", "2", "2"}, p.received())
	require.EqualValues(t, 2, p.Stats("a").Duplicated)
}

func TestHeldMessagesComeOnReleaseInOrder(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Publish: memory.Hold})
	p.send("1", "2")
	p.SetFaults(memory.Faults{})
	p.send("3")
	require.Equal(t, []string{"3"}, p.received())
	require.Equal(t, 2, p.Detained())
	p.Advance(time.Hour)
	require.Empty(t, p.received(), "held whatever the clock says")
	require.Equal(t, 2, p.Release())
	require.Equal(t, []string{"1", "2"}, p.received())
}

func TestDelayedMessagesComeWhenTheClockSaysSo(t *testing.T) {
	p := newPair(t, memory.Config{})
	delays := map[string]time.Duration{"slow": 3 * time.Second, "medium": 2 * time.Second}
	p.SetFaults(memory.Faults{Publish: func(k memory.Packet) memory.Verdict {
		return memory.Verdict{Delay: delays[string(k.Data)]}
	}})
	p.send("slow", "medium", "fast")
	require.Equal(t, []string{"fast"}, p.received())
	p.Advance(2*time.Second - 1)
	require.Empty(t, p.received())
	p.Advance(1)
	require.Equal(t, []string{"medium"}, p.received())
	require.Equal(t, 1, p.Detained())
	p.Advance(time.Hour)
	require.Equal(t, []string{"slow"}, p.received())
	p.send("slow", "medium")
	p.Advance(time.Hour)
	require.Equal(t, []string{"medium", "slow"}, p.received(), "in order of their time")
}

func TestMessageFallsBehindLaterOnesOfItsLink(t *testing.T) {
	p := newPair(t, memory.Config{})
	first := true
	p.SetFaults(memory.Faults{Link: func(memory.Packet) (v memory.Verdict) {
		if first {
			v.Behind, first = 2, false
		}
		return v
	}})
	p.send("1", "2", "3", "4")
	require.Equal(t, []string{"2", "3", "1", "4"}, p.received())
}

func TestDetainedMessageKeepsItsBytes(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Publish: memory.Hold})
	data := []byte("mine")
	require.NoError(t, p.a.Publish("s", data))
	copy(data, "####")
	p.Release()
	require.Equal(t, []string{"mine"}, p.received())
}

func TestVerdictsAddUp(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Publish: memory.All(memory.Duplicate, memory.Duplicate, memory.Hold)})
	p.send("1")
	require.Empty(t, p.received())
	require.Equal(t, 3, p.Release())
	require.Equal(t, []string{"1", "1", "1"}, p.received())
}

func TestDuplicatesAreBounded(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Link: func(memory.Packet) memory.Verdict { return memory.Verdict{Duplicates: 1 << 40} }})
	p.send("1")
	require.Len(t, p.received(), 1+memory.MaxDuplicates)
}

func TestRandomFaultsRepeatWithTheirSeed(t *testing.T) {
	odds := memory.Odds{Drop: 0.2, Duplicate: 0.2, Reorder: 0.3, Delay: 0.3, MaxDelay: time.Second}
	run := func(seed uint64) []string {
		p := newPair(t, memory.Config{Seed: seed, Shuffle: true})
		p.SetFaults(memory.Faults{Link: memory.Random(seed, odds)})
		var got []string
		for i := range 200 {
			p.send(fmt.Sprint(i))
			p.Advance(10 * time.Millisecond)
			got = append(got, p.received()...)
		}
		p.Release()
		return append(got, p.received()...)
	}
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
	require.Less(t, len(run(1)), 240)
	require.Greater(t, len(run(1)), 130)
}

func TestZeroOddsHarmNothing(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Publish: memory.Random(1, memory.Odds{}), Link: memory.Random(1, memory.Odds{})})
	p.send("1", "2", "3")
	require.Equal(t, []string{"1", "2", "3"}, p.received())
}

func TestImpossibleFaultsPanic(t *testing.T) {
	require.Panics(t, func() { memory.DropEvery(0) })
	require.Panics(t, func() { memory.OnSubject("a..b", memory.Drop) })
}

func expired() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return ctx
}
