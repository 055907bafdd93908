package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/checker"
)

// Report is the result of one run. Durations are nanoseconds in JSON.
type Report struct {
	Workload string        `json:"workload"`
	Valid    bool          `json:"valid"`
	Invalid  []string      `json:"invalid,omitempty"` // the checks that failed
	Seed     uint64        `json:"seed"`
	Nodes    int           `json:"nodes"`
	Time     time.Duration `json:"time"`
	Rate     int           `json:"rate"`
	Faults   []string      `json:"faults"`
	Rounds   int           `json:"rounds"` // of faults
	Ops      OpCounts      `json:"ops"`

	Set          *checker.SetResult         `json:"set,omitempty"`
	Counter      *checker.CounterResult     `json:"counter,omitempty"`
	Sessions     []string                   `json:"sessions"`       // violations
	Torn         []string                   `json:"torn,omitempty"` // reads of a ledger that do not add up
	Availability checker.AvailabilityResult `json:"availability"`
	// Convergence is the time from the end of the last fault and operation
	// until all replicas were equal.
	Convergence time.Duration `json:"convergence"`
	Repairs     uint64        `json:"repairs"`   // requests for what was missed, by processes alive at the end
	Conflicts   uint64        `json:"conflicts"` // dots with two payloads
}

// OpCounts counts operations by outcome.
type OpCounts struct {
	OK            int `json:"ok"`
	Failed        int `json:"failed"`
	Indeterminate int `json:"indeterminate"`
}

func newReport(s settings, w workload) *Report {
	r := &Report{Workload: w.name, Valid: true, Seed: s.seed, Nodes: s.nodes, Time: s.time, Rate: s.rate, Faults: []string{}}
	for _, f := range s.faults {
		r.Faults = append(r.Faults, string(f))
	}
	return r
}

func (r *Report) verdict(check string, ok bool) {
	if !ok {
		r.Valid = false
		r.Invalid = append(r.Invalid, check)
	}
}

func (r *Report) writeJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// maxListed bounds the elements and problems that are printed.
const maxListed = 20

// write prints the report for people.
func (r *Report) write(w io.Writer) error {
	var b strings.Builder
	verdict := "valid"
	if !r.Valid {
		verdict = "INVALID: " + strings.Join(r.Invalid, ", ")
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-14s%s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "%s: %s\n", r.Workload, verdict)
	line("run", "%d nodes, %v at %d/s, %d rounds of faults (%s), seed %d",
		r.Nodes, r.Time, r.Rate, r.Rounds, strings.Join(r.Faults, ", "), r.Seed)
	line("operations", "%d ok, %d failed, %d indeterminate", r.Ops.OK, r.Ops.Failed, r.Ops.Indeterminate)
	a := r.Availability
	line("availability", "%.4f: %d of %d on running nodes; %d of %d of them parted from others",
		a.Fraction, a.OK, a.Tried, a.PartedOK, a.PartedTried)
	if r.Set != nil {
		writeSet(line, r.Set)
	}
	if r.Counter != nil {
		writeCounter(line, r.Counter)
	}
	if len(r.Torn) > 0 {
		line("groups", "%d reads that do not add up%s", len(r.Torn), listed(r.Torn))
	}
	line("sessions", "%d reads back in time%s", len(r.Sessions), listed(r.Sessions))
	line("convergence", "%v after the last fault and operation; %d repairs, %d conflicts of identity",
		r.Convergence.Round(time.Millisecond), r.Repairs, r.Conflicts)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeSet(line func(name, format string, args ...any), s *checker.SetResult) {
	line("elements", "%d attempted, %d acknowledged, %d indeterminate", s.Attempted, s.Acknowledged, s.Indeterminate)
	line("", "%d stable (%d of them stale at first), %d never read (%d gone with a killed process)",
		s.Stable, s.Stale, s.NeverRead, s.Gone)
	line("", "%d lost%s, %d unexpected%s, %d duplicated%s",
		len(s.Lost), listed(s.Lost), len(s.Unexpected), listed(s.Unexpected), len(s.Duplicated), listed(s.Duplicated))
	line("stable after", "%s", quantiles(s.Stability))
	line("", "%s, reads of processes that had just been restarted aside", quantiles(s.Steady))
}

func quantiles(l checker.Latencies) string {
	return fmt.Sprintf("p50 %v, p99 %v, at most %v",
		l.P50.Round(time.Millisecond), l.P99.Round(time.Millisecond), l.Max.Round(time.Millisecond))
}

func writeCounter(line func(name, format string, args ...any), c *checker.CounterResult) {
	line("adds", "%d attempted, %d acknowledged with sum %d, %d indeterminate (%d of them of a killed process)",
		c.Attempted, c.Acknowledged, c.Sum, c.Indeterminate, c.Gone)
	line("final reads", "%v, acceptable %v", c.Final, c.Acceptable)
	if len(c.Problems) > 0 {
		line("", "%d problems%s", len(c.Problems), listed(c.Problems))
	}
}

// listed prints the first of a list of bad things, or nothing.
func listed[T any](all []T) string {
	switch {
	case len(all) == 0:
		return ""
	case len(all) > maxListed:
		return fmt.Sprintf(" %v and more", all[:maxListed])
	}
	return fmt.Sprintf(" %v", all)
}
