package sim

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
)

// contents says which events a delta claims, by replica.
func contents(d delta.Delta) string {
	f, err := d.Open()
	if err != nil {
		return "damaged"
	}
	var out []string
	for a, rs := range f.ClaimsOf() {
		out = append(out, actorName(a)+rs.String())
	}
	return strings.Join(out, " ")
}

// actorName names an actor by its replica, with its incarnation for prime to
// shorten.
func actorName(a causal.Actor) string {
	return fmt.Sprintf("%s<%x>", name(int(a.ID[14])<<8+int(a.ID[15])-1), a.Incarnation)
}

var actorNames = regexp.MustCompile(`([A-Z]\d*)<[0-9a-f]+>`)

// prime names the first incarnation of a replica that is drawn by the replica
// alone, the next one with a prime, and so on.
func prime(drawing string) string {
	marks, count := map[string]string{}, map[string]int{}
	return actorNames.ReplaceAllStringFunc(drawing, func(actor string) string {
		name, _, _ := strings.Cut(actor, "<")
		if _, ok := marks[actor]; !ok {
			marks[actor] = strings.Repeat("'", count[name])
			count[name]++
		}
		return name + marks[actor]
	})
}

// text returns the drawing.
func (t *tracer) text(w *world) string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("      time  ")
	for _, n := range w.nodes {
		fmt.Fprintf(&b, "%-4s", n.name)
	}
	b.WriteString("\n")
	for i := range t.lines {
		if i == maxLines {
			fmt.Fprintf(&b, "and %d lines more\n", len(t.lines)-i)
			break
		}
		l := &t.lines[i]
		fmt.Fprintf(&b, "%9.1fms %s  %s\n", float64(l.at)/float64(time.Millisecond), l.draw(len(w.nodes)), l.text)
	}
	return prime(b.String())
}

// lane is the distance between two lanes in characters.
const lane = 4

// draw returns the lanes of one line.
func (l *line) draw(nodes int) string {
	row := []byte(strings.Repeat(" ", nodes*lane))
	for i, c := range l.lanes {
		row[i*lane] = c
	}
	if l.to >= 0 {
		row[l.to*lane] = '*'
	}
	if l.from >= 0 && l.to >= 0 && l.from != l.to {
		l.arrow(row)
	}
	return string(row)
}

func (l *line) arrow(row []byte) {
	step := 1
	if l.to < l.from {
		step = -1
	}
	from, to := l.from*lane, l.to*lane
	for i := from + step; i != to; i += step {
		row[i] = '-'
	}
	row[from] = 'o'
	switch {
	case l.lost:
		row[to-step] = 'x'
		row[to] = '|'
	case step > 0:
		row[to-1] = '>'
	default:
		row[to+1] = '<'
	}
}
