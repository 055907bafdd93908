package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon is a joinery serve that runs in this process.
type daemon struct {
	*testing.T
	ready
	end func() // stops it, and returns when it has ended
}

// serve runs joinery serve until the test ends.
func serve(t *testing.T, args ...string) *daemon {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	in, out := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve", "--json"}, args...), strings.NewReader(""), out, &errs)
		out.Close()
	}()
	line, err := bufio.NewReader(in).ReadBytes('\n')
	d := &daemon{T: t, end: sync.OnceFunc(func() {
		stop()
		require.Equal(t, exitDone, <-code, "serve: %s", &errs)
	})}
	t.Cleanup(d.end)
	if err != nil {
		stop()
		require.NoError(t, err, "serve is not ready: %s", &errs)
	}
	require.NoError(t, json.Unmarshal(line, &d.ready))
	return d
}

// result is what a command did.
type result struct {
	code      int
	out, errs string
}

// call runs one command at this replica.
func (d *daemon) call(stdin string, args ...string) result {
	d.Helper()
	return command(d.T, stdin, append(args, "--nats", d.URL, "--space", d.Space, "--replica", d.Replica)...)
}

// do is call for a command that must succeed; it returns the output.
func (d *daemon) do(args ...string) string {
	d.Helper()
	r := d.call("", args...)
	require.Equal(d, exitDone, r.code, "%v: %s", args, r.errs)
	return r.out
}

func command(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
	defer stop()
	var out, errs bytes.Buffer
	code := run(ctx, args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// digest returns the state hash of this replica.
func (d *daemon) digest() string {
	var s struct{ Digest string }
	require.NoError(d, json.Unmarshal([]byte(d.do("status", "--json")), &s))
	return s.Digest
}

// agree waits until replicas hold the same, and returns how long it took. It reads
// each one once a round: a digest read anew for each comparison may have changed meanwhile.
func agree(t *testing.T, some ...*daemon) time.Duration {
	t.Helper()
	start := time.Now()
	require.Eventually(t, func() bool {
		want := some[0].digest()
		for _, d := range some[1:] {
			if d.digest() != want {
				return false
			}
		}
		return true
	}, 20*time.Second, 5*time.Millisecond)
	return time.Since(start)
}
