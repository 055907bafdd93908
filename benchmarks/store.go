package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// The questions about durability: a replica in a directory, on the disk that
// holds the system's temporary files.

func storeQuestions() []question {
	return []question{
		{name: "store/commit-1", unit: "writes/s", baseline: "append and fsync", goal: 0.6, atLeast: true, measure: commits(1, 1500)},
		{name: "store/commit-64", unit: "writes/s", baseline: "append and shared fsync", goal: 0.5, atLeast: true, measure: commits(64, 60_000)},
		{name: "store/churn-disk", unit: "bytes", baseline: "a fresh load of what lives", goal: 1.5, heavy: true, measure: replaced(func(c cost) float64 { return c.disk })},
		{name: "store/churn-heap", unit: "bytes", baseline: "a fresh load of what lives", goal: 1.5, heavy: true, measure: replaced(func(c cost) float64 { return c.heap })},
	}
}

// durable is a replica with a store in a directory of its own.
type durable struct {
	*joinery.Replica
	store *pebble.Store
	dir   string
}

// openDurable opens a replica in a new directory, on a connection if one is given.
func openDurable(level joinery.Durability, nc *nats.Conn) (*durable, error) {
	dir, err := os.MkdirTemp("", "joinery-bench-")
	if err != nil {
		return nil, err
	}
	d := &durable{dir: dir}
	if d.store, err = pebble.Open(filepath.Join(dir, "data"), pebble.Options{}); err == nil {
		d.Replica, err = joinery.Open(context.Background(), joinery.Config{Space: "bench", Conn: nc, Store: d.store, Durability: level})
	}
	if err != nil {
		d.remove()
		return nil, err
	}
	return d, nil
}

func (d *durable) remove() {
	if d.Replica != nil {
		_ = d.Close()
	}
	if d.store != nil {
		_ = d.store.Close()
	}
	_ = os.RemoveAll(d.dir)
}

// commits measures writers that each wait for the disk, against the same number
// that append as many bytes to a file.
func commits(writers, n int) func(workload) (float64, float64, error) {
	return func(workload) (value, base float64, err error) {
		d, err := openDurable(joinery.EveryCommit, nil)
		if err != nil {
			return 0, 0, err
		}
		defer d.remove()
		regs := make([]joinery.Register, n)
		for i := range regs {
			regs[i] = d.Doc("doc").Register(fmt.Sprintf("item/%08d", i))
		}
		payload := make([]byte, 32)
		took, err := spread(writers, n, func(i int) error { return regs[i].Set(context.Background(), payload) })
		if err != nil {
			return 0, 0, err
		}
		f, err := newAppender(filepath.Join(d.dir, "raw"))
		if err != nil {
			return 0, 0, err
		}
		raw, err := spread(writers, n, func(int) error { return f.append(recordBytes) })
		return float64(n) / took.Seconds(), float64(n) / raw.Seconds(), err
	}
}

// recordBytes is about what the record of one such write takes.
const recordBytes = 110

// spread runs fn for 0 to n-1 on some goroutines.
func spread(writers, n int, fn func(int) error) (time.Duration, error) {
	var group sync.WaitGroup
	errs := make(chan error, writers)
	start := time.Now()
	for w := range writers {
		group.Go(func() {
			for i := w; i < n; i += writers {
				if err := fn(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	took := time.Since(start)
	close(errs)
	return took, <-errs
}

// appender is a file whose appends wait for the disk together.
type appender struct {
	mu      sync.Mutex
	cond    *sync.Cond
	file    *os.File
	buf     []byte
	round   int // being filled
	done    int
	syncing bool
	err     error
}

func newAppender(path string) (*appender, error) {
	f, err := os.Create(path)
	a := &appender{file: f, round: 1}
	a.cond = sync.NewCond(&a.mu)
	return a, err
}

// append returns when n more bytes are on the disk. Whoever finds nobody at it
// writes what all have brought.
func (a *appender) append(n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buf = append(a.buf, make([]byte, n)...)
	mine := a.round
	for a.done < mine && a.err == nil {
		if a.syncing {
			a.cond.Wait()
			continue
		}
		a.syncing = true
		buf, round := a.buf, a.round
		a.buf = nil
		a.round++
		a.mu.Unlock()
		_, err := a.file.Write(buf)
		if err == nil {
			err = a.file.Sync()
		}
		a.mu.Lock()
		a.syncing, a.done, a.err = false, round, err
		a.cond.Broadcast()
	}
	return a.err
}

// cost is what a replica takes.
type cost struct{ disk, heap float64 }

const (
	churnKeys = 100_000
	churnOps  = 20_000_000
)

// replaced compares what a replica takes after endless puts and deletes with one
// that was given what lives now. Both costs come from the same two runs.
func replaced(of func(cost) float64) func(workload) (float64, float64, error) {
	return func(workload) (value, base float64, err error) {
		churnOnce.Do(func() { churnCosts[0], churnCosts[1], churnErr = runChurn() })
		return of(churnCosts[0]), of(churnCosts[1]), churnErr
	}
}

var (
	churnOnce  sync.Once
	churnCosts [2]cost
	churnErr   error
)

func runChurn() (after, fresh cost, err error) {
	if after, err = measureReplica(func(d *durable) error { return d.churn(churnOps) }); err != nil {
		return after, fresh, err
	}
	fresh, err = measureReplica(func(d *durable) error { return d.churn(0) })
	return after, fresh, err
}

// churn fills the document and then replaces random entries: each step deletes
// one and puts one, in atomic batches.
func (d *durable) churn(ops int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	ctx, doc := context.Background(), d.Doc("doc")
	value := make([]byte, 32)
	put := func(tx *joinery.Tx, i int) error {
		for j := range value {
			value[j] = byte(rng.Uint32())
		}
		return tx.Register(fmt.Sprintf("item/%08d", i)).Set(ctx, value)
	}
	const batch = 500
	for i := 0; i < churnKeys; i += batch {
		if err := doc.Update(ctx, func(tx *joinery.Tx) error {
			for k := range batch {
				if err := put(tx, i+k); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for done := 0; done < ops; done += 2 * batch {
		if err := doc.Update(ctx, func(tx *joinery.Tx) error {
			for range batch {
				i := rng.IntN(churnKeys)
				if err := tx.Register(fmt.Sprintf("item/%08d", i)).Remove(ctx); err != nil {
					return err
				}
				if err := put(tx, i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// measureReplica returns what a replica takes after fill, once the background
// has caught up: the disk as the file system counts it, without a compaction
// that nobody would call.
func measureReplica(fill func(*durable) error) (c cost, err error) {
	before := settledHeap()
	d, err := openDurable(joinery.Interval, nil)
	if err != nil {
		return c, err
	}
	defer d.remove()
	if err := fill(d); err != nil {
		return c, err
	}
	time.Sleep(3 * time.Second) // for what the engine does in the background
	c.heap = settledHeap() - before
	c.disk = float64(usage(d.dir))
	return c, nil
}

// settledHeap returns the live heap in bytes. Pools give up what they hold at the
// second collection only.
func settledHeap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func usage(dir string) (n int64) {
	_ = filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if err == nil && i.Mode().IsRegular() {
			n += i.Size()
		}
		return nil
	})
	return n
}
