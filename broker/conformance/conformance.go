// Package conformance holds the tests that every broker passes.
//
// An implementation calls [Run] from a test with a [Transport] that makes
// brokers on one network and can break their links. Each sentence of the
// contract in package broker is a subtest here; a broker that passes can carry
// the sync engine.
//
// The suite proves what a broker must do, not what it may do: loss, delay and
// reordering by a healthy transport do not occur in it, since no transport can
// be told to behave badly in general. Package broker/memory can.
package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker"
)

// patience bounds every wait. Reaching it means failure.
const patience = 10 * time.Second

// Options of the brokers that a test wants.
type Options struct {
	// QueueMessages bounds the messages that wait for one handler; 0 means the
	// implementation's default, which must be at least 1000.
	QueueMessages int
	// MaxPayload in bytes; 0 means the implementation's default, which must be
	// at least 1024.
	MaxPayload int
}

// Transport is one network for the length of one subtest.
type Transport interface {
	// Connect adds a broker whose link is up. Whatever it starts must have
	// ended when the test's cleanup is done; the broker is closed before.
	Connect(t *testing.T) Endpoint
}

// Endpoint is one broker and the power over its link.
type Endpoint struct {
	Broker broker.Broker
	// Disconnect takes the link down so that both ends know. It may return
	// before the broker has noticed.
	Disconnect func()
	// Reconnect takes the link up again; it may return earlier, too.
	Reconnect func()
	// Terminate ends the link for good.
	Terminate func()
	// Pump delivers what waits, for a transport that does not do so by itself.
	// It may be nil.
	Pump func()
}

// Factory makes a transport for one subtest. What it starts ends in t.Cleanup.
type Factory func(t *testing.T, options Options) Transport

// Run runs the suite.
func Run(t *testing.T, factory Factory) {
	for _, c := range []struct {
		name    string
		options Options
		test    func(*testing.T, *network)
	}{
		{name: "a message reaches its subscriber unchanged", test: testDelivery},
		{name: "the publisher may reuse its bytes and each receiver owns its own", test: testOwnership},
		{name: "wildcards match as in NATS", test: testWildcards},
		{name: "one subscription sees one publisher's messages in order", test: testOrder},
		{name: "own messages come back", test: testEcho},
		{name: "every plain subscriber gets every message", test: testFanOut},
		{name: "one member of a queue group gets each message", test: testQueueGroup},
		{name: "queue groups and plain subscribers do not compete", test: testQueueGroupsApart},
		{name: "an unsubscribed handler is not called again", test: testUnsubscribe},
		{name: "handlers of one subscription run one after the other", test: testSerialHandlers},
		{name: "a handler may publish", test: testPublishInHandler},
		{name: "malformed names are refused", test: testBadNames},
		{name: "messages above the limit are refused", options: Options{MaxPayload: 1024}, test: testTooLarge},
		{name: "a probe is answered by a responder", test: testProbe},
		{name: "a probe knows when nobody listens", test: testProbeNobody},
		{name: "a probe that nobody answers ends with its context", test: testProbeSilence},
		{name: "a probe in flight ends when the link breaks", test: testProbeBroken},
		{name: "a probe in flight ends when the broker is closed", test: testProbeClosed},
		{name: "subscribers do not see probes", test: testProbeUnseen},
		{name: "the first event tells that the link is up", test: testFirstEvent},
		{name: "nothing is sent or kept while disconnected", test: testDisconnected},
		{name: "subscriptions survive a reconnect", test: testSurviveReconnect},
		{name: "a subscription made while disconnected takes effect", test: testSubscribeOffline},
		{name: "a link that is gone for good is reported", test: testTerminated},
		{name: "a closed broker refuses everything", test: testClosed},
		{name: "close waits for running handlers", test: testCloseWaits},
		{name: "flush returns and respects its context", test: testFlush},
		{name: "queues are bounded and losses counted", options: Options{QueueMessages: 10}, test: testDropped},
		{name: "everything may be used at the same time", test: testConcurrency},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
			c.test(t, &network{t: t, transport: factory(t, c.options)})
		})
	}
}

// network is what the tests talk to.
type network struct {
	t         *testing.T
	transport Transport
	pumps     []func()
}

func (n *network) connect() Endpoint {
	n.t.Helper()
	e := n.transport.Connect(n.t)
	n.t.Cleanup(func() { require.NoError(n.t, e.Broker.Close()) })
	if e.Pump != nil {
		n.pumps = append(n.pumps, e.Pump)
	}
	return e
}

// pump lets a manual transport work.
func (n *network) pump() {
	for _, p := range n.pumps {
		p()
	}
}

func (n *network) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	n.t.Cleanup(cancel)
	return ctx
}

func (n *network) publish(e Endpoint, subject, text string) {
	n.t.Helper()
	require.NoError(n.t, e.Broker.Publish(subject, []byte(text)))
}

func (n *network) flush(endpoints ...Endpoint) {
	n.t.Helper()
	for _, e := range endpoints {
		require.NoError(n.t, e.Broker.Flush(n.context()))
	}
}

// inbox collects what one subscription receives.
type inbox struct {
	net      *network
	messages chan broker.Message
	sub      broker.Subscription
}

// subscribe makes an inbox; when it returns the transport knows of it.
func (n *network) subscribe(e Endpoint, pattern, queue string) *inbox {
	n.t.Helper()
	in := &inbox{net: n, messages: make(chan broker.Message, 4096)}
	sub, err := e.Broker.Subscribe(pattern, queue, func(m broker.Message) { in.messages <- m })
	require.NoError(n.t, err)
	in.sub = sub
	n.flush(e)
	return in
}

func (in *inbox) next() broker.Message {
	in.net.t.Helper()
	in.net.pump()
	select {
	case m := <-in.messages:
		return m
	case <-time.After(patience):
		require.FailNow(in.net.t, "no message came")
		panic("unreachable")
	}
}

// requireNext demands that these payloads come next.
func (in *inbox) requireNext(texts ...string) {
	in.net.t.Helper()
	for _, text := range texts {
		require.Equal(in.net.t, text, string(in.next().Data))
	}
}

// await skips events until one of the kind comes.
func (n *network) await(e Endpoint, kind broker.EventKind) broker.Event {
	n.t.Helper()
	timeout := time.After(patience)
	for {
		n.pump()
		select {
		case event, open := <-e.Broker.Events():
			require.True(n.t, open, "the channel was closed before %v", kind)
			if event.Kind == kind {
				return event
			}
		case <-timeout:
			require.FailNow(n.t, "event did not come", "%v", kind)
		}
	}
}
