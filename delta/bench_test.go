package delta_test

import (
	"fmt"
	"testing"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/orset"
)

// thousand returns an OR-map of 1,000 entries of 45 bytes.
func thousand(b *testing.B) *orset.Map[string, string] {
	m := orset.NewMap[string, string](causal.Actor{ID: causal.ID{1}})
	for i := range 1000 {
		if _, err := m.Put(fmt.Sprintf("item/%08d", i), fmt.Sprintf("%032d", i)); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

func perUpdate(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/update")
}

// BenchmarkEncode encodes a state of 1,000 updates.
func BenchmarkEncode(b *testing.B) {
	s := thousand(b).Document().State()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = delta.AppendState(buf[:0], s)
	}
	perUpdate(b)
}

// BenchmarkOpen validates a frame of 1,000 updates.
func BenchmarkOpen(b *testing.B) {
	d := delta.Delta(delta.AppendState(nil, thousand(b).Document().State()))
	var f delta.Frame
	b.ReportAllocs()
	for b.Loop() {
		if err := d.OpenInto(&f); err != nil {
			b.Fatal(err)
		}
	}
	perUpdate(b)
}

// BenchmarkDecode validates the frame and looks at each update.
func BenchmarkDecode(b *testing.B) {
	d := delta.Delta(delta.AppendState(nil, thousand(b).Document().State()))
	var f delta.Frame
	seen := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := d.OpenInto(&f); err != nil {
			b.Fatal(err)
		}
		for a := range f.All() {
			seen += len(a.Value)
		}
	}
	perUpdate(b)
}
