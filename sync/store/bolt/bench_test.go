package bolt_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/joinery-crdt/joinery/sync/store"
)

// BenchmarkApply asks what a durable write of 128 bytes costs a writer that is
// alone, and what 64 writers gain by sharing transactions.
func BenchmarkApply(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, b.TempDir())
			b.ReportAllocs()
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					var batch store.Batch
					value := make([]byte, 128)
					for left.Add(-1) >= 0 {
						batch.Reset()
						batch.Put(fmt.Appendf(nil, "doc/%016x", rand.Uint64()), value)
						if err := s.Apply(&batch, true); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}
