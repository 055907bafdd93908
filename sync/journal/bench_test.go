package journal

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// BenchmarkAppend: what does the journal add to the cost of a record, in a
// store that costs little itself?
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			j, _, err := Open(store.NewMemory(), Config{NewID: somebody(1).ID})
			require.NoError(b, err)
			records := make([]replica.Record, n)
			for i := range records {
				records[i] = replica.Record{Doc: "doc", Delta: crdtUnit(b), Unit: true}
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := j.Append(records, Life{}, true); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

const benchRows = 100_000

// filled returns a journal with one document of many rows.
func filled(b *testing.B) *bench {
	x := newBench(b, rows)
	for i := range benchRows {
		x.set("doc", fmt.Sprint("key", i), "a value of thirty-two bytes, or so")
	}
	x.checkpoint("doc")
	return x
}

// BenchmarkLoadRows: how long until a document of 100,000 rows is whole?
func BenchmarkLoadRows(b *testing.B) {
	x := filled(b)
	b.ReportAllocs()
	for b.Loop() {
		l, err := x.j.Load("doc")
		require.NoError(b, err)
		d := crdt.NewDocument(somebody(2), nil)
		require.NoError(b, l.Begin(d))
		for done := false; !done; {
			if done, err = l.Next(1024); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkCheckpoint: does a checkpoint of 1,000 changes cost what changed, or
// what the document holds?
func BenchmarkCheckpoint(b *testing.B) {
	x := filled(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i := range 1000 {
			x.set("doc", fmt.Sprint("key", i*97), fmt.Sprint("value ", b.N))
		}
		x.append(false)
		b.StartTimer()
		c := x.j.Capture("doc", x.r.View("doc"))
		x.append(false, c)
		require.NoError(b, c.Write(x.read("doc"), nothing))
	}
	b.ReportMetric(float64(1000*b.N)/b.Elapsed().Seconds(), "changes/s")
}
