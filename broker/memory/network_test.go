package memory_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/memory"
)

func TestCutIsOneWayAndKnown(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.listen(p.a, "a:")
	_, err := p.b.Respond("alive")
	require.NoError(t, err)
	_, err = p.a.Subscribe("x", "", func(broker.Message) {})
	require.NoError(t, err)
	p.Cut("a", "b")
	p.send("1")
	require.NoError(t, p.b.Publish("s", []byte("2")))
	require.Equal(t, []string{"a:1", "a:2", "2"}, p.received())

	p.Cut("a", "a")
	require.ErrorIs(t, p.a.Probe(context.Background(), "alive"), broker.ErrNoResponders)
	p.Heal()
	require.NoError(t, p.a.Probe(context.Background(), "alive"))
}

func TestBlackholeIsBelievedToBeUp(t *testing.T) {
	p := newPair(t, memory.Config{})
	_, err := p.b.Respond("alive")
	require.NoError(t, err)
	p.Blackhole("a", "b")
	p.send("1")
	require.Empty(t, p.received())
	require.EqualValues(t, 1, p.Stats("a").Lost)
	require.ErrorIs(t, p.a.Probe(expired(), "alive"), context.DeadlineExceeded)
	p.Restore("a", "b")
	require.NoError(t, p.a.Probe(context.Background(), "alive"))

	p.Blackhole("b", "a")
	require.ErrorIs(t, p.a.Probe(expired(), "alive"), context.DeadlineExceeded, "the answer is lost")
}

func TestQueueGroupAvoidsCutMembersButNotBlackholedOnes(t *testing.T) {
	n := memory.NewNetwork(memory.Config{Manual: true})
	got := make(map[string]int)
	for _, name := range []string{"a", "b", "c"} {
		member := n.Connect(name)
		defer member.Close()
		_, err := member.Subscribe("s", "q", func(broker.Message) { got[name]++ })
		require.NoError(t, err)
	}
	sender := n.Connect("sender")
	defer sender.Close()
	round := func() map[string]int {
		clear(got)
		for range 60 {
			require.NoError(t, sender.Publish("s", nil))
		}
		n.Deliver()
		return got
	}
	require.Len(t, round(), 3)
	n.Cut("sender", "b")
	round()
	require.Zero(t, got["b"])
	require.Equal(t, 60, got["a"]+got["c"])
	n.Blackhole("sender", "b")
	round()
	require.Less(t, got["a"]+got["c"], 60)
}

func TestPartitionCutsBetweenGroupsOnly(t *testing.T) {
	n := memory.NewNetwork(memory.Config{Manual: true})
	var got []string
	names := []string{"a", "b", "c", "d"}
	brokers := make(map[string]*memory.Broker)
	for _, name := range names {
		brokers[name] = n.Connect(name)
		defer brokers[name].Close()
		_, err := brokers[name].Subscribe("s", "", func(m broker.Message) { got = append(got, string(m.Data)+name) })
		require.NoError(t, err)
	}
	round := func() []string {
		got = nil
		for _, name := range []string{"a", "c"} {
			require.NoError(t, brokers[name].Publish("s", []byte(name)))
		}
		n.Deliver()
		return got
	}
	n.Partition([]string{"a", "b"}, []string{"c"})
	require.Equal(t, []string{"aa", "ab", "ad", "cc", "cd"}, round(), "d is in no group")
	n.Partition([]string{"a", "c"}, []string{"b", "d"})
	require.Equal(t, []string{"aa", "ac", "ca", "cc"}, round())
	n.Heal()
	require.Len(t, round(), 8)
}

func TestMessageUnderWayToAnEndpointThatWentDownIsLost(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetFaults(memory.Faults{Publish: memory.Hold})
	p.send("1")
	p.Disconnect("b")
	p.Release()
	p.Reconnect("b")
	p.send("2")
	p.Release()
	require.Equal(t, []string{"2"}, p.received())
}

func TestReceiverWithASmallerLimitNeverSeesTheMessage(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.SetMaxPayload("b", 3)
	p.send("four", "3")
	require.Equal(t, []string{"3"}, p.received())
	require.EqualValues(t, 1, p.Stats("a").Lost)
}

func TestCountersByEndpoint(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.send("one", "three")
	p.received()
	a, b := p.Stats("a"), p.Stats("b")
	require.EqualValues(t, 2, a.Sent)
	require.EqualValues(t, 8, a.SentBytes)
	require.Zero(t, a.Received)
	require.EqualValues(t, 2, b.Received)
	require.EqualValues(t, 8, b.ReceivedBytes)
	require.Equal(t, b.Stats, p.b.Stats())
}

func TestQueueIsBoundedInBytesToo(t *testing.T) {
	p := newPair(t, memory.Config{QueueBytes: 10})
	p.send("12345", "67890", "x")
	require.Equal(t, 2, p.Waiting())
	require.EqualValues(t, 1, p.Stats("b").Dropped)
	require.Equal(t, []string{"12345", "67890"}, p.received())
	p.send("again")
	require.Equal(t, []string{"again"}, p.received())
}

func TestStepDeliversOneMessageInOrderOfPublication(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.listen(p.a, "a:")
	p.send("1", "2")
	for i, want := range []string{"a:1", "1", "a:2", "2"} {
		require.Equal(t, 4-i, p.Waiting())
		require.True(t, p.Step())
		require.Equal(t, want, p.got[i])
	}
	require.False(t, p.Step())
}

func TestDeliverIncludesWhatHandlersPublish(t *testing.T) {
	p := newPair(t, memory.Config{})
	_, err := p.b.Subscribe("count", "", func(m broker.Message) {
		if len(m.Data) < 5 {
			require.NoError(t, p.b.Publish("count", append(m.Data, '!')))
		}
	})
	require.NoError(t, err)
	require.NoError(t, p.a.Publish("count", nil))
	require.Equal(t, 12, p.Deliver(), "six messages, two subscriptions")
}

func TestStepInAHandlerPassesItsOwnSubscriptionOver(t *testing.T) {
	n := memory.NewNetwork(memory.Config{Manual: true})
	a := n.Connect("a")
	defer a.Close()
	var order []string
	_, err := a.Subscribe("outer", "", func(broker.Message) {
		order = append(order, "begin")
		n.Deliver()
		order = append(order, "end")
	})
	require.NoError(t, err)
	_, err = a.Subscribe("inner", "", func(broker.Message) { order = append(order, "inner") })
	require.NoError(t, err)
	for _, subject := range []string{"outer", "outer", "inner"} {
		require.NoError(t, a.Publish(subject, nil))
	}
	n.Deliver()
	require.Equal(t, []string{"begin", "inner", "end", "begin", "end"}, order)
}

func TestStepOnALiveNetworkPanics(t *testing.T) {
	require.Panics(t, func() { memory.NewNetwork(memory.Config{}).Step() })
}

func TestWaitIdleWaitsForHandlersAndTheirMessages(t *testing.T) {
	n := memory.NewNetwork(memory.Config{})
	a := n.Connect("a")
	defer a.Close()
	count := 0
	_, err := a.Subscribe("s", "", func(m broker.Message) {
		if count++; count < 100 {
			_ = a.Publish("s", nil)
		}
	})
	require.NoError(t, err)
	require.NoError(t, a.Publish("s", nil))
	require.NoError(t, n.WaitIdle(context.Background()))
	require.Equal(t, 100, count)
}

func TestWaitIdleRespectsItsContext(t *testing.T) {
	p := newPair(t, memory.Config{})
	p.send("nobody steps")
	require.ErrorIs(t, p.WaitIdle(expired()), context.DeadlineExceeded)
}

func TestLiveNetworkRunsInASyncTestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.NewNetwork(memory.Config{})
		a := n.Connect("a")
		defer a.Close()
		var at time.Time
		_, err := a.Subscribe("s", "", func(broker.Message) { at = time.Now() })
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.NoError(t, a.Publish("s", nil))
		synctest.Wait()
		require.Equal(t, time.Now(), at)
	})
}

func TestNamesAreUniqueAmongLiveEndpoints(t *testing.T) {
	n := memory.NewNetwork(memory.Config{})
	a := n.Connect("a")
	require.Equal(t, "a", a.Name())
	require.Panics(t, func() { n.Connect("a") })
	require.Panics(t, func() { n.Cut("a", "nobody") })
	require.NoError(t, a.Close())
	again := n.Connect("a")
	require.NoError(t, again.Publish("s", nil))
	require.ErrorIs(t, a.Publish("s", nil), broker.ErrClosed)
	require.EqualValues(t, 1, n.Stats("a").Sent)
	require.NoError(t, again.Close())
}

func TestClosedEndpointStaysClosed(t *testing.T) {
	n := memory.NewNetwork(memory.Config{})
	a := n.Connect("a")
	require.NoError(t, a.Close())
	n.Reconnect("a")
	n.Terminate("a")
	require.ErrorIs(t, a.Publish("s", nil), broker.ErrClosed)
}

func TestNegativeLimitsPanic(t *testing.T) {
	require.Panics(t, func() { memory.NewNetwork(memory.Config{QueueBytes: -1}) })
}

func Example() {
	n := memory.NewNetwork(memory.Config{Manual: true})
	alice, bob := n.Connect("alice"), n.Connect("bob")
	bob.Subscribe("greetings.*", "", func(m broker.Message) {
		fmt.Printf("bob hears %s on %s\n", m.Data, m.Subject)
	})

	alice.Publish("greetings.a", []byte("hello"))
	n.Deliver()

	n.Partition([]string{"alice"}, []string{"bob"})
	alice.Publish("greetings.a", []byte("anybody?"))
	fmt.Println("delivered in the partition:", n.Deliver())

	n.Heal()
	alice.Publish("greetings.a", []byte("there you are"))
	n.Deliver()
	alice.Close()
	bob.Close()
	// Output:
	// bob hears hello on greetings.a
	// delivered in the partition: 0
	// bob hears there you are on greetings.a
}

func ExampleDropEvery() {
	n := memory.NewNetwork(memory.Config{Manual: true})
	n.SetFaults(memory.Faults{Publish: memory.OnSubject("delta.>", memory.DropEvery(2))})
	a := n.Connect("a")
	defer a.Close()
	a.Subscribe(">", "", func(m broker.Message) { fmt.Println(m.Subject, string(m.Data)) })
	for i := range 4 {
		a.Publish("delta.x", fmt.Append(nil, i))
	}
	n.Deliver()
	// Output:
	// delta.x 0
	// delta.x 2
}
