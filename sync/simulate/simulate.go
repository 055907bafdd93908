package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/sim"
)

// The sets of faults that can be asked for by name.
const (
	identity = "identity"
	relays   = "relays"
	ladder   = "ladder"
	collect  = "collect"
	interest = "interest"
	members  = "members"
)

type settings struct {
	seeds, first        uint64
	long, verbose, json bool
	workers, keep       int
	only                string
}

func (o *settings) options() sim.Options {
	switch {
	case o.only == identity:
		return sim.Identities()
	case o.only == relays:
		return sim.Relayed()
	case o.only == interest:
		return sim.Choosy()
	case o.only == members:
		return sim.Memberships()
	case o.only == ladder:
		return sim.Ladders()
	case o.only == collect:
		return sim.Collected()
	case o.long:
		return sim.Long()
	}
	return sim.Small()
}

// report is the sum of what was played.
type report struct {
	Histories  uint64         `json:"histories"`
	Failed     int            `json:"failed"`
	Seconds    float64        `json:"seconds"`
	Rate       float64        `json:"histories_per_second"`
	Writes     int            `json:"writes"`
	Messages   int            `json:"messages"`
	Checks     int            `json:"states_checked"`
	Frames     int            `json:"whole_states_sent"`
	Tainted    int            `json:"documents_tainted_by_clones"`
	Syncs      int            `json:"syncs_waited_for"`
	Lost       int            `json:"units_lost_unsynced"`
	Survivors  int            `json:"records_kept_unsynced"`
	Torn       int            `json:"torn_records"`
	DiskErrors int            `json:"disk_errors"`
	Struck     int            `json:"histories_with_lost_or_copied_disks"`
	Expired    int            `json:"expired"`
	Stops      int            `json:"clean_stops"`
	Resumed    int            `json:"resumed_incarnations"`
	Restores   int            `json:"restored_disks"`
	Copies     int            `json:"copied_disks"`
	Forgotten  int            `json:"damaged_documents"`
	Ladder     replica.Ladder `json:"ladder"`
	Folded     int            `json:"counters_folded"`
	Collected  int            `json:"places_collected"`
	Forgets    int            `json:"documents_forgotten"`
	Alarms     map[string]int `json:"alarms"`
	Slowest    time.Duration  `json:"slowest_convergence_ns"`
	SlowestIs  uint64         `json:"slowest_seed"`
	MeanHealed time.Duration  `json:"mean_convergence_ns"`

	healed time.Duration
	start  time.Time
}

// add counts one history.
func (r *report) add(seed uint64, x *sim.Result) {
	r.Histories++
	r.Writes += x.Stats.Writes
	r.Messages += x.Stats.Messages
	r.Checks += x.Stats.Checks
	r.Frames += x.Stats.Frames
	r.Tainted += x.Stats.Tainted
	r.Syncs += x.Stats.Syncs
	r.Lost += x.Stats.Lost
	r.Survivors += x.Stats.Survivors
	r.Torn += x.Stats.Torn
	r.DiskErrors += x.Stats.DiskErrors
	if x.Stats.Restores+x.Stats.Copies+x.Stats.Forgotten+x.Stats.Lost > 0 {
		r.Struck++
	}
	r.Ladder.Add(&x.Stats.Ladder)
	r.Expired += x.Stats.Expired
	r.Stops += x.Stats.Stops
	r.Resumed += x.Stats.Resumed
	r.Restores += x.Stats.Restores
	r.Copies += x.Stats.Copies
	r.Forgotten += x.Stats.Forgotten
	r.Folded += x.Stats.Folded
	r.Collected += x.Stats.Collected
	r.Forgets += x.Stats.Forgets
	for kind, n := range x.Stats.Alarms {
		r.Alarms[kind] += n
	}
	if x.Failure != nil {
		r.Failed++
		return
	}
	r.healed += x.Healed
	if x.Healed > r.Slowest {
		r.Slowest, r.SlowestIs = x.Healed, seed
	}
}

func (r *report) finish() {
	r.Seconds = time.Since(r.start).Seconds()
	r.Rate = float64(r.Histories) / max(r.Seconds, 1e-9)
	if done := r.Histories - uint64(r.Failed); done > 0 {
		r.MeanHealed = r.healed / time.Duration(done)
	}
}

// played is a history with what became of it.
type played struct {
	seed   uint64
	result *sim.Result
}

// simulate plays all histories and reports whether none failed.
func simulate(o settings, out io.Writer) bool {
	r := &report{Alarms: map[string]int{}, start: time.Now()}
	shown := time.Now()
	for p := range play(&o) {
		r.add(p.seed, p.result)
		if p.result.Failure != nil && r.Failed <= o.keep {
			show(out, &o, p.seed)
		}
		if !o.json && time.Since(shown) > 2*time.Second {
			shown = time.Now()
			r.finish()
			fmt.Fprintf(out, "%d of %d histories, %.0f/s, %d failed\n", r.Histories, o.seeds, r.Rate, r.Failed)
		}
		if o.verbose {
			s := sim.Generate(p.seed, o.options())
			fmt.Fprintf(out, "# seed %d\n%s\n", p.seed, sim.Transcript(s, sim.Trace(s)))
		}
	}
	r.finish()
	summary(out, &o, r)
	return r.Failed == 0 && r.climbed(out, &o)
}

// play plays the histories on all processors and yields them as they end.
func play(o *settings) <-chan played {
	workers := o.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	next, done := make(chan uint64), make(chan played, workers)
	go func() {
		defer close(next)
		for i := range o.seeds {
			next <- o.first + i
		}
	}()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for seed := range next {
				done <- played{seed, sim.Run(sim.Generate(seed, o.options()))}
			}
		})
	}
	go func() {
		group.Wait()
		close(done)
	}()
	return done
}

// show prints a failure as a transcript, shrunk.
func show(out io.Writer, o *settings, seed uint64) {
	s := sim.Shrink(sim.Generate(seed, o.options()))
	text := sim.Transcript(s, sim.Trace(s))
	if o.json {
		line, _ := json.Marshal(map[string]any{"seed": seed, "transcript": text})
		fmt.Fprintf(out, "%s\n", line)
		return
	}
	fmt.Fprintf(out, "# seed %d failed; shrunk to %d actions\n%s\n", seed, len(s.Actions), text)
}

func summary(out io.Writer, o *settings, r *report) {
	if o.json {
		line, _ := json.Marshal(r)
		fmt.Fprintf(out, "%s\n", line)
		return
	}
	fmt.Fprintf(out, "%d histories in %.1f s (%.0f/s), %d failed\n", r.Histories, r.Seconds, r.Rate, r.Failed)
	fmt.Fprintf(out, "%d writes, %d messages, %d states checked, %d whole states sent, %d values killed as expired, alarms %v, %d documents tainted by clones\n",
		r.Writes, r.Messages, r.Checks, r.Frames, r.Expired, r.Alarms, r.Tainted)
	fmt.Fprintf(out, "disks: %d syncs waited for, %d failed writes and syncs; crashes lost %d units, kept %d records that were not synced and tore %d\n",
		r.Syncs, r.DiskErrors, r.Lost, r.Survivors, r.Torn)
	fmt.Fprintf(out, "identity: %d clean stops, %d starts under the same incarnation, %d disks set back or emptied, %d copies started besides, %d documents damaged; that or a lost tail in %d histories\n",
		r.Stops, r.Resumed, r.Restores, r.Copies, r.Forgotten, r.Struck)
	fmt.Fprintf(out, "ladder: %s\n", rungs(&r.Ladder))
	if r.Folded+r.Collected+r.Forgets > 0 {
		fmt.Fprintf(out, "collection: %d counters folded, %d places cleared, %d documents forgotten, at one replica each\n", r.Folded, r.Collected, r.Forgets)
	}
	fmt.Fprintf(out, "convergence after the last fault: %v on average, %v at most (seed %d)\n",
		r.MeanHealed.Round(time.Millisecond), r.Slowest.Round(time.Millisecond), r.SlowestIs)
}
