package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"runtime/metrics"
	"slices"
	"text/tabwriter"
	"time"
)

// question is one thing that the suite measures, against a baseline that runs
// in turn with it.
type question struct {
	name     string
	unit     string
	baseline string  // what the value is compared with; "" compares with nothing
	goal     float64 // the ratio, or without a baseline the value, is to be at most this; 0: no goal
	atLeast  bool    // the goal is a lower bound
	heavy    bool    // left out by -quick
	once     bool    // one round: it measures once for all rounds
	sizes    []int   // of a question about growth: the keys that it is measured at
	at       func(keys int) (value, base float64, err error)
	// measure returns one round's value and baseline.
	measure func(w workload) (value, base float64, err error)
}

// workload is how much a round does.
type workload struct {
	keys int // entries of the "100k" questions
}

// result is a question's answer: medians over the rounds.
type result struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Baseline float64 `json:"baseline,omitempty"`
	Against  string  `json:"against,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
	Goal     float64 `json:"goal,omitempty"`
	Met      *bool   `json:"met,omitempty"`
	Error    string  `json:"error,omitempty"`
	Skipped  string  `json:"skipped,omitempty"`
	Points   []point `json:"points,omitempty"`
}

// point is one size of a question about growth.
type point struct {
	Keys     int     `json:"keys"`
	Value    float64 `json:"value"`
	Baseline float64 `json:"baseline"`
}

// suite runs questions.
type suite struct {
	rounds int
	quick  bool
	only   *regexp.Regexp
	json   bool
	out    io.Writer
}

func (s *suite) run(questions []question) (results []result, missed int) {
	for _, q := range questions {
		if !s.only.MatchString(q.name) || s.quick && q.heavy {
			continue
		}
		ask := s.ask
		if q.at != nil {
			ask = s.askGrowth
		}
		r := ask(q)
		if r.Error != "" || r.Met != nil && !*r.Met {
			missed++
		}
		if s.json {
			_ = json.NewEncoder(s.out).Encode(r)
		} else {
			fmt.Fprintf(s.out, "%-24s %s\n", r.Name, r.line())
		}
		results = append(results, r)
	}
	if !s.json {
		s.table(results)
	}
	return results, missed
}

// ask measures in interleaved rounds and takes medians; the ratio is the
// median of the rounds' own ratios, as the machine's speed drifts.
func (s *suite) ask(q question) result {
	r := result{Name: q.name, Unit: q.unit, Against: q.baseline, Goal: q.goal}
	var values, bases, ratios []float64
	rounds := s.rounds
	if q.once {
		rounds = 1
	}
	for range rounds {
		runtime.GC()
		v, b, err := q.measure(workload{keys: 100_000})
		if errors.Is(err, errSkipped) {
			r.Skipped = err.Error()
			return r
		}
		if err != nil {
			r.Error = err.Error()
			return r
		}
		values = append(values, v)
		if q.baseline != "" {
			bases = append(bases, b)
			ratios = append(ratios, v/b)
		}
	}
	r.Value = median(values)
	judged := r.Value
	if q.baseline != "" {
		r.Baseline, r.Ratio = median(bases), median(ratios)
		judged = r.Ratio
	}
	r.judge(q, judged)
	return r
}

func (r *result) judge(q question, value float64) {
	if q.goal == 0 {
		return
	}
	met := value <= q.goal
	if q.atLeast {
		met = value >= q.goal
	}
	r.Met = &met
}

// askGrowth measures at each size and asks how much more an operation costs at
// the greatest size than at the least, against how much more it costs the
// baseline.
func (s *suite) askGrowth(q question) result {
	r := result{Name: q.name, Unit: q.unit, Against: q.baseline, Goal: q.goal}
	for _, keys := range q.sizes {
		if s.quick && keys > quickKeys {
			break
		}
		one := s.ask(question{unit: "ns", baseline: q.baseline, measure: func(workload) (float64, float64, error) { return q.at(keys) }})
		if r.Error = one.Error; r.Error != "" {
			return r
		}
		r.Points = append(r.Points, point{keys, one.Value, one.Baseline})
	}
	first, last := r.Points[0], r.Points[len(r.Points)-1]
	r.Value, r.Baseline = last.Value/first.Value, last.Baseline/first.Baseline
	r.Ratio = r.Value / r.Baseline
	r.judge(q, r.Ratio)
	return r
}

// quickKeys bounds the sizes of questions about growth with -quick.
const quickKeys = 100_000

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func (r *result) line() string {
	if r.Error != "" {
		return "failed: " + r.Error
	}
	if r.Skipped != "" {
		return r.Skipped
	}
	line := fmt.Sprintf("%.4g %s", r.Value, r.Unit)
	if r.Against != "" {
		line += fmt.Sprintf(", %.2f of %s (%.4g)", r.Ratio, r.Against, r.Baseline)
	}
	return line + r.verdict()
}

func (r *result) verdict() string {
	switch {
	case r.Met == nil:
		return ""
	case *r.Met:
		return fmt.Sprintf("  goal %.4g met", r.Goal)
	}
	return fmt.Sprintf("  goal %.4g MISSED", r.Goal)
}

func (s *suite) table(results []result) {
	fmt.Fprintln(s.out)
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "name\tvalue\tunit\tbaseline\tratio\tgoal\tmet")
	for _, r := range results {
		if r.Error+r.Skipped != "" {
			fmt.Fprintf(w, "%s\t-\t%s\t\t\t\t%s\n", r.Name, r.Unit, r.Error+r.Skipped)
			continue
		}
		ratio, base, goal, met := "", "", "", ""
		if r.Against != "" {
			ratio, base = fmt.Sprintf("%.2f", r.Ratio), fmt.Sprintf("%.4g (%s)", r.Baseline, r.Against)
		}
		if r.Met != nil {
			goal, met = fmt.Sprintf("%.4g", r.Goal), map[bool]string{true: "yes", false: "NO"}[*r.Met]
		}
		fmt.Fprintf(w, "%s\t%.4g\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Value, r.Unit, base, ratio, goal, met)
	}
	_ = w.Flush()
}

// perOp times fn and returns nanoseconds for each of n operations.
func perOp(n int, fn func()) float64 {
	start := time.Now()
	fn()
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

// collectorTime returns how many seconds of processor time the garbage collector
// has used.
func collectorTime() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64()
}

// heapOf returns how many bytes of live heap build leaves behind.
func heapOf(build func() any) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := build()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}
