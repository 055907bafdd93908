package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Redis with one replica, where its server is installed: pipelined SETs until
// the replica has acknowledged them all.

func redisQuestions() []question {
	return []question{
		{name: "peer/redis-throughput", unit: "puts/s", baseline: "Redis, pipelined, one replica", measure: overRedis},
	}
}

func overRedis(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	if base, err = redisThroughput(keys, values); err != nil {
		return 0, 0, err
	}
	value, err = ourThroughput(keys, values)
	return value, base, err
}

func redisThroughput(keys, values []string) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "joinery-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	primary, err := startRedis(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer primary.stop()
	replica, err := startRedis(ctx, dir, "--replicaof", "127.0.0.1", primary.port)
	if err != nil {
		return 0, err
	}
	defer replica.stop()
	if err := primary.await(ctx); err != nil {
		return 0, err
	}
	start := time.Now()
	for i, k := range keys {
		primary.send("SET", k, values[i])
	}
	primary.send("WAIT", "1", "60000")
	for range keys {
		if _, err := primary.answer(); err != nil {
			return 0, err
		}
	}
	if got, err := primary.answer(); err != nil || got != ":1" {
		return 0, fmt.Errorf("redis: the replica answered %q: %w", got, err)
	}
	return float64(len(keys)) / time.Since(start).Seconds(), nil
}

// redis is a server of its own with a connection to it.
type redis struct {
	port string
	cmd  *exec.Cmd
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
}

func startRedis(ctx context.Context, dir string, args ...string) (*redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("%w: redis-server is not installed", errSkipped)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &redis{port: port}
	r.cmd = exec.CommandContext(ctx, path, append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir,
		"--dbfilename", "dump" + port, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}, args...)...)
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	for r.conn == nil {
		if r.conn, err = net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			break
		}
		if ctx.Err() != nil {
			r.stop()
			return nil, ctx.Err()
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.in, r.out = bufio.NewReader(r.conn), bufio.NewWriterSize(r.conn, 64<<10)
	return r, nil
}

// freePort returns a port that nobody listens on at the moment: Redis takes none
// of the system's choosing.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func (r *redis) stop() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *redis) send(words ...string) {
	_, _ = fmt.Fprintf(r.out, "*%d\r\n", len(words))
	for _, w := range words {
		_, _ = fmt.Fprintf(r.out, "$%d\r\n%s\r\n", len(w), w)
	}
}

// answer sends what is buffered and returns the next line.
func (r *redis) answer() (string, error) {
	if err := r.out.Flush(); err != nil {
		return "", err
	}
	line, err := r.in.ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if err == nil && strings.HasPrefix(line, "-") {
		err = fmt.Errorf("redis: %s", line)
	}
	return line, err
}

// await returns when a replica follows.
func (r *redis) await(ctx context.Context) error {
	for {
		r.send("SET", "hello", "x")
		r.send("WAIT", "1", "100")
		if _, err := r.answer(); err != nil {
			return err
		}
		got, err := r.answer()
		if err != nil || got == ":1" {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
