package main

import "fmt"

// row is what was measured of a workload.
type row struct {
	planned
	ratio map[string]float64 // elements of each algorithm, BP+RR = 1
	ours  float64            // elements of replicas, BP+RR = 1
	best  int                // elements of BP+RR
	raw   int                // bytes of those elements, and nothing else
	sent
}

func measure(p *planned, seed uint64) row {
	w := p.make()
	r := row{planned: *p, ratio: map[string]float64{}}
	r.best, r.raw = baseline(algorithms[len(algorithms)-1], w, seed)
	for _, a := range algorithms[:len(algorithms)-1] {
		if a.full && w.graph.Nodes > 15 {
			continue // thousands of states of megabytes, and nothing published to compare with
		}
		n, _ := baseline(a, w, seed)
		r.ratio[a.name] = float64(n) / float64(r.best)
	}
	r.sent = engine(w, seed)
	r.ours = float64(r.elements) / float64(r.best)
	return r
}

var columns = []string{"state", "classic", "BP", "RR"}

func header(markdown bool) {
	if markdown {
		fmt.Println("| workload | state | classic | BP | RR | Scuttlebutt, published | **replicas** | elements: BP+RR, replicas | bytes an element: BP+RR bare, replicas, their other messages |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|")
		return
	}
	fmt.Println("transmission in elements, BP+RR = 1; published in brackets")
	fmt.Printf("%-15s %16s %16s %16s %16s %16s %8s %10s %10s  %s\n", "workload", "state", "classic", "BP", "RR", "Scuttlebutt", "replicas", "BP+RR", "replicas", "bytes an element: bare, replicas, their other messages")
}

func (r *row) print(markdown bool) {
	cells := []any{r.name + " " + r.shape}
	for _, c := range columns {
		measured := "-"
		if x := r.ratio[c]; x > 0 {
			measured = fmt.Sprintf("%.3g", x)
		}
		cells = append(cells, beside(measured, r.published[c]))
	}
	cells = append(cells, beside("", r.published["Scuttlebutt"]), fmt.Sprintf("%.3f", r.ours), r.best, r.elements)
	each := func(n int) float64 { return float64(n) / float64(r.elements) }
	cells = append(cells, float64(r.raw)/float64(r.best), each(r.deltas), each(r.others))
	form := "%-15s %16s %16s %16s %16s %16s %8s %10d %10d  %.1f, %.1f, %.1f\n"
	if markdown {
		form = "| %s | %s | %s | %s | %s | %s | **%s** | %d, %d | %.1f, %.1f, %.1f |\n"
	}
	fmt.Printf(form, cells...)
}

// beside writes a published figure behind a measured one.
func beside(measured string, published float64) string {
	switch {
	case published == 0:
		return measured
	case measured == "":
		return fmt.Sprintf("(%.3g)", published)
	}
	return fmt.Sprintf("%s (%.3g)", measured, published)
}
