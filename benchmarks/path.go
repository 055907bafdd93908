package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

// The end-to-end questions: from a put on one replica to its being visible on
// others, over an embedded NATS server by TCP on the loopback interface.

func pathQuestions() []question {
	return []question{
		{name: "e2e/throughput-tcp-2sub", unit: "puts/s", baseline: "NATS KV, asynchronous, two watchers", goal: 15, atLeast: true, measure: throughput},
		{name: "e2e/throughput-vs-limit", unit: "puts/s", baseline: "minimal pipeline", goal: 0.6, atLeast: true, measure: overLimit},
		{name: "e2e/durable-both", unit: "puts/s", baseline: "minimal pipeline with fsync at both ends", goal: 0.4, atLeast: true, measure: durableBoth},
		{name: "e2e/vs-kv-fsync", unit: "puts/s", baseline: "NATS KV, every write synced", goal: 50, atLeast: true, measure: overSyncedKV},
		{name: "e2e/cpu", unit: "µs", baseline: "NATS KV, two watchers", goal: 0.08, measure: cpuPerPut},
		{name: "scale/replicas", unit: "µs", baseline: "the same with two replicas", goal: 1.5, measure: fleetCPU},
		{name: "e2e/latency-p50", unit: "µs", baseline: "core NATS one way", goal: 1.3, measure: latency(50)},
		{name: "e2e/latency-p99", unit: "µs", baseline: "core NATS one way", goal: 1.5, measure: latency(99)},
	}
}

// bench is a server with what was opened on it.
type bench struct {
	srv    *embedded.Server
	closes []func()
}

func newBench(ctx context.Context, withJetStream bool, tune ...func(*server.Options)) (*bench, error) {
	b := &bench{}
	cfg := embedded.Config{Listen: "127.0.0.1:0"}
	if withJetStream {
		dir, err := os.MkdirTemp("", "joinery-bench-")
		if err != nil {
			return nil, err
		}
		b.closes = append(b.closes, func() { _ = os.RemoveAll(dir) })
		cfg.Tune = func(o *server.Options) {
			o.JetStream, o.StoreDir = true, dir
			for _, f := range tune {
				if f != nil {
					f(o)
				}
			}
		}
	}
	var err error
	b.srv, err = embedded.Start(ctx, cfg)
	if err == nil {
		b.closes = append(b.closes, func() { _ = b.srv.Shutdown(context.Background()) })
	}
	return b, err
}

func (b *bench) close() {
	for _, c := range slices.Backward(b.closes) {
		c()
	}
}

func (b *bench) connect() (*nats.Conn, error) {
	nc, err := nats.Connect(b.srv.ClientURL())
	if err == nil {
		b.closes = append(b.closes, nc.Close)
	}
	return nc, err
}

func (b *bench) replica(ctx context.Context) (*joinery.Replica, error) {
	nc, err := b.connect()
	if err != nil {
		return nil, err
	}
	r, err := joinery.Open(ctx, joinery.Config{Space: "bench", Conn: nc})
	if err == nil {
		b.closes = append(b.closes, func() { _ = r.Close() })
	}
	return r, err
}

func throughput(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	if base, err = kvThroughput(context.Background(), keys[:20_000], values); err != nil {
		return 0, 0, fmt.Errorf("NATS KV: %w", err)
	}
	value, err = ourThroughput(keys, values)
	return value, base, err
}

func waitEqual(ctx context.Context, rs []*joinery.Replica) error {
	for {
		digest := rs[0].Status().Digest
		if !slices.ContainsFunc(rs, func(r *joinery.Replica) bool { return r.Status().Digest != digest }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func kvThroughput(ctx context.Context, keys, values []string) (float64, error) {
	return kvRun(ctx, keys, values, nil, jetstream.MemoryStorage)
}

// kvRun returns asynchronous puts a second into NATS KV, visible at two watchers.
func kvRun(ctx context.Context, keys, values []string, tune func(*server.Options), storage jetstream.StorageType) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	b, err := newBench(ctx, true, tune)
	if err != nil {
		return 0, err
	}
	defer b.close()
	writer, err := b.connect()
	if err != nil {
		return 0, err
	}
	js, err := jetstream.New(writer, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return 0, err
	}
	if _, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "bench", Storage: storage}); err != nil {
		return 0, err
	}
	seen := make(chan error, 2)
	for range 2 {
		if err := b.watchKV(ctx, len(keys), seen); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	for i, k := range keys {
		if _, err := js.PublishAsync("$KV.bench."+k, []byte(values[i]), jetstream.WithStallWait(time.Minute)); err != nil {
			return 0, err
		}
	}
	for range 2 {
		if err := <-seen; err != nil {
			return 0, err
		}
	}
	return float64(len(keys)) / time.Since(start).Seconds(), nil
}

// watchKV reports on seen when n updates have arrived.
func (b *bench) watchKV(ctx context.Context, n int, seen chan<- error) error {
	nc, err := b.connect()
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	kv, err := js.KeyValue(ctx, "bench")
	if err != nil {
		return err
	}
	watch, err := kv.WatchAll(ctx, jetstream.UpdatesOnly())
	if err != nil {
		return err
	}
	b.closes = append(b.closes, func() { _ = watch.Stop() })
	go func() {
		for got := 0; got < n; {
			select {
			case e := <-watch.Updates():
				if e != nil {
					got++
				}
			case <-ctx.Done():
				seen <- ctx.Err()
				return
			}
		}
		seen <- nil
	}()
	return nil
}

// latency measures single puts on an idle pair, from the call to the watcher
// of the other replica, against a message from publish to handler.
func latency(percentile int) func(workload) (float64, float64, error) {
	return func(workload) (value, base float64, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		b, err := newBench(ctx, false)
		if err != nil {
			return 0, 0, err
		}
		defer b.close()
		raw, err := b.rawLatency()
		if err != nil {
			return 0, 0, err
		}
		ours, err := b.putLatency(ctx)
		return at(ours, percentile), at(raw, percentile), err
	}
}

// A round of latency takes so many single messages, with so long a pause before
// each: longer than the flush age, and the same for both, as a processor that
// slept takes longer to wake up.
const (
	samples = 1000
	pause   = 3 * time.Millisecond
)

func at(sorted []float64, percentile int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	slices.Sort(sorted)
	return sorted[len(sorted)*percentile/100]
}

func (b *bench) rawLatency() (out []float64, err error) {
	from, err := b.connect()
	if err != nil {
		return nil, err
	}
	to, err := b.connect()
	if err != nil {
		return nil, err
	}
	arrived := make(chan time.Time, 1)
	if _, err := to.Subscribe("raw", func(*nats.Msg) { arrived <- time.Now() }); err != nil {
		return nil, err
	}
	if err := to.Flush(); err != nil {
		return nil, err
	}
	payload := make([]byte, 128)
	for range samples {
		start := time.Now()
		if err := from.Publish("raw", payload); err != nil {
			return nil, err
		}
		out = append(out, float64((<-arrived).Sub(start).Nanoseconds())/1e3)
		time.Sleep(pause)
	}
	return out, nil
}

func (b *bench) putLatency(ctx context.Context) (out []float64, err error) {
	from, err := b.replica(ctx)
	if err != nil {
		return nil, err
	}
	to, err := b.replica(ctx)
	if err != nil {
		return nil, err
	}
	watch, stop := context.WithCancel(ctx)
	arrived := make(chan time.Time, 1)
	done := make(chan struct{})
	events := to.Watch(watch, ">", joinery.UpdatesOnly())
	go func() {
		defer close(done)
		for range events {
			arrived <- time.Now()
		}
	}()
	defer func() { stop(); <-done }()
	doc := from.Doc("latency")
	for i := range samples {
		time.Sleep(pause)
		start := time.Now()
		if err := doc.Register("value").Set(ctx, i); err != nil {
			return nil, err
		}
		select {
		case t := <-arrived:
			out = append(out, float64(t.Sub(start).Nanoseconds())/1e3)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, nil
}
