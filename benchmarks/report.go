package main

import (
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The report: one page with all results and plots as SVG, which needs no
// network and no script to be looked at.

const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Joinery benchmarks</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100%; font-size: 13px } td, th { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: left }
.no { color: #b00 } .yes { color: #070 } svg { background: #fafafa; margin: .5rem 0 } figure { margin: 1rem 0 }
</style>
<h1>Joinery benchmarks</h1>
<p>{{.When}}, {{.Where}}. Medians; a ratio is the median of the rounds' own ratios, and the baseline ran in turn with
what is compared with it.</p>
{{range .Plots}}<figure><figcaption>{{.Title}}</figcaption><img src="{{.File}}" alt="{{.Title}}"></figure>
{{end}}
<table><tr><th>name<th>value<th>baseline<th>ratio<th>goal<th>met</tr>
{{range .Rows}}<tr><td>{{.Name}}<td>{{.Value}}<td>{{.Baseline}}<td>{{.Ratio}}<td>{{.Goal}}<td class="{{.Met}}">{{.Met}}</tr>
{{end}}</table></html>
`

type plot struct{ Title, File string }

type row struct{ Name, Value, Baseline, Ratio, Goal, Met string }

// writeReport writes index.html and its plots into a directory.
func writeReport(dir string, results []result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data := struct {
		When, Where string
		Plots       []plot
		Rows        []row
	}{When: time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Where: fmt.Sprintf("%s, %s/%s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}
	for _, r := range results {
		data.Rows = append(data.Rows, r.row())
	}
	for _, p := range plots(results) {
		if err := os.WriteFile(filepath.Join(dir, p.File), []byte(p.svg), 0o644); err != nil {
			return err
		}
		data.Plots = append(data.Plots, p.plot)
	}
	f, err := os.Create(filepath.Join(dir, "index.html"))
	if err != nil {
		return err
	}
	if err := template.Must(template.New("page").Parse(page)).Execute(f, data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func (r *result) row() row {
	out := row{Name: r.Name, Value: fmt.Sprintf("%.4g %s", r.Value, r.Unit)}
	if r.Error+r.Skipped != "" {
		out.Value = r.Error + r.Skipped
		return out
	}
	if r.Against != "" {
		out.Baseline, out.Ratio = fmt.Sprintf("%.4g (%s)", r.Baseline, r.Against), fmt.Sprintf("%.2f", r.Ratio)
	}
	if r.Met != nil {
		out.Goal, out.Met = fmt.Sprintf("%.4g", r.Goal), map[bool]string{true: "yes", false: "no"}[*r.Met]
	}
	return out
}

type drawing struct {
	plot
	svg string
}

// plots draws growth as lines and comparisons with peers as bars.
func plots(results []result) (out []drawing) {
	for _, r := range results {
		if len(r.Points) > 1 {
			out = append(out, drawing{plot{r.Name + ": ns an operation by keys", fileName(r.Name)}, lines(r.Points)})
		}
	}
	for _, what := range []string{"put", "apply", "bytes-1", "bytes-1000", "state"} {
		if b := peerBars(results, what); len(b) > 1 {
			out = append(out, drawing{plot{"beside peers, " + what + " (" + b[0].unit + ", shorter is better)", fileName("peer-" + what)}, bars(b)})
		}
	}
	return out
}

func fileName(name string) string { return strings.ReplaceAll(name, "/", "-") + ".svg" }

const (
	width, height = 640, 300
	margin        = 50
)

// lines draws both series on logarithmic axes.
func lines(points []point) string {
	low, high := math.Inf(1), 0.0
	for _, p := range points {
		low, high = min(low, p.Value, p.Baseline), max(high, p.Value, p.Baseline)
	}
	x := scale(float64(points[0].Keys), float64(points[len(points)-1].Keys), margin, width-margin)
	y := scale(low/1.5, high*1.5, height-margin, margin)
	var b strings.Builder
	open(&b, height)
	for _, p := range points {
		text(&b, x(float64(p.Keys)), height-margin/2, "middle", fmt.Sprintf("%g", float64(p.Keys)))
		text(&b, x(float64(p.Keys)), y(p.Value)-8, "middle", fmt.Sprintf("%.0f", p.Value))
	}
	polyline(&b, "#0a58ca", points, func(p point) (float64, float64) { return x(float64(p.Keys)), y(p.Value) })
	polyline(&b, "#999", points, func(p point) (float64, float64) { return x(float64(p.Keys)), y(p.Baseline) })
	text(&b, width-margin, margin/2, "end", "blue: this engine, grey: a plain map")
	b.WriteString("</svg>")
	return b.String()
}

// scale maps a range to pixels, logarithmically.
func scale(from, to, start, end float64) func(float64) float64 {
	return func(v float64) float64 {
		return start + (end-start)*math.Log(v/from)/math.Log(to/from)
	}
}

func open(b *strings.Builder, height int) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`, width, height)
}

func text(b *strings.Builder, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.0f" y="%.0f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(s))
}

func polyline(b *strings.Builder, color string, points []point, at func(point) (float64, float64)) {
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, color)
	for _, p := range points {
		x, y := at(p)
		fmt.Fprintf(b, "%.1f,%.1f ", x, y)
	}
	b.WriteString(`"/>`)
}

type bar struct {
	label, unit string
	value       float64
}

// peerBars returns what was measured of this engine and its peers under one name.
func peerBars(results []result, what string) (out []bar) {
	for _, r := range results {
		lib, ok := strings.CutPrefix(r.Name, "peer/")
		if lib, ok2 := strings.CutSuffix(lib, "-"+what); ok && ok2 && r.Error+r.Skipped == "" {
			if len(out) == 0 {
				out = append(out, bar{"joinery", r.Unit, r.Value})
			}
			out = append(out, bar{lib, r.Unit, r.Baseline})
		}
	}
	return out
}

func bars(all []bar) string {
	const step = 34
	greatest := slices.MaxFunc(all, func(a, b bar) int { return int(math.Copysign(1, a.value-b.value)) }).value
	var b strings.Builder
	open(&b, step*len(all)+10)
	for i, v := range all {
		top := float64(i*step + 8)
		color := "#999"
		if i == 0 {
			color = "#0a58ca"
		}
		long := max(1, v.value/greatest*(width-240))
		text(&b, 90, top+17, "end", v.label)
		fmt.Fprintf(&b, `<rect x="100" y="%.0f" width="%.1f" height="24" fill="%s"/>`, top, long, color)
		text(&b, 106+long, top+17, "start", fmt.Sprintf("%.4g %s", v.value, v.unit))
	}
	b.WriteString("</svg>")
	return b.String()
}
