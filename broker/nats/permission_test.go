package nats_test

import (
	"context"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/nats"
)

// guarded is a server with users who may not do everything.
func guarded(t *testing.T) *embedded.Server {
	return serve(t, embedded.Config{Users: []embedded.User{
		{Name: "member", Publish: []string{"shop.>"}, Subscribe: []string{"shop.>"}},
		{Name: "reader", Publish: []string{}, Subscribe: []string{"shop.>"}},
		{Name: "writer", Publish: []string{"shop.>"}, Subscribe: []string{}},
	}})
}

// quiet keeps refusals off the standard error stream.
func quiet(o *natsgo.Options) error {
	o.AsyncErrorCB = func(*natsgo.Conn, *natsgo.Subscription, error) {}
	return nil
}

func login(t *testing.T, s *embedded.Server, user string, options ...natsgo.Option) *nats.Broker {
	nc, err := s.Connect(append(options, natsgo.UserInfo(user, ""), quiet)...)
	return newBroker(t, nc, err, nats.Config{})
}

func TestSelfTestPassesWithPermissions(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	require.NoError(t, newBroker(t, nc, err, nats.Config{}).SelfTest(within(t), "anything"))
	member := login(t, guarded(t), "member")
	require.NoError(t, member.SelfTest(within(t), "shop.self"))
	require.NoError(t, member.SelfTest(within(t), "shop.self"), "again")
}

func TestSelfTestNamesWhatIsMissing(t *testing.T) {
	s := guarded(t)
	for user, says := range map[string]string{
		"reader": `Publish to "shop.self"`,
		"writer": `Subscription to "shop.self"`,
	} {
		err := login(t, s, user).SelfTest(within(t), "shop.self")
		require.ErrorIs(t, err, broker.ErrDenied, user)
		require.ErrorIs(t, err, natsgo.ErrPermissionViolation, user)
		require.ErrorContains(t, err, says, user)
	}
}

func TestSelfTestIsNotMisledByAnOldRefusal(t *testing.T) {
	member := login(t, guarded(t), "member")
	require.NoError(t, member.Publish("bank", nil))
	require.Equal(t, "bank", await(t, member, broker.Denied).Subject)
	require.NoError(t, member.SelfTest(within(t), "shop.self"))
	require.ErrorIs(t, member.SelfTest(within(t), "bank"), broker.ErrDenied)
}

func TestSelfTestOnANoEchoConnectionTrustsTheServer(t *testing.T) {
	s := guarded(t)
	require.NoError(t, login(t, s, "member", natsgo.NoEcho()).SelfTest(within(t), "shop.self"))
	require.ErrorIs(t, login(t, s, "reader", natsgo.NoEcho()).SelfTest(within(t), "shop.self"), broker.ErrDenied)
}

func TestSelfTestReportsAMessageThatDoesNotComeBack(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	b := newBroker(t, nc, err, nats.Config{QueueBytes: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err = b.SelfTest(ctx, "s")
	require.ErrorIs(t, err, broker.ErrDenied)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestSelfTestLeavesNoSubscription(t *testing.T) {
	nc, err := serve(t, embedded.Config{}).Connect()
	b := newBroker(t, nc, err, nats.Config{})
	require.NoError(t, b.SelfTest(within(t), "s"))
	require.Zero(t, nc.NumSubscriptions())
}

func TestLaterRefusalsBecomeEvents(t *testing.T) {
	s := guarded(t)
	writer := login(t, s, "writer")
	require.NoError(t, writer.Publish("bank", nil), "nats.go knows nothing")
	e := await(t, writer, broker.Denied)
	require.Equal(t, "bank", e.Subject)
	require.ErrorIs(t, e.Err, natsgo.ErrPermissionViolation)

	_, err := writer.Subscribe("shop.*", "", func(broker.Message) {})
	require.NoError(t, err, "nor here")
	require.Equal(t, "shop.*", await(t, writer, broker.Denied).Subject)
}

func TestRefusalsBeforeTheBrokerAreNotItsBusiness(t *testing.T) {
	nc, err := guarded(t).Connect(natsgo.UserInfo("reader", ""), quiet)
	require.NoError(t, err)
	require.NoError(t, nc.Publish("old", nil))
	require.NoError(t, nc.Flush())
	require.ErrorIs(t, nc.LastError(), natsgo.ErrPermissionViolation)
	b := newBroker(t, nc, nil, nats.Config{})
	require.NoError(t, b.Flush(within(t)))
	require.Equal(t, broker.Connected, (<-b.Events()).Kind)
	require.Empty(t, b.Events())
	require.NoError(t, b.Publish("new", nil))
	require.Equal(t, "new", await(t, b, broker.Denied).Subject)
}
