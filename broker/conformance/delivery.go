package conformance

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
)

func testDelivery(t *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	in := n.subscribe(b, "shop.cart", "")
	for _, data := range []string{"", "x", "\x00\xff\r\nPUB", strings.Repeat("long", 256)} {
		n.publish(a, "shop.cart", data)
		m := in.next()
		require.Equal(t, "shop.cart", m.Subject)
		require.Equal(t, data, string(m.Data))
	}
}

func testOwnership(t *testing.T, n *network) {
	a := n.connect()
	first, second := n.subscribe(a, "s", ""), n.subscribe(a, "s", "")
	data := []byte("mine")
	require.NoError(t, a.Broker.Publish("s", data))
	copy(data, "####")
	m := first.next()
	require.Equal(t, "mine", string(m.Data))
	copy(m.Data, "!!!!")
	second.requireNext("mine")
}

// testWildcards subscribes to one pattern and publishes on all subjects; what
// comes must be exactly what broker.Match says, with a last message as proof
// that nothing else is still to come.
func testWildcards(t *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	subjects := []string{"a", "b", "a.b", "a.c", "a.b.c", "a.x.c", "a.b.c.d", "z", "a.b*", "ä.b"}
	for _, pattern := range []string{"a", "*", ">", "a.*", "a.>", "*.b", "*.*", "a.*.c", "a.b.>", "*.>", "ä.*"} {
		in := n.subscribe(b, pattern, "")
		last := strings.NewReplacer("*", "last", ">", "last").Replace(pattern)
		var want []string
		for _, s := range append(subjects, last) {
			n.publish(a, s, s)
			if broker.Match(pattern, s) {
				want = append(want, s)
			}
		}
		for _, s := range want {
			m := in.next()
			require.Equal(t, s, m.Subject, "pattern %s", pattern)
			require.Equal(t, s, string(m.Data))
		}
		require.NoError(t, in.sub.Unsubscribe())
	}
}

func testOrder(_ *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	in := n.subscribe(b, "s.*", "")
	for i := range 500 {
		n.publish(a, fmt.Sprint("s.", i%7), fmt.Sprint(i))
	}
	for i := range 500 {
		in.requireNext(fmt.Sprint(i))
	}
}

func testEcho(_ *testing.T, n *network) {
	a := n.connect()
	in := n.subscribe(a, "s", "")
	n.publish(a, "s", "to myself")
	in.requireNext("to myself")
}

func testFanOut(_ *testing.T, n *network) {
	a, b, c := n.connect(), n.connect(), n.connect()
	inboxes := []*inbox{
		n.subscribe(b, "s", ""), n.subscribe(b, "s", ""), n.subscribe(b, "*", ""), n.subscribe(c, ">", ""),
	}
	n.publish(a, "s", "for all")
	n.publish(a, "s", "again")
	for _, in := range inboxes {
		in.requireNext("for all", "again")
	}
}

// testQueueGroup goes on publishing until every member has received something
// of the second round: by then all of the first round has come.
func testQueueGroup(t *testing.T, n *network) {
	a, b, c := n.connect(), n.connect(), n.connect()
	members := []*inbox{
		n.subscribe(a, "s.*", "q"), n.subscribe(b, "s.*", "q"), n.subscribe(c, "s.>", "q"),
	}
	const first = 300
	for i := range first {
		n.publish(a, "s.x", fmt.Sprint(i))
	}
	seen := make(map[string]int)
	for i := range 100 {
		n.publish(a, "s.x", fmt.Sprint("second ", i))
	}
	for range first + 100 {
		seen[string(nextOf(n, members).Data)]++
	}
	require.Len(t, seen, first+100, "each message went to exactly one member")
}

// nextOf returns the next message of any of three inboxes.
func nextOf(n *network, in []*inbox) broker.Message {
	n.t.Helper()
	n.pump()
	select {
	case m := <-in[0].messages:
		return m
	case m := <-in[1].messages:
		return m
	case m := <-in[2].messages:
		return m
	case <-n.context().Done():
		require.FailNow(n.t, "a message of the queue group did not come")
		panic("unreachable")
	}
}

func testQueueGroupsApart(_ *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	inboxes := []*inbox{
		n.subscribe(a, "s", "q1"), n.subscribe(b, "s", "q2"), n.subscribe(b, "s", ""),
	}
	for i := range 20 {
		n.publish(a, "s", fmt.Sprint(i))
	}
	for _, in := range inboxes {
		for i := range 20 {
			in.requireNext(fmt.Sprint(i))
		}
	}
}

func testUnsubscribe(t *testing.T, n *network) {
	a := n.connect()
	gone, stays := n.subscribe(a, "s", ""), n.subscribe(a, "s", "")
	n.publish(a, "s", "one")
	gone.requireNext("one")
	require.NoError(t, gone.sub.Unsubscribe())
	require.NoError(t, gone.sub.Unsubscribe())
	n.publish(a, "s", "two")
	stays.requireNext("one", "two")
	n.flush(a)
	require.Empty(t, gone.messages)
}

func testSerialHandlers(t *testing.T, n *network) {
	a := n.connect()
	var inside, overlaps atomic.Int32
	done := make(chan struct{}, 200)
	_, err := a.Broker.Subscribe("s.>", "", func(broker.Message) {
		if inside.Add(1) > 1 {
			overlaps.Add(1)
		}
		inside.Add(-1)
		done <- struct{}{}
	})
	require.NoError(t, err)
	n.flush(a)
	var publishers sync.WaitGroup
	for p := range 4 {
		publishers.Go(func() {
			for range 50 {
				_ = a.Broker.Publish(fmt.Sprint("s.", p), nil)
			}
		})
	}
	publishers.Wait()
	for range 200 {
		n.pump()
		<-done
	}
	require.Zero(t, overlaps.Load())
}

func testPublishInHandler(t *testing.T, n *network) {
	a := n.connect()
	in := n.subscribe(a, "answer", "")
	_, err := a.Broker.Subscribe("question", "", func(m broker.Message) {
		_ = a.Broker.Publish("answer", append(m.Data, '!'))
	})
	require.NoError(t, err)
	n.flush(a)
	n.publish(a, "question", "why")
	in.requireNext("why!")
}

func testBadNames(t *testing.T, n *network) {
	b := n.connect().Broker
	long := strings.Repeat("x", broker.MaxSubject+1)
	ignore := func(broker.Message) {}
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\r\nPING", "a\x00b", "\xff", long} {
		require.ErrorIs(t, b.Publish(s, nil), broker.ErrSubject, "%q", s)
		require.ErrorIs(t, b.Probe(n.context(), s), broker.ErrSubject, "%q", s)
		_, err := b.Respond(s)
		require.ErrorIs(t, err, broker.ErrSubject, "%q", s)
		_, err = b.Subscribe(s, "", ignore)
		require.ErrorIs(t, err, broker.ErrSubject, "%q", s)
	}
	for _, s := range []string{"*", "a.*", "a.>", ">"} {
		require.ErrorIs(t, b.Publish(s, nil), broker.ErrSubject, "publish on a wildcard")
		_, err := b.Respond(s)
		require.ErrorIs(t, err, broker.ErrSubject, "respond on a wildcard")
	}
	_, err := b.Subscribe("a.>.b", "", ignore)
	require.ErrorIs(t, err, broker.ErrSubject)
	_, err = b.Subscribe("a", "two words", ignore)
	require.ErrorIs(t, err, broker.ErrSubject)
}

func testTooLarge(t *testing.T, n *network) {
	a := n.connect()
	require.Equal(t, 1024, a.Broker.MaxPayload())
	in := n.subscribe(a, "s", "")
	require.ErrorIs(t, a.Broker.Publish("s", make([]byte, 1025)), broker.ErrTooLarge)
	fits := strings.Repeat("x", 1024)
	n.publish(a, "s", fits)
	in.requireNext(fits)
}
