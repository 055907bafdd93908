// Command levels shows what each consistency level does under each failure: five
// replicas at three sites, each site with a NATS server, in one cluster on the
// loopback interface. It prints, for each, how many writes returned before their
// time was up, how long those took, and how stale reads were right after them.
//
//	go run ./benchmarks/levels
//	go run ./benchmarks/levels -writes 200 -json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/joinery-crdt/joinery"
)

func main() {
	writes := flag.Int("writes", 50, "writes at each level under each failure")
	within := flag.Duration("within", 500*time.Millisecond, "how long a write may take")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	flag.Parse()
	if *writes < 1 || *within <= 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "levels: bad arguments; see -help")
		os.Exit(2)
	}
	rows, err := run(context.Background(), *writes, *within)
	if err != nil {
		fmt.Fprintln(os.Stderr, "levels:", err)
		os.Exit(1)
	}
	if *asJSON {
		for _, r := range rows {
			_ = json.NewEncoder(os.Stdout).Encode(r)
		}
		return
	}
	printTable(rows)
}

// row is what was seen of one level under one failure.
type row struct {
	Failure   string  `json:"failure"`
	Level     string  `json:"level"`
	Writes    int     `json:"writes"`
	Returned  int     `json:"returned"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Stale     float64 `json:"stale_local_reads"`   // share of reads elsewhere that missed the write as it returned
	Refreshed float64 `json:"stale_quorum_reads"`  // the same after a Refresh at Quorum
	Unreached string  `json:"unreached,omitempty"` // the error of a write that did not return
}

var levels = []joinery.Level{
	joinery.Local, joinery.One, joinery.Two, joinery.Quorum, joinery.All, joinery.LocalQuorum, joinery.EachQuorum,
}

// failure is a fault, and who writes and reads while it lasts.
type failure struct {
	name    string
	inject  func(*cluster)
	writer  int
	readers []int
}

var failures = []failure{
	{"none", func(*cluster) {}, 0, []int{1, 2, 3, 4}},
	{"1 down", func(c *cluster) { c.links[4].Cut() }, 0, []int{1, 2, 3}},
	{"2 down", func(c *cluster) { c.links[4].Cut(); c.links[1].Cut() }, 0, []int{2, 3}},
	{"partition, side of 3", func(c *cluster) { c.isolate("oslo") }, 2, []int{3, 4}},
	{"partition, side of 2", func(c *cluster) { c.isolate("oslo") }, 0, []int{1}},
	{"one is 50 ms away", func(c *cluster) { c.links[4].Delay(25 * time.Millisecond) }, 0, []int{1, 2, 3, 4}},
}

func run(ctx context.Context, writes int, within time.Duration) (rows []row, err error) {
	starting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := startCluster(starting)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for _, f := range failures {
		fmt.Fprintf(os.Stderr, "failure: %s\n", f.name)
		f.inject(c)
		time.Sleep(300 * time.Millisecond) // until the servers have noticed
		for _, l := range levels {
			rows = append(rows, c.measure(ctx, f, l, writes, within))
		}
		c.heal()
		healing, cancel := context.WithTimeout(ctx, 30*time.Second)
		err := c.awaitEqual(healing)
		cancel()
		if err != nil {
			return rows, fmt.Errorf("after %q: %w", f.name, err)
		}
	}
	return rows, nil
}

// measure writes at a level and looks, after each write that returned, at what
// another replica shows at once, and what it shows after a Refresh.
func (c *cluster) measure(ctx context.Context, f failure, l joinery.Level, writes int, within time.Duration) row {
	r := row{Failure: f.name, Level: l.String()}
	var took []time.Duration
	stale, missed, refreshes := 0, 0, 0
	doc := c.replicas[f.writer].Doc("user:123").At(l)
	for i := 0; i < writes && r.Writes-r.Returned < 3; i++ { // three that fail say enough
		r.Writes++
		value := fmt.Sprint(f.name, l, i)
		start := time.Now()
		writing, cancel := context.WithTimeout(ctx, within)
		err := doc.Register("name").Set(writing, value)
		cancel()
		if err != nil {
			r.Unreached = err.Error()
			continue
		}
		took = append(took, time.Since(start))
		r.Returned++
		reader := c.replicas[f.readers[i%len(f.readers)]]
		if !shows(reader, value) {
			stale++
		}
		reading, cancel := context.WithTimeout(ctx, within)
		if _, err := reader.Doc("user:123").Refresh(reading, joinery.Quorum); err == nil {
			refreshes++
			if !shows(reader, value) {
				missed++
			}
		}
		cancel()
	}
	slices.Sort(took)
	r.P50, r.P99 = percentile(took, 50), percentile(took, 99)
	r.Stale, r.Refreshed = share(stale, r.Returned), share(missed, refreshes)
	return r
}

func shows(r *joinery.Replica, value string) bool {
	got, _, _ := joinery.Get[string](r.Doc("user:123").Register("name"))
	return got == value
}

func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[len(sorted)*p/100].Microseconds()) / 1000
}

// share returns a part of a whole, -1 of nothing.
func share(part, whole int) float64 {
	if whole == 0 {
		return -1
	}
	return float64(part) / float64(whole)
}

func printTable(rows []row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "failure\tlevel\treturned\tp50 ms\tp99 ms\tstale reads\tstale after refresh")
	for _, r := range rows {
		p50, p99 := "-", "-"
		if r.Returned > 0 {
			p50, p99 = fmt.Sprintf("%.2f", r.P50), fmt.Sprintf("%.2f", r.P99)
		}
		fmt.Fprintln(w, strings.Join([]string{r.Failure, r.Level, fmt.Sprintf("%d of %d", r.Returned, r.Writes), p50, p99, percent(r.Stale), percent(r.Refreshed)}, "\t"))
	}
	_ = w.Flush()
}

func percent(v float64) string {
	if v < 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*v)
}
