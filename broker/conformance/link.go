package conformance

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
)

func testProbe(t *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	sub, err := b.Broker.Respond("alive.b")
	require.NoError(t, err)
	n.flush(b)
	require.NoError(t, a.Broker.Probe(n.context(), "alive.b"))
	require.NoError(t, b.Broker.Probe(n.context(), "alive.b"), "its own")
	require.NoError(t, sub.Unsubscribe())
	n.flush(b)
	require.ErrorIs(t, a.Broker.Probe(n.context(), "alive.b"), broker.ErrNoResponders)
}

func testProbeNobody(t *testing.T, n *network) {
	a := n.connect()
	require.ErrorIs(t, a.Broker.Probe(n.context(), "nobody"), broker.ErrNoResponders)
}

func testProbeSilence(t *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	n.subscribe(b, "heard.*", "")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, a.Broker.Probe(ctx, "heard.only"), context.DeadlineExceeded)
	require.ErrorIs(t, a.Broker.Probe(ctx, "heard.only"), context.DeadlineExceeded, "already ended")
}

func testProbeBroken(t *testing.T, n *network) {
	a := n.connect()
	probed := n.probeInVain(a)
	a.Disconnect()
	require.ErrorIs(t, <-probed, broker.ErrDisconnected)
}

func testProbeClosed(t *testing.T, n *network) {
	a := n.connect()
	probed := n.probeInVain(a)
	require.NoError(t, a.Broker.Close())
	require.ErrorIs(t, <-probed, broker.ErrClosed)
}

// probeInVain starts a probe that somebody hears and nobody answers.
func (n *network) probeInVain(e Endpoint) <-chan error {
	n.subscribe(n.connect(), "heard.*", "")
	probed := make(chan error, 1)
	ctx := n.context()
	go func() { probed <- e.Broker.Probe(ctx, "heard.only") }()
	time.Sleep(5 * time.Millisecond) // to get under way; if it does not, the test is weaker
	return probed
}

func testProbeUnseen(t *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	in := n.subscribe(b, "alive.*", "")
	_, err := b.Broker.Respond("alive.b")
	require.NoError(t, err)
	n.flush(b)
	require.NoError(t, a.Broker.Probe(n.context(), "alive.b"))
	n.publish(a, "alive.x", "a message")
	n.publish(a, "alive.b", "a message to a responder")
	n.publish(a, "alive.b", "")
	in.requireNext("a message", "a message to a responder", "")
}

func testFirstEvent(t *testing.T, n *network) {
	require.Equal(t, broker.Connected, (<-n.connect().Broker.Events()).Kind)
}

func (n *network) disconnect(e Endpoint) {
	n.t.Helper()
	e.Disconnect()
	n.await(e, broker.Disconnected)
}

// reconnect waits for the Connected event that follows the disconnection.
func (n *network) reconnect(e Endpoint) {
	n.t.Helper()
	e.Reconnect()
	n.await(e, broker.Connected)
	n.flush(e)
}

func testDisconnected(t *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	in := n.subscribe(b, "s", "")
	n.disconnect(a)
	require.ErrorIs(t, a.Broker.Publish("s", []byte("lost")), broker.ErrDisconnected)
	require.ErrorIs(t, a.Broker.Flush(n.context()), broker.ErrDisconnected)
	require.ErrorIs(t, a.Broker.Probe(n.context(), "s"), broker.ErrDisconnected)
	n.publish(b, "s", "others go on")
	in.requireNext("others go on")
	n.reconnect(a)
	n.publish(a, "s", "after")
	in.requireNext("after")
}

func testSurviveReconnect(_ *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	in := n.subscribe(a, "s", "")
	n.publish(b, "s", "before")
	in.requireNext("before")
	n.disconnect(a)
	n.publish(b, "s", "missed")
	n.flush(b)
	n.reconnect(a)
	n.publish(b, "s", "after")
	in.requireNext("after")
}

func testSubscribeOffline(t *testing.T, n *network) {
	a := n.connect()
	n.disconnect(a)
	received := make(chan broker.Message, 1)
	_, err := a.Broker.Subscribe("s", "", func(m broker.Message) { received <- m })
	require.NoError(t, err)
	n.reconnect(a)
	n.publish(a, "s", "hello")
	n.pump()
	require.Equal(t, "hello", string((<-received).Data))
}

func testTerminated(t *testing.T, n *network) {
	a := n.connect()
	in := n.subscribe(a, "s", "")
	a.Terminate()
	n.await(a, broker.Closed)
	requireClosed(t, n, a.Broker)
	require.NoError(t, in.sub.Unsubscribe())
}

func testClosed(t *testing.T, n *network) {
	a := n.connect()
	in := n.subscribe(a, "s", "")
	require.NoError(t, a.Broker.Close())
	require.NoError(t, a.Broker.Close(), "twice")
	requireClosed(t, n, a.Broker)
	require.NoError(t, in.sub.Unsubscribe())
	for range a.Broker.Events() { // ends because the channel is closed
	}
}

func requireClosed(t *testing.T, n *network, b broker.Broker) {
	t.Helper()
	require.ErrorIs(t, b.Publish("s", nil), broker.ErrClosed)
	require.ErrorIs(t, b.Probe(n.context(), "s"), broker.ErrClosed)
	require.ErrorIs(t, b.Flush(n.context()), broker.ErrClosed)
	_, err := b.Subscribe("s", "", func(broker.Message) {})
	require.ErrorIs(t, err, broker.ErrClosed)
	_, err = b.Respond("s")
	require.ErrorIs(t, err, broker.ErrClosed)
}

func testCloseWaits(t *testing.T, n *network) {
	a := n.connect()
	started, release := make(chan struct{}), make(chan struct{})
	sub, err := a.Broker.Subscribe("s", "", func(broker.Message) {
		close(started)
		<-release
	})
	require.NoError(t, err)
	n.flush(a)
	n.publish(a, "s", "")
	var pumping sync.WaitGroup
	pumping.Go(n.pump)
	<-started
	require.NoError(t, sub.Unsubscribe(), "returns although the handler runs")

	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = a.Broker.Close()
	}()
	select {
	case <-closed:
		require.Fail(t, "closed while a handler runs")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	<-closed
	pumping.Wait()
}

func testFlush(t *testing.T, n *network) {
	a := n.connect()
	require.NoError(t, a.Broker.Flush(context.Background()), "without a deadline")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, a.Broker.Flush(ended), context.Canceled)
}

// testDropped publishes 100 messages to a handler that is stuck with the first
// and has room for ten more: every message is either handled or reported lost.
func testDropped(t *testing.T, n *network) {
	const messages, room = 100, 10
	a, b := n.connect(), n.connect()
	started, release := make(chan struct{}, messages), make(chan struct{})
	_, err := b.Broker.Subscribe("s.*", "", func(broker.Message) {
		started <- struct{}{}
		<-release
	})
	require.NoError(t, err)
	n.flush(b)
	n.publish(a, "s.x", "")
	var pumping sync.WaitGroup
	pumping.Go(n.pump)
	<-started
	for i := 1; i < messages; i++ {
		n.publish(a, "s.x", fmt.Sprint(i))
	}
	lost := countDropped(t, n, b, messages-1-room)
	require.Less(t, lost, uint64(messages))
	close(release)
	pumping.Wait()
}

// countDropped reads events until they account for so many losses.
func countDropped(t *testing.T, n *network, e Endpoint, least uint64) (lost uint64) {
	t.Helper()
	for lost < least {
		select {
		case event := <-e.Broker.Events():
			if event.Kind == broker.Dropped {
				require.Equal(t, "s.*", event.Subject)
				require.NotZero(t, event.Count)
				lost += event.Count
			}
		case <-n.context().Done():
			require.FailNow(t, "losses were not reported", "%d of %d", lost, least)
		}
	}
	return lost
}

// testConcurrency is for the race detector: everything at once, and a link that
// comes and goes.
func testConcurrency(t *testing.T, n *network) {
	a, b := n.connect(), n.connect()
	var tasks sync.WaitGroup
	for worker := range 4 {
		tasks.Go(func() { churn(a.Broker, worker) })
		tasks.Go(func() { churn(b.Broker, worker) })
	}
	tasks.Go(func() {
		for range 3 {
			b.Disconnect()
			b.Reconnect()
		}
	})
	tasks.Go(n.pump)
	tasks.Wait()
	n.pump()
	in := n.subscribe(a, "still.here", "")
	n.publish(a, "still.here", "yes")
	in.requireNext("yes")
}

func churn(b broker.Broker, worker int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	subject := fmt.Sprint("churn.", worker)
	for range 25 {
		sub, err := b.Subscribe("churn.*", "", func(broker.Message) { b.MaxPayload() })
		if err != nil {
			continue
		}
		responder, err := b.Respond(subject)
		_ = b.Publish(subject, []byte("x"))
		_ = b.Flush(ctx)
		_ = b.Probe(ctx, fmt.Sprint("nobody.", worker))
		_ = sub.Unsubscribe()
		if err == nil {
			_ = responder.Unsubscribe()
		}
	}
}
