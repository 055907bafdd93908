package joinery_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/memory"
)

// cycles is how often each cycle is run; JOINERY_CYCLES asks for more.
func cycles(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("JOINERY_CYCLES"))
	if err != nil {
		return 300
	}
	t.Logf("%d cycles", n)
	return n
}

// maxGrowth bounds by how many bytes the heap may be larger after many cycles
// than after the first tenth of them, in which all buffers and logs fill.
const maxGrowth = 2 << 20

// heap returns the bytes in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what the first has finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// shortLog keeps what is within its bound for long from passing for growth.
func shortLog(c *joinery.Config) { c.LogBytes = 16 << 10 }

// staysFlat runs a cycle many times: goroutines and memory must not grow.
func staysFlat(t *testing.T, cycle func(i int)) {
	t.Helper()
	n := cycles(t)
	for i := range n / 10 {
		cycle(i)
	}
	goroutines, before := runtime.NumGoroutine(), heap()
	for i := n / 10; i < n; i++ {
		cycle(i)
	}
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	grown := heap() - before
	t.Logf("%d goroutines before and %d after, heap %+d bytes", goroutines, runtime.NumGoroutine(), grown)
	require.Less(t, grown, maxGrowth)
}

// atOnce waits without the pauses of eventually.
func atOnce(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !cond(); runtime.Gosched() {
		require.True(t, time.Now().Before(end))
	}
}

func TestOpeningAndClosingStaysFlat(t *testing.T) {
	nc := dial(t, serve(t, embedded.Config{}))
	staysFlat(t, func(int) {
		r, err := joinery.Open(background, joinery.Config{Space: "cycle", Conn: nc})
		require.NoError(t, err)
		require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
		require.NoError(t, r.Close())
	})
	require.Zero(t, nc.NumSubscriptions())
}

func TestRebindingStaysFlat(t *testing.T) {
	srv := serve(t, embedded.Config{})
	conns := []*nats.Conn{dial(t, srv), dial(t, srv)}
	r := open(t, joinery.Config{Conn: conns[1]})
	staysFlat(t, func(i int) {
		require.NoError(t, r.Rebind(background, conns[i%2]))
		eventually(t, func() bool { return conns[(i+1)%2].NumSubscriptions() == 0 })
	})
}

func TestLinksThatComeAndGoStayFlat(t *testing.T) {
	net, rs := onMemory(t, 2, memory.Config{}, shortLog)
	staysFlat(t, func(i int) {
		net.Disconnect("0")
		atOnce(t, func() bool { return !rs[0].Status().Online })
		require.NoError(t, rs[i%2].Doc("d").Register("v").Set(background, i))
		net.Reconnect("0")
		atOnce(t, func() bool { return rs[0].Status().Online })
	})
	settle(t, rs...)
}

func TestWatchingStaysFlat(t *testing.T) {
	r := alone(t, shortLog)
	require.NoError(t, r.Doc("d").Register("v").Set(background, 1))
	staysFlat(t, func(i int) {
		for range r.Watch(background, ">", joinery.OldValues()) {
			break
		}
		ctx, cancel := context.WithCancel(background)
		_ = r.Watch(ctx, "d", joinery.UpdatesOnly(), joinery.OldValues()) // whose loop never begins
		require.NoError(t, r.Doc("d").Register("v").Set(background, i))
		cancel()
	})
}
