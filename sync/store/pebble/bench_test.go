package pebble_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

const valueBytes = 128

func benchmarkBatch(b *store.Batch, rng *rand.Rand, value []byte) {
	b.Reset()
	b.Put(fmt.Appendf(nil, "doc/%016x", rng.Uint64()), value)
}

// BenchmarkApply asks what a durable write costs beside the least that it can:
// appending the same bytes to a file and syncing it. For one writer that is a
// sync for each write, for 64 writers one for each 64 writes. x-raw is the rate as a
// part of that one's, measured in turns within the same run. Perfect groups are
// out of reach, since those who were just served have yet to come back when the next
// sync begins; x-shared compares with a log of the same writers that shares
// syncs and does nothing else.
func BenchmarkApply(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, err := pebble.Open(filepath.Join(b.TempDir(), "data"), pebble.Options{})
			require.NoError(b, err)
			defer s.Close()
			log := newRawLog(b)
			defer log.file.Close()
			var engine, raw, shared time.Duration
			b.ResetTimer()
			turn := 256 * writers // writes before the next has its turn
			for done := 0; done < b.N; done += turn {
				n := min(turn, b.N-done)
				engine += timed(b, writers, n, func(batch *store.Batch) error { return s.Apply(batch, true) })
				b.StopTimer()
				shared += timed(b, writers, n, log.apply)
				raw += log.timedRaw(b, writers, n)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N)/engine.Seconds(), "puts/s")
			b.ReportMetric(raw.Seconds()/engine.Seconds(), "x-raw")
			b.ReportMetric(shared.Seconds()/engine.Seconds(), "x-shared")
		})
	}
	b.Run("unsynced", func(b *testing.B) {
		s, err := pebble.Open(filepath.Join(b.TempDir(), "data"), pebble.Options{})
		require.NoError(b, err)
		defer s.Close()
		b.ReportAllocs()
		b.ResetTimer()
		timed(b, 1, b.N, func(batch *store.Batch) error { return s.Apply(batch, false) })
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	})
}

// timed has writers make n writes in all.
func timed(b *testing.B, writers, n int, apply func(*store.Batch) error) time.Duration {
	var left atomic.Int64
	left.Store(int64(n))
	start := time.Now()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			var batch store.Batch
			rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
			value := make([]byte, valueBytes)
			for left.Add(-1) >= 0 {
				benchmarkBatch(&batch, rng, value)
				if err := apply(&batch); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// rawLog is the least that group commit can be: whoever comes while a sync runs
// waits for the next, which is for all that wait.
type rawLog struct {
	file *os.File

	mu      sync.Mutex
	waiting *group
	syncing sync.Mutex
}

// timedRaw appends the bytes of n writes and syncs after each group of them.
func (r *rawLog) timedRaw(b *testing.B, size, n int) time.Duration {
	var batch store.Batch
	benchmarkBatch(&batch, rand.New(rand.NewPCG(1, 1)), make([]byte, valueBytes))
	data := make([]byte, size*batch.Bytes())
	start := time.Now()
	for ; n > 0; n -= size {
		_, err := r.file.Write(data)
		require.NoError(b, err)
		require.NoError(b, r.file.Sync())
	}
	return time.Since(start)
}

// group is appends that share a sync.
type group struct {
	data []byte
	done bool
	err  error
}

func newRawLog(b *testing.B) *rawLog {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	require.NoError(b, err)
	return &rawLog{file: f, waiting: new(group)}
}

func (r *rawLog) apply(b *store.Batch) error {
	r.mu.Lock()
	mine := r.waiting
	for c := range b.Changes() {
		mine.data = append(append(mine.data, c.Key...), c.Value...)
	}
	r.mu.Unlock()
	r.syncing.Lock()
	defer r.syncing.Unlock()
	if mine.done {
		return mine.err
	}
	r.mu.Lock()
	r.waiting = new(group)
	r.mu.Unlock()
	if _, mine.err = r.file.Write(mine.data); mine.err == nil {
		mine.err = r.file.Sync()
	}
	mine.done = true
	return mine.err
}
