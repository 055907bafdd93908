package orset_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/orset"
)

// The benchmarks ask: what does replication cost beside a plain Go map that
// copies key and value, as a cache or store would? Each reports the ratio, taken
// in the same run.

const benchKeys = 100_000

var (
	alice = causal.Actor{ID: causal.ID{1}, Incarnation: 7}
	bob   = causal.Actor{ID: causal.ID{2}, Incarnation: 7}
)

func keys(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("key-%08d", i*7919%n)
	}
	return out
}

// plainPut returns the time that a plain map takes for n puts of fresh keys.
func plainPut(all []string, n int, value string) time.Duration {
	var took time.Duration
	for done := 0; done < n; {
		m := map[string]string{}
		batch := all[:min(len(all), n-done)]
		start := time.Now()
		for _, k := range batch {
			m[strings.Clone(k)] = strings.Clone(value)
		}
		took += time.Since(start)
		done += len(batch)
	}
	return took
}

const benchValue = "a value of 24 bytes long"

// report adds the ratio of the time per operation to the plain map's.
func report(b *testing.B, all []string) {
	b.Helper()
	b.StopTimer()
	n := max(b.N, len(all))
	plain := float64(plainPut(all, n, benchValue)) / float64(n)
	b.ReportMetric(plain, "ns/plain-put")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/plain, "x-plain")
}

// Puts of fresh keys into 100k, with deltas of 1,000 puts.
func BenchmarkMapPutInBatches(b *testing.B) {
	all := keys(benchKeys)
	var dst []byte
	b.ReportAllocs()
	m := orset.NewMap[string, string](alice)
	for i := 0; b.Loop(); i++ {
		if i%benchKeys == 0 {
			m = orset.NewMap[string, string](alice)
		}
		if err := m.Writer().Put(all[i%benchKeys], benchValue); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 999 {
			dst = m.Flush(dst[:0])
		}
	}
	report(b, all)
}

// Puts over existing keys.
func BenchmarkMapOverwriteInBatches(b *testing.B) {
	all := keys(benchKeys)
	m := orset.NewMap[string, string](alice)
	for _, k := range all {
		m.Writer().Put(k, benchValue)
	}
	dst := m.Flush(nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := m.Writer().Put(all[i%benchKeys], benchValue); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 999 {
			dst = m.Flush(dst[:0])
		}
	}
	report(b, all)
}

// Each put with a delta of its own.
func BenchmarkMapAppendPut(b *testing.B) {
	all := keys(benchKeys)
	var dst []byte
	b.ReportAllocs()
	m := orset.NewMap[string, string](alice)
	for i := 0; b.Loop(); i++ {
		if i%benchKeys == 0 {
			m = orset.NewMap[string, string](alice)
		}
		var err error
		if dst, err = m.AppendPut(dst[:0], all[i%benchKeys], benchValue); err != nil {
			b.Fatal(err)
		}
	}
	report(b, all)
}

// batches returns deltas of size puts each, by Alice.
func batches(b *testing.B, all []string, size int) []delta.Delta {
	b.Helper()
	m := orset.NewMap[string, string](alice)
	var out []delta.Delta
	for i, k := range all {
		if err := m.Writer().Put(k, benchValue); err != nil {
			b.Fatal(err)
		}
		if (i+1)%size == 0 {
			out = append(out, m.Flush(nil))
		}
	}
	return out
}

// Merging what another replica put. The time is for each put.
func BenchmarkMapMerge(b *testing.B) {
	all := keys(benchKeys)
	for _, size := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("puts=%d", size), func(b *testing.B) {
			deltas := batches(b, all, size)
			b.ReportAllocs()
			m := orset.NewMap[string, string](bob)
			for i := 0; b.Loop(); i++ {
				if i%benchKeys == 0 {
					m = orset.NewMap[string, string](bob)
				}
				if i%size == 0 {
					if err := m.Merge(deltas[i%benchKeys/size]); err != nil {
						b.Fatal(err)
					}
				}
			}
			report(b, all)
		})
	}
}

// Adding fresh elements to a set, with deltas of 1,000.
func BenchmarkSetAddInBatches(b *testing.B) {
	all := keys(benchKeys)
	var dst []byte
	b.ReportAllocs()
	s := orset.New[string](alice)
	for i := 0; b.Loop(); i++ {
		if i%benchKeys == 0 {
			s = orset.New[string](alice)
		}
		if err := s.Writer().Add(all[i%benchKeys]); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 999 {
			dst = s.Flush(dst[:0])
		}
	}
	report(b, all)
}

func BenchmarkMapGet(b *testing.B) {
	all := keys(benchKeys)
	m := orset.NewMap[string, string](alice)
	plain := map[string]string{}
	for _, k := range all {
		m.Writer().Put(k, benchValue)
		plain[k] = benchValue
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := m.Get(all[i%benchKeys]); !ok {
			b.Fatal("missing")
		}
	}
	b.StopTimer()
	start, n := time.Now(), 0
	for i := range b.N {
		n += len(plain[all[i%benchKeys]])
	}
	b.ReportMetric(float64(b.Elapsed())/float64(time.Since(start)), "x-plain")
}
