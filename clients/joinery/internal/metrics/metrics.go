// Package metrics shows a replica's condition to Prometheus. Each scrape reads one
// status; between scrapes nothing is done. Only the daemon imports it, as its
// dependency is large.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/joinery-crdt/joinery"
)

// number is one number of a status.
type number struct {
	name, help string
	kind       prometheus.ValueType
	of         func(*joinery.Status) float64
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// numbers are what is shown of a status without labels.
var numbers = []number{
	{"joinery_writes_total", "Events written by this replica.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Writes) }},
	{"joinery_merges_total", "Deltas of others that brought news.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.UnitsMerged) }},
	{"joinery_duplicates_total", "Deltas of others that brought none.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Duplicates) }},
	{"joinery_broadcasts_total", "Deltas broadcast.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.UnitsSent) }},
	{"joinery_passed_total", "Deltas of others passed on by a relay.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Passed) }},
	{"joinery_holes_total", "Losses noticed on arrival.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Holes) }},
	{"joinery_pulls_total", "Requests for what was missed.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Pulls) }},
	{"joinery_served_total", "Such requests of others answered.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Served) }},
	{"joinery_messages_sent_total", "Messages handed to the transport.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Published) }},
	{"joinery_messages_unsent_total", "Messages that could not be sent.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Unsent) }},
	{"joinery_messages_dropped_total", "Messages lost to a full queue, then repaired.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Dropped) }},
	{"joinery_messages_refused_total", "Messages malformed, foreign or above a limit.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Refused) }},
	{"joinery_messages_forged_total", "Of these, events of others from who may not speak for them.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Forged) }},
	{"joinery_conflicts_total", "Events with two payloads: an identity was used twice.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Conflicts) }},
	{"joinery_quarantined_total", "Payloads put aside because of that.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Quarantined) }},
	{"joinery_drifts_total", "Deltas from clocks too far ahead.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Drifts) }},
	{"joinery_alarms_total", "Conditions that somebody should look at.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.Alarms) }},
	{"joinery_received_bytes_total", "Bytes of messages received.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.BytesIn) }},
	{"joinery_sent_bytes_total", "Bytes of messages sent.", counter, func(s *joinery.Status) float64 { return float64(s.Stats.BytesOut) }},
	{"joinery_documents", "Documents held.", gauge, func(s *joinery.Status) float64 { return float64(s.Docs) }},
	{"joinery_unsent_documents", "Documents with writes that were not sent.", gauge, func(s *joinery.Status) float64 { return float64(s.Pending) }},
	{"joinery_loading_documents", "Documents that are not in memory yet.", gauge, func(s *joinery.Status) float64 { return float64(s.Loading) }},
	{"joinery_damaged_documents", "Documents put aside as damaged since the start.", gauge, func(s *joinery.Status) float64 { return float64(s.Damaged) }},
	{"joinery_log_bytes", "Recent history kept in memory for others.", gauge, func(s *joinery.Status) float64 { return float64(s.Stats.LogBytes) }},
	{"joinery_online", "1 if the connection is up.", gauge, func(s *joinery.Status) float64 { return flag(s.Online) }},
	{"joinery_store_failed", "1 if the store takes no more writes.", gauge, func(s *joinery.Status) float64 { return flag(s.Failed != "") }},
	{"joinery_denied_subjects", "Subjects that the server refuses.", gauge, func(s *joinery.Status) float64 { return float64(len(s.Denied)) }},
	{"joinery_peers", "Other replicas heard of.", gauge, func(s *joinery.Status) float64 { return float64(len(s.Peers)) }},
	{"joinery_peers_equal", "Of these, who held the same when last heard.", gauge, equal},
	{"joinery_lag_seconds", "Time since a peer that held something else was last heard; 0 if all held the same.", gauge, lag},
}

func equal(s *joinery.Status) (n float64) {
	for i := range s.Peers {
		n += flag(s.Peers[i].Equal)
	}
	return n
}

// lag is how long ago the peer that differs and is silent longest was heard.
func lag(s *joinery.Status) (worst float64) {
	for i := range s.Peers {
		if p := &s.Peers[i]; !p.Equal && !p.Heard.IsZero() {
			worst = max(worst, time.Since(p.Heard).Seconds())
		}
	}
	return worst
}

// rungs are the ways in which replicas catch up, the cheapest first.
var rungs = []struct {
	name string
	of   func(*joinery.Stats) uint64
}{
	{"compared", func(s *joinery.Stats) uint64 { return s.Compared }},
	{"state", func(s *joinery.Stats) uint64 { return s.FramesSent }},
	{"transfer", func(s *joinery.Stats) uint64 { return s.Transfers }},
}

var (
	repairs    = prometheus.NewDesc("joinery_repairs_total", "Repairs beyond the log, by rung.", []string{"rung"}, nil)
	storeBytes = prometheus.NewDesc("joinery_store_bytes", "Bytes of the store on disk.", nil, nil)
	storeFree  = prometheus.NewDesc("joinery_store_free_bytes", "Of these, what compacting may give back.", nil, nil)
)

// Usage returns the bytes of a store and what of them compacting may give back;
// not ok if there is none.
type Usage func() (bytes, free int64, ok bool)

// collector reads a status at each scrape.
type collector struct {
	status func() joinery.Status
	usage  Usage
	descs  []*prometheus.Desc
}

// Handler answers scrapes.
func Handler(status func() joinery.Status, usage Usage) http.Handler {
	c := &collector{status: status, usage: usage}
	for _, n := range numbers {
		c.descs = append(c.descs, prometheus.NewDesc(n.name, n.help, nil, nil))
	}
	all := prometheus.NewRegistry()
	all.MustRegister(c)
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Names returns the names of all metrics.
func Names() (out []string) {
	for _, n := range numbers {
		out = append(out, n.name)
	}
	return append(out, "joinery_repairs_total", "joinery_store_bytes", "joinery_store_free_bytes")
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range append(c.descs, repairs, storeBytes, storeFree) {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	st := c.status()
	for i, n := range numbers {
		to <- prometheus.MustNewConstMetric(c.descs[i], n.kind, n.of(&st))
	}
	for _, r := range rungs {
		to <- prometheus.MustNewConstMetric(repairs, counter, float64(r.of(&st.Stats)), r.name)
	}
	if bytes, free, ok := c.usage(); ok {
		to <- prometheus.MustNewConstMetric(storeBytes, gauge, float64(bytes))
		to <- prometheus.MustNewConstMetric(storeFree, gauge, float64(free))
	}
}
