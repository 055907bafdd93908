package main

import (
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/lwwmap"
	"github.com/joinery-crdt/joinery/orset"
)

// entries returns n keys "item/%08d" in shuffled order, the same in each round,
// and as many values of 32 random bytes.
func entries(n int) (keys, values []string) {
	keys, values = make([]string, n), make([]string, n)
	random := make([]byte, 32)
	for i := range keys {
		keys[i] = fmt.Sprintf("item/%08d", i)
		_, _ = crand.Read(random)
		values[i] = string(random)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys, values
}

var alice, bob = causal.Actor{ID: causal.ID{1}}, causal.Actor{ID: causal.ID{2}}

// mapPuts puts into a plain map with copied keys and values.
func mapPuts(keys, values []string) map[string]string {
	m := make(map[string]string)
	for i, k := range keys {
		m[strings.Clone(k)] = strings.Clone(values[i])
	}
	return m
}

const batchSize = 1000

// ormapPuts puts into an OR-map in atomic batches, each with its delta encoded.
func ormapPuts(m *orset.Map[string, string], keys, values []string) (bytes int, err error) {
	for batch := range slices.Chunk(keys, batchSize) {
		d, err := m.Update(func(w *orset.MapWriter[string, string]) error {
			for i, k := range batch {
				if err := w.Put(k, values[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		values = values[len(batch):]
		bytes += len(d)
	}
	return bytes, nil
}

func lwwmapPuts(m *lwwmap.Map[string, string], keys, values []string) error {
	for batch := range slices.Chunk(keys, batchSize) {
		_, err := m.Update(func(w *lwwmap.Writer[string, string]) error {
			for i, k := range batch {
				if err := w.Put(k, values[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		values = values[len(batch):]
	}
	return nil
}

func typeQuestions() []question {
	const plain = "plain map put"
	return []question{
		{name: "put/ormap-100k", unit: "ns", baseline: plain, goal: 1.2, measure: putORMap(1)},
		{name: "put/lwwmap-100k", unit: "ns", baseline: plain, goal: 1.2, measure: putLWWMap},
		{name: "put/ormap-1m", unit: "ns", baseline: plain, goal: 0.8, heavy: true, measure: putORMap(10)},
		{name: "put/overwrite", unit: "ns", baseline: "plain map overwrite", goal: 2.5, measure: overwrite},
		{name: "get/ormap-100k", unit: "ns", baseline: "map under RWMutex", goal: 1.2, measure: get},
		{name: "apply/ormap-100k", unit: "ns", baseline: plain, goal: 1.2, measure: apply},
		{name: "apply/flat", unit: "ns", baseline: "the same into 1k keys", goal: 2.5, measure: applyFlat},
		{name: "heap/ormap-100k", unit: "B", baseline: "plain map entry", goal: 1.25, measure: heap},
		{name: "wire/put-1", unit: "B", goal: 84, measure: wireSingle},
		{name: "wire/put-1000", unit: "B", goal: 49, measure: wireBatch},
		{name: "state/bytes-entry", unit: "B", goal: 51, measure: stateBytes},
		{name: "codec/encode", unit: "ns", goal: 30, measure: encode},
		{name: "codec/decode", unit: "ns", goal: 30, measure: decode},
		{name: "churn/set", unit: "ns", goal: 300, measure: churn},
		{name: "churn/state", unit: "B", goal: 80, measure: churnState},
		{name: "counter/inc", unit: "ns", goal: 70, measure: counterInc},
		{name: "merge/state", unit: "ns", measure: mergeState},
		{name: "merge/state-1pct", unit: "ms", goal: 2, measure: mergeDifference},
	}
}

func putORMap(times int) func(workload) (float64, float64, error) {
	return func(w workload) (value, base float64, err error) {
		n := w.keys * times
		keys, values := entries(n)
		base = perOp(n, func() { mapPuts(keys, values) })
		m := orset.NewMap[string, string](alice)
		value = perOp(n, func() { _, err = ormapPuts(m, keys, values) })
		return value, base, err
	}
}

func putLWWMap(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	base = perOp(w.keys, func() { mapPuts(keys, values) })
	m := lwwmap.New[string, string](alice)
	value = perOp(w.keys, func() { err = lwwmapPuts(m, keys, values) })
	return value, base, err
}

func overwrite(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	plain := mapPuts(keys, values)
	m := orset.NewMap[string, string](alice)
	if _, err := ormapPuts(m, keys, values); err != nil {
		return 0, 0, err
	}
	base = perOp(w.keys, func() {
		for i, k := range keys {
			plain[k] = strings.Clone(values[i])
		}
	})
	value = perOp(w.keys, func() { _, err = ormapPuts(m, keys, values) })
	return value, base, err
}

func get(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	return readAll(mapPuts(keys, values), keys, values)
}

// matched returns an error if reads that should be the same were not.
func matched(bytes int) error {
	if bytes != 0 {
		return fmt.Errorf("reads differ by %d bytes", bytes)
	}
	return nil
}

// singleDeltas returns one delta a put.
func singleDeltas(keys, values []string) ([]delta.Delta, error) {
	m := orset.NewMap[string, string](bob)
	out := make([]delta.Delta, len(keys))
	for i, k := range keys {
		var err error
		if out[i], err = m.Put(k, values[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func apply(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	deltas, err := singleDeltas(keys, values)
	if err != nil {
		return 0, 0, err
	}
	base = perOp(w.keys, func() { mapPuts(keys, values) })
	m := orset.NewMap[string, string](alice)
	value = perOp(w.keys, func() { err = mergeAll(m, deltas) })
	return value, base, err
}

func mergeAll(m *orset.Map[string, string], deltas []delta.Delta) error {
	for _, d := range deltas {
		if err := m.Merge(d); err != nil {
			return err
		}
	}
	return nil
}

// applyFlat merges one-key deltas into maps of 1M and of 1k keys.
func applyFlat(w workload) (value, base float64, err error) {
	const updates = 20_000
	build := func(n int) (*orset.Map[string, string], []delta.Delta, error) {
		keys, values := entries(n)
		m := orset.NewMap[string, string](bob)
		if _, err := ormapPuts(m, keys, values); err != nil {
			return nil, nil, err
		}
		copied := m.Clone(alice)
		var deltas []delta.Delta
		for i := range updates {
			d, err := m.Put(keys[i%n], values[(i*7)%n])
			if err != nil {
				return nil, nil, err
			}
			deltas = append(deltas, d)
		}
		return copied, deltas, nil
	}
	large, largeDeltas, err := build(10 * w.keys)
	if err != nil {
		return 0, 0, err
	}
	small, smallDeltas, err := build(1000)
	if err != nil {
		return 0, 0, err
	}
	base = perOp(updates, func() { err = mergeAll(small, smallDeltas) })
	if err != nil {
		return 0, 0, err
	}
	value = perOp(updates, func() { err = mergeAll(large, largeDeltas) })
	return value, base, err
}

func heap(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	n := float64(w.keys)
	base = heapOf(func() any { return mapPuts(keys, values) }) / n
	value = heapOf(func() any {
		m := orset.NewMap[string, string](alice)
		_, err = ormapPuts(m, keys, values)
		return m
	}) / n
	runtime.KeepAlive(keys) // neither side may gain by their end
	runtime.KeepAlive(values)
	return value, base, err
}

func wireSingle(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	deltas, err := singleDeltas(keys, values)
	if err != nil {
		return 0, 0, err
	}
	return float64(len(deltas[len(deltas)-1])), 0, nil
}

func wireBatch(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	bytes, err := ormapPuts(orset.NewMap[string, string](alice), keys, values)
	return float64(bytes) / float64(w.keys), 0, err
}

func stateBytes(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	m := orset.NewMap[string, string](alice)
	if _, err := ormapPuts(m, keys, values); err != nil {
		return 0, 0, err
	}
	b, err := m.MarshalBinary()
	return float64(len(b)) / float64(w.keys), 0, err
}

// thousand returns an OR-map of 1,000 entries: small enough for the cache, so
// that what is measured is the codec.
func thousand() (*orset.Map[string, string], error) {
	keys, values := entries(1000)
	m := orset.NewMap[string, string](alice)
	_, err := ormapPuts(m, keys, values)
	return m, err
}

// codecRounds is how often the frame of a thousand updates is coded.
const codecRounds = 500

func encode(workload) (value, base float64, err error) {
	m, err := thousand()
	if err != nil {
		return 0, 0, err
	}
	var buf delta.Delta
	return perOp(1000*codecRounds, func() {
		for range codecRounds {
			buf = delta.AppendState(buf[:0], m.Document().State())
		}
	}), 0, nil
}

// decode validates a frame whole and looks at each of its updates.
func decode(workload) (value, base float64, err error) {
	m, err := thousand()
	if err != nil {
		return 0, 0, err
	}
	state := delta.Delta(delta.AppendState(nil, m.Document().State()))
	var f delta.Frame
	seen := 0
	value = perOp(1000*codecRounds, func() {
		for range codecRounds {
			if err = state.OpenInto(&f); err != nil {
				return
			}
			for add := range f.All() {
				seen += len(add.Value)
			}
		}
	})
	if want := 1000 * codecRounds * 32; err == nil && seen < want {
		err = fmt.Errorf("%d bytes of values decoded, not %d", seen, want)
	}
	return value, 0, err
}

// churned adds and removes the same 1,000 elements again and again.
func churned(pairs int) (*orset.Set[string], float64, error) {
	keys, _ := entries(1000)
	s := orset.New[string](alice)
	var buf delta.Delta
	var err error
	ns := perOp(pairs, func() {
		for i := 0; i < pairs && err == nil; i++ {
			k := keys[i%len(keys)]
			if buf, err = s.AppendAdd(buf[:0], k); err == nil {
				buf, err = s.AppendRemove(buf[:0], k)
			}
		}
	})
	return s, ns, err
}

func churn(w workload) (value, base float64, err error) {
	_, ns, err := churned(w.keys)
	return ns, 0, err
}

func churnState(w workload) (value, base float64, err error) {
	s, _, err := churned(w.keys)
	if err != nil {
		return 0, 0, err
	}
	b, err := s.MarshalBinary()
	return float64(len(b)), 0, err
}

func counterInc(w workload) (value, base float64, err error) {
	c := crdt.NewCounter(alice)
	wr := c.Writer()
	value = perOp(10*w.keys, func() {
		for i := 0; i < 10*w.keys && err == nil; i++ {
			err = wr.Add(1)
		}
	})
	return value, 0, err
}

// mergeState merges a whole state of 100k keys, 1% of which is news.
func mergeState(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	m := orset.NewMap[string, string](alice)
	if _, err := ormapPuts(m, keys, values); err != nil {
		return 0, 0, err
	}
	other := m.Clone(bob)
	if _, err := ormapPuts(m, keys[:w.keys/100], values); err != nil {
		return 0, 0, err
	}
	state, err := m.MarshalBinary()
	if err != nil {
		return 0, 0, err
	}
	value = perOp(w.keys, func() { err = other.Merge(state) })
	return value, 0, err
}

// mergeDifference brings one of two replicas up to the other, given its context:
// 1% of 100k entries are news. It counts both sides, in milliseconds.
func mergeDifference(w workload) (value, base float64, err error) {
	keys, values := entries(w.keys)
	m := orset.NewMap[string, string](alice)
	if _, err := ormapPuts(m, keys, values); err != nil {
		return 0, 0, err
	}
	other := m.Clone(bob)
	if _, err := ormapPuts(m, keys[:w.keys/100], values); err != nil {
		return 0, 0, err
	}
	ns := perOp(1, func() {
		known := other.Document().State().Context()
		err = other.Merge(delta.AppendFor(nil, m.Document().State(), known))
	})
	if err == nil && !m.Equal(other) {
		err = fmt.Errorf("the replicas differ after the merge")
	}
	return ns / 1e6, 0, err
}
