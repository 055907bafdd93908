package joinery_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

var transports = []struct {
	name string
	cfg  embedded.Config
}{{"inprocess", embedded.Config{}}, {"tcp", embedded.Config{Listen: "127.0.0.1:0"}}}

func connected(b *testing.B, cfg embedded.Config) (from, to *joinery.Replica) {
	srv := serve(b, cfg)
	usual := func(c *joinery.Config) { c.BeaconEvery = 0 }
	return open(b, joinery.Config{Conn: dial(b, srv)}, usual), open(b, joinery.Config{Conn: dial(b, srv)}, usual)
}

// BenchmarkPipeline answers: how many puts a second become visible at another
// replica while one goroutine writes as fast as it can?
func BenchmarkPipeline(b *testing.B) {
	for _, tr := range transports {
		b.Run(tr.name, func(b *testing.B) {
			from, to := connected(b, tr.cfg)
			value := make([]byte, 32)
			keys := make([]string, 100_000)
			for i := range keys {
				keys[i] = fmt.Sprintf("item/%08d", i)
			}
			d := from.Doc("d")
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := d.Register(keys[i%len(keys)]).Set(background, value); err != nil {
					b.Fatal(err)
				}
			}
			settle(b, from, to)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
			b.StopTimer()
			s := to.Status().Stats
			b.ReportMetric(float64(s.Pulls), "pulls")
			b.ReportMetric(float64(s.BytesIn)/float64(b.N), "bytes/put")
		})
	}
}

// BenchmarkFleet answers: the same for a hundred thousand documents of few
// fields, each of which needs messages of its own.
func BenchmarkFleet(b *testing.B) {
	for _, tr := range transports {
		b.Run(tr.name, func(b *testing.B) {
			from, to := connected(b, tr.cfg)
			docs := make([]*joinery.Doc, 100_000)
			for i := range docs {
				docs[i] = from.Doc(fmt.Sprintf("fleet.%06d", i))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := docs[i%len(docs)].Register("speed").Set(background, i); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/put-local")
			settle(b, from, to)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
			b.StopTimer()
			s := to.Status().Stats
			b.ReportMetric(float64(s.Pulls), "pulls")
			b.ReportMetric(float64(s.Dropped), "dropped")
		})
	}
}

// BenchmarkLatency answers: how long does one put take to be visible at
// another replica when nothing else goes on?
func BenchmarkLatency(b *testing.B) {
	for _, tr := range transports {
		b.Run(tr.name, func(b *testing.B) {
			from, to := connected(b, tr.cfg)
			n, seen := from.Doc("d").Counter("n"), to.Doc("d").Counter("n")
			require.NoError(b, n.Inc(background, 1))
			settle(b, from, to)
			arrived := make(chan time.Time, 1)
			go func() {
				for range to.Watch(background, "d", joinery.UpdatesOnly()) {
					arrived <- time.Now()
				}
			}()
			time.Sleep(10 * time.Millisecond)
			took := make([]time.Duration, b.N)
			for i := range took {
				time.Sleep(3 * time.Millisecond)
				start := time.Now()
				require.NoError(b, n.Inc(background, 1))
				took[i] = (<-arrived).Sub(start)
			}
			require.EqualValues(b, b.N+1, seen.Value())
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.StopTimer()
		})
	}
}
