package main

import (
	"runtime"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/orset"
)

// The questions about growth: what an operation costs as a map grows from a
// thousand to ten million keys, beside what it costs a plain map.

func scaleQuestions() []question {
	sizes := []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000}
	const plain = "a plain map's growth"
	return []question{
		{name: "scale/keys-put", unit: "x", baseline: plain, goal: 1, sizes: sizes, at: sized(putAt)},
		{name: "scale/keys-apply", unit: "x", baseline: plain, goal: 1, sizes: sizes, at: sized(applyAt)},
		{name: "scale/keys-get", unit: "x", baseline: plain, goal: 1, sizes: sizes, at: sized(getAt)},
		{name: "scale/longest-put-10m", unit: "ms", goal: 1, heavy: true, measure: longestPut},
		{name: "scale/gc-share-10m", unit: "%", baseline: "a plain map's", heavy: true, measure: collectorShare},
	}
}

// sized measures at a number of keys, small numbers again and again so that a
// clock can tell.
func sized(at func(keys, values []string) (float64, float64, error)) func(int) (float64, float64, error) {
	return func(n int) (value, base float64, err error) {
		keys, values := entries(n)
		times := max(1, 100_000/n)
		for range times {
			v, b, err := at(keys, values)
			if err != nil {
				return 0, 0, err
			}
			value, base = value+v/float64(times), base+b/float64(times)
		}
		return value, base, nil
	}
}

func putAt(keys, values []string) (value, base float64, err error) {
	base = perOp(len(keys), func() { mapPuts(keys, values) })
	m := orset.NewMap[string, string](alice)
	value = perOp(len(keys), func() { _, err = ormapPuts(m, keys, values) })
	return value, base, err
}

// applyAt merges single-put deltas into a map that has all keys but those.
func applyAt(keys, values []string) (value, base float64, err error) {
	news := min(len(keys), 100_000)
	deltas, err := singleDeltas(keys[:news], values)
	if err != nil {
		return 0, 0, err
	}
	plain := mapPuts(keys[news:], values[news:])
	base = perOp(news, func() {
		for i, k := range keys[:news] {
			plain[k] = values[i]
		}
	})
	m := orset.NewMap[string, string](alice)
	if _, err := ormapPuts(m, keys[news:], values[news:]); err != nil {
		return 0, 0, err
	}
	value = perOp(news, func() { err = mergeAll(m, deltas) })
	return value, base, err
}

func getAt(keys, values []string) (value, base float64, err error) {
	return readAll(mapPuts(keys, values), keys, values)
}

// longestPut grows a map to 10M keys, one put at a time, and returns the longest
// that any single put took, in milliseconds: nobody else gets at the map meanwhile.
// What the collector does beside it is part of that.
func longestPut(w workload) (value, base float64, err error) {
	keys, values := entries(100 * w.keys)
	m := orset.NewMap[string, string](alice)
	wr := m.Writer()
	var longest time.Duration
	for i, k := range keys {
		start := time.Now()
		err := wr.Put(k, values[i])
		longest = max(longest, time.Since(start))
		if err != nil {
			return 0, 0, err
		}
	}
	return float64(longest.Nanoseconds()) / 1e6, 0, nil
}

// collectorShare returns which share of the processor time of filling a map of
// 10M keys the garbage collector took, in percent.
func collectorShare(w workload) (value, base float64, err error) {
	keys, values := entries(100 * w.keys)
	base, err = shareOf(func() error { mapPuts(keys, values); return nil })
	if err != nil {
		return 0, 0, err
	}
	m := orset.NewMap[string, string](alice)
	value, err = shareOf(func() error { _, err := ormapPuts(m, keys, values); return err })
	return value, base, err
}

func shareOf(fn func() error) (float64, error) {
	collector := collectorTime()
	start, err := cpuTime()
	if err != nil {
		return 0, err
	}
	if err := fn(); err != nil {
		return 0, err
	}
	end, err := cpuTime()
	return 100 * (collectorTime() - collector) / (end - start).Seconds(), err
}

var readLock sync.RWMutex

// readAll reads every key of a plain map under a lock, and of an OR-map with the same.
func readAll(plain map[string]string, keys, values []string) (value, base float64, err error) {
	m := orset.NewMap[string, string](alice)
	if _, err := ormapPuts(m, keys, values); err != nil {
		return 0, 0, err
	}
	runtime.GC()
	bytes := 0
	base = perOp(len(keys), func() {
		for _, k := range keys {
			readLock.RLock()
			bytes += len(plain[k])
			readLock.RUnlock()
		}
	})
	value = perOp(len(keys), func() {
		for _, k := range keys {
			readLock.RLock()
			v, _ := m.Get(k)
			bytes -= len(v)
			readLock.RUnlock()
		}
	})
	return value, base, matched(bytes)
}
