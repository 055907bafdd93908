package linktest_test

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/joinery-crdt/joinery/broker/linktest"
)

// newEcho starts a server that sends back what it gets, behind a link.
func newEcho(t *testing.T) *linktest.Link {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer conn.Close()
				io.Copy(conn, conn)
			})
		}
	})
	link, err := linktest.New(listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, link.Close())
		listener.Close()
		tasks.Wait()
	})
	return link
}

func dial(t *testing.T, link *linktest.Link) net.Conn {
	conn, err := net.Dial("tcp", link.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, s string) {
	_, err := conn.Write([]byte(s))
	require.NoError(t, err)
}

func requireEcho(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	got := make([]byte, len(want))
	_, err := io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func requireSilence(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func requireBroken(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestWholeLinkForwardsBothWays(t *testing.T) {
	conn := dial(t, newEcho(t))
	send(t, conn, "hello")
	requireEcho(t, conn, "hello")
}

func TestCutBreaksConnectionsAndRefusesNewOnesUntilRestored(t *testing.T) {
	link := newEcho(t)
	conn := dial(t, link)
	send(t, conn, "x")
	requireEcho(t, conn, "x")
	link.Cut()
	requireBroken(t, conn)
	requireBroken(t, dial(t, link))

	link.Restore()
	again := dial(t, link)
	send(t, again, "back")
	requireEcho(t, again, "back")
}

func TestBlackholeLosesBytesSilentlyAndBreaksOnRestore(t *testing.T) {
	link := newEcho(t)
	conn := dial(t, link)
	send(t, conn, "x")
	requireEcho(t, conn, "x")
	link.Blackhole()
	send(t, conn, "lost")
	requireSilence(t, conn)

	link.Restore()
	requireBroken(t, conn)
	again := dial(t, link)
	send(t, again, "back")
	requireEcho(t, again, "back")
}

func TestConnectionThatLostNothingSurvivesABlackhole(t *testing.T) {
	link := newEcho(t)
	conn := dial(t, link)
	send(t, conn, "x")
	requireEcho(t, conn, "x")
	link.Blackhole()
	link.Restore()
	send(t, conn, "still here")
	requireEcho(t, conn, "still here")
}

func TestStallLosesNothing(t *testing.T) {
	link := newEcho(t)
	conn := dial(t, link)
	link.Stall()
	send(t, conn, "late")
	requireSilence(t, conn)
	link.Restore()
	requireEcho(t, conn, "late")
}

func TestDelayedBytesTakeTheirTimeBothWays(t *testing.T) {
	link := newEcho(t)
	link.Delay(20 * time.Millisecond)
	conn := dial(t, link)
	start := time.Now()
	send(t, conn, "slow")
	requireEcho(t, conn, "slow")
	require.GreaterOrEqual(t, time.Since(start), 40*time.Millisecond)
}

func TestCloseEndsAStalledLink(t *testing.T) {
	link := newEcho(t)
	conn := dial(t, link)
	link.Stall()
	send(t, conn, "x")
	require.NoError(t, link.Close())
	requireBroken(t, conn)
	require.Zero(t, link.Conns())
}

func TestTargetMustBeHostAndPort(t *testing.T) {
	_, err := linktest.New("no-port")
	require.ErrorContains(t, err, "host:port")
}
