package eventq_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/internal/eventq"
)

func drained(q *eventq.Queue) (events []broker.Event) {
	q.Close()
	for e := range q.C() {
		events = append(events, e)
	}
	return events
}

func TestReaderThatKeepsUpSeesEveryEventInOrder(t *testing.T) {
	q := eventq.New()
	for i := range 100 {
		q.Post(broker.Event{Kind: broker.Dropped, Count: uint64(i)})
		require.Equal(t, uint64(i), (<-q.C()).Count)
	}
	require.Empty(t, drained(q))
}

func TestSlowReaderSeesTheLastStateOfTheLink(t *testing.T) {
	q := eventq.New()
	for range 50 {
		q.Post(broker.Event{Kind: broker.Connected})
		q.Post(broker.Event{Kind: broker.Disconnected})
	}
	events := drained(q)
	require.LessOrEqual(t, len(events), 16)
	require.Equal(t, broker.Disconnected, events[len(events)-1].Kind)
	require.Equal(t, broker.Connected, events[len(events)-2].Kind)
}

func TestNoDroppedMessageGoesUncounted(t *testing.T) {
	q := eventq.New()
	for range 500 {
		q.Post(broker.Event{Kind: broker.Dropped, Subject: "a", Count: 1})
		q.Post(broker.Event{Kind: broker.Dropped, Subject: "b", Count: 2})
	}
	var count uint64
	events := drained(q)
	for _, e := range events {
		count += e.Count
	}
	require.Equal(t, uint64(1500), count)
	require.Empty(t, events[0].Subject, "drops of two subjects were merged")
}

func TestPostAfterCloseIsIgnored(t *testing.T) {
	q := eventq.New()
	q.Close()
	q.Close()
	q.Post(broker.Event{Kind: broker.Closed})
	require.Empty(t, drained(q))
}
