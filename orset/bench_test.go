package orset_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/orset"
)

// The benchmarks ask: what does replication cost beside a plain Go map that
// copies key and value, as a cache or store would? One operation is a pass over
// 100k keys; passes of both alternate, so that the ratio is of one run.

const (
	benchKeys  = 100_000
	benchValue = "a value of 24 bytes long"
)

var (
	alice = causal.Actor{ID: causal.ID{1}, Incarnation: 7}
	bob   = causal.Actor{ID: causal.ID{2}, Incarnation: 7}
)

func keys() []string {
	out := make([]string, benchKeys)
	for i := range out {
		out[i] = fmt.Sprintf("key-%08d", i*7919%benchKeys)
	}
	return out
}

// plainPuts puts all keys into a fresh plain map.
func plainPuts(all []string) map[string]string {
	m := map[string]string{}
	for _, k := range all {
		m[strings.Clone(k)] = strings.Clone(benchValue)
	}
	return m
}

// compare runs passes of both and reports the time for one key of each, their
// ratio, and the allocations for a key of ours.
func compare(b *testing.B, ours, plain func()) {
	b.Helper()
	var mine, theirs time.Duration
	var before, after runtime.MemStats
	var mallocs uint64
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		ours()
		mine += time.Since(start)
		runtime.ReadMemStats(&after)
		mallocs += after.Mallocs - before.Mallocs
		runtime.GC()
		start = time.Now()
		plain()
		theirs += time.Since(start)
	}
	n := float64(b.N) * benchKeys
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(mine)/n, "ns/key")
	b.ReportMetric(float64(theirs)/n, "ns/plain-key")
	b.ReportMetric(float64(mallocs)/n, "allocs/key")
	b.ReportMetric(float64(mine)/float64(theirs), "x-plain")
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

// Puts of fresh keys, with deltas of 1,000 puts, and with a delta each.
func BenchmarkMapPut(b *testing.B) {
	all := keys()
	for _, size := range []int{1, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			var dst []byte
			compare(b, func() {
				m := orset.NewMap[string, string](alice)
				for i, k := range all {
					check(b, m.Writer().Put(k, benchValue))
					if (i+1)%size == 0 {
						dst = m.Flush(dst[:0])
					}
				}
			}, func() { plainPuts(all) })
		})
	}
}

// Puts over keys that are there, with deltas of 1,000 puts.
func BenchmarkMapOverwrite(b *testing.B) {
	all := keys()
	m := orset.NewMap[string, string](alice)
	for _, k := range all {
		check(b, m.Writer().Put(k, benchValue))
	}
	plain := plainPuts(all)
	dst := m.Flush(nil)
	compare(b, func() {
		for i, k := range all {
			check(b, m.Writer().Put(k, benchValue))
			if i%1000 == 999 {
				dst = m.Flush(dst[:0])
			}
		}
	}, func() {
		for _, k := range all {
			plain[k] = strings.Clone(benchValue)
		}
	})
}

// batches returns deltas of size puts each, by Alice.
func batches(b *testing.B, all []string, size int) []delta.Delta {
	b.Helper()
	m := orset.NewMap[string, string](alice)
	var out []delta.Delta
	for i, k := range all {
		check(b, m.Writer().Put(k, benchValue))
		if (i+1)%size == 0 {
			out = append(out, m.Flush(nil))
		}
	}
	return out
}

// Merging what another replica put, in deltas of so many puts.
func BenchmarkMapMerge(b *testing.B) {
	all := keys()
	for _, size := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			deltas := batches(b, all, size)
			compare(b, func() {
				m := orset.NewMap[string, string](bob)
				for _, d := range deltas {
					check(b, m.Merge(d))
				}
			}, func() { plainPuts(all) })
		})
	}
}

// Adding fresh elements to a set, with deltas of 1,000.
func BenchmarkSetAdd(b *testing.B) {
	all := keys()
	var dst []byte
	compare(b, func() {
		s := orset.New[string](alice)
		for i, k := range all {
			check(b, s.Writer().Add(k))
			if i%1000 == 999 {
				dst = s.Flush(dst[:0])
			}
		}
	}, func() {
		m := map[string]struct{}{}
		for _, k := range all {
			m[strings.Clone(k)] = struct{}{}
		}
	})
}

func BenchmarkMapGet(b *testing.B) {
	all := keys()
	m, plain := orset.NewMap[string, string](alice), plainPuts(all)
	for _, k := range all {
		check(b, m.Writer().Put(k, benchValue))
	}
	n := 0
	compare(b, func() {
		for _, k := range all {
			v, _ := m.Get(k)
			n += len(v)
		}
	}, func() {
		for _, k := range all {
			n += len(plain[k])
		}
	})
}
