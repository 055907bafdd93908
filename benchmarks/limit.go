package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// The limit: what the least that could be called replication costs on this
// machine. It encodes puts into messages of 32 KB, publishes them, and two
// subscribers put what they decode into plain maps; with a directory, sender and
// receivers also append each message to a file and sync it first.

const pipelineMessage = 32 << 10

type pipeline struct {
	b    *bench
	dir  string // "" keeps nothing on the disk
	n    int
	done chan error // one for each subscriber
}

// run returns puts a second, visible at both subscribers.
func (p *pipeline) run(keys, values []string) (float64, error) {
	p.n, p.done = len(keys), make(chan error, 2)
	for i := range 2 {
		if err := p.subscribe(i); err != nil {
			return 0, err
		}
	}
	nc, err := p.b.connect()
	if err != nil {
		return 0, err
	}
	keep, err := p.file("sender")
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := publishAll(nc, keep, keys, values); err != nil {
		return 0, err
	}
	for range 2 {
		select {
		case err := <-p.done:
			if err != nil {
				return 0, err
			}
		case <-time.After(time.Minute):
			return 0, fmt.Errorf("the minimal pipeline lost messages")
		}
	}
	return float64(p.n) / time.Since(start).Seconds(), nil
}

func publishAll(nc *nats.Conn, keep func([]byte) error, keys, values []string) error {
	buf := make([]byte, 0, pipelineMessage+256)
	for i, k := range keys {
		buf = wire.AppendBytes(wire.AppendBytes(buf, k), values[i])
		if len(buf) < pipelineMessage && i < len(keys)-1 {
			continue
		}
		if err := keep(buf); err != nil {
			return err
		}
		if err := nc.Publish("pipeline", buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	return nc.Flush()
}

// subscribe starts a receiver that reports on done when it has all.
func (p *pipeline) subscribe(i int) error {
	nc, err := p.b.connect()
	if err != nil {
		return err
	}
	keep, err := p.file(fmt.Sprint("receiver", i))
	if err != nil {
		return err
	}
	m := make(map[string]string)
	sub, err := nc.Subscribe("pipeline", func(msg *nats.Msg) {
		err := keep(msg.Data)
		if err == nil {
			err = putAll(m, msg.Data)
		}
		if err != nil || len(m) == p.n {
			p.done <- err
		}
	})
	if err != nil {
		return err
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	return nc.Flush()
}

func putAll(m map[string]string, data []byte) error {
	r := wire.NewReader(data)
	for r.Len() > 0 {
		k, v := r.Bytes(), r.Bytes()
		m[string(k)] = string(v)
	}
	return r.Err()
}

// file returns what makes a message durable.
func (p *pipeline) file(name string) (func([]byte) error, error) {
	if p.dir == "" {
		return func([]byte) error { return nil }, nil
	}
	f, err := os.Create(filepath.Join(p.dir, name))
	if err != nil {
		return nil, err
	}
	p.b.closes = append(p.b.closes, func() { _ = f.Close() })
	return func(b []byte) error {
		if _, err := f.Write(b); err != nil {
			return err
		}
		return f.Sync()
	}, nil
}

// overLimit compares the engine's throughput with the minimal pipeline's.
func overLimit(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	b, err := newBench(context.Background(), false)
	if err != nil {
		return 0, 0, err
	}
	defer b.close()
	if base, err = (&pipeline{b: b}).run(keys, values); err != nil {
		return 0, 0, err
	}
	value, err = ourThroughput(keys, values)
	return value, base, err
}

// ourThroughput returns single puts a second, visible on two other replicas.
func ourThroughput(keys, values []string) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := newBench(ctx, false)
	if err != nil {
		return 0, err
	}
	defer b.close()
	var rs [3]*joinery.Replica
	for i := range rs {
		if rs[i], err = b.replica(ctx); err != nil {
			return 0, err
		}
	}
	doc := rs[0].Doc("items")
	start := time.Now()
	for i, k := range keys {
		if err := doc.Register(k).Set(ctx, values[i]); err != nil {
			return 0, err
		}
	}
	if err := waitEqual(ctx, rs[:]); err != nil {
		return 0, err
	}
	return float64(len(keys)) / time.Since(start).Seconds(), nil
}

// durableBatch is how many puts a durable write has: about as many bytes as a
// message of the minimal pipeline.
const durableBatch = 500

// durableThroughput returns puts a second that are on the disk of the sender and
// visible on, and on the disk of, another replica. The writers wait for the disk.
func durableThroughput(keys, values []string) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := newBench(ctx, false)
	if err != nil {
		return 0, err
	}
	defer b.close()
	var rs [2]*joinery.Replica
	for i := range rs {
		if rs[i], err = b.durable(ctx); err != nil {
			return 0, err
		}
	}
	doc := rs[0].Doc("items")
	start := time.Now()
	const writers = 8
	if _, err := spread(writers, len(keys)/durableBatch, func(i int) error {
		return doc.Update(ctx, func(tx *joinery.Tx) error {
			for j := i * durableBatch; j < (i+1)*durableBatch; j++ {
				if err := tx.Register(keys[j]).Set(ctx, values[j]); err != nil {
					return err
				}
			}
			return nil
		})
	}); err != nil {
		return 0, err
	}
	if err := waitEqual(ctx, rs[:]); err != nil {
		return 0, err
	}
	return float64(len(keys)) / time.Since(start).Seconds(), nil
}

// durable opens a replica with a store, every commit synced, on the bench's server.
func (b *bench) durable(ctx context.Context) (*joinery.Replica, error) {
	nc, err := b.connect()
	if err != nil {
		return nil, err
	}
	d, err := openDurable(joinery.EveryCommit, nc)
	if err == nil {
		b.closes = append(b.closes, d.remove)
		return d.Replica, nil
	}
	return nil, err
}

func durableBoth(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	dir, err := os.MkdirTemp("", "joinery-bench-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := newBench(context.Background(), false)
	if err != nil {
		return 0, 0, err
	}
	defer b.close()
	if base, err = (&pipeline{b: b, dir: dir}).run(keys, values); err != nil {
		return 0, 0, err
	}
	value, err = durableThroughput(keys, values)
	return value, base, err
}

// overSyncedKV compares with NATS KV on files with every write synced.
func overSyncedKV(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	if base, err = kvRun(context.Background(), keys[:2000], values, func(o *server.Options) { o.SyncAlways = true }, jetstream.FileStorage); err != nil {
		return 0, 0, fmt.Errorf("NATS KV: %w", err)
	}
	value, err = durableThroughput(keys, values)
	return value, base, err
}

// cpuPerPut compares the processor time of a put that reaches two replicas with
// that of one in NATS KV that reaches two watchers, servers included.
func cpuPerPut(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	const few = 20_000
	base, err = cpuOf(few, func() error {
		_, err := kvThroughput(context.Background(), keys[:few], values)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	value, err = cpuOf(w.keys, func() error {
		_, err := ourThroughput(keys, values)
		return err
	})
	return value, base, err
}

// cpuOf returns the microseconds of processor time that each of n operations took.
func cpuOf(n int, fn func() error) (float64, error) {
	before, err := cpuTime()
	if err != nil {
		return 0, err
	}
	if err := fn(); err != nil {
		return 0, err
	}
	after, err := cpuTime()
	return float64((after - before).Microseconds()) / float64(n), err
}

// fleetCPU compares the processor time of a delivered update with 64 replicas in
// the process with that of two.
func fleetCPU(workload) (value, base float64, err error) {
	if base, err = deliveryCPU(2); err != nil {
		return 0, 0, err
	}
	value, err = deliveryCPU(64)
	return value, base, err
}

// deliveryCPU has one replica write and n-1 others receive.
func deliveryCPU(n int) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := newBench(ctx, false)
	if err != nil {
		return 0, err
	}
	defer b.close()
	rs := make([]*joinery.Replica, n)
	for i := range rs {
		if rs[i], err = b.replica(ctx); err != nil {
			return 0, err
		}
	}
	keys, values := entries(20_000)
	doc := rs[0].Doc("items")
	return cpuOf(len(keys)*(n-1), func() error {
		for i, k := range keys {
			if err := doc.Register(strings.Clone(k)).Set(ctx, values[i]); err != nil {
				return err
			}
		}
		return waitEqual(ctx, rs)
	})
}
