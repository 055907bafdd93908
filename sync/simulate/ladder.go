package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/joinery-crdt/joinery/sync/replica"
)

// rung is how often replicas caught up in one way.
type rung struct {
	name string
	n    uint64
}

func rungsOf(l *replica.Ladder) []rung {
	return []rung{
		{"same", l.Same}, {"units", l.Units}, {"states", l.States}, {"in chunks", l.InChunks}, {"resumed", l.Resumed},
		{"staged", l.Staged}, {"sketches", l.Sketches}, {"tables", l.Tables}, {"without news", l.Bare},
		{"declined", l.Declined}, {"compared", l.Compared}, {"news", l.News}, {"fell back", l.FellBack}, {"exhausted", l.FellBack - l.Declined},
		{"superseded", l.Superseded}, {"expired", l.Expired}, {"late tables", l.Late}, {"late news", l.LateNews}, {"compared again", l.Again},
	}
}

// rungs lists them.
func rungs(l *replica.Ladder) string {
	var out []string
	for _, r := range rungsOf(l) {
		out = append(out, fmt.Sprint(r.n, " ", r.name))
	}
	return strings.Join(out, ", ")
}

// climbed reports whether every rung was used, if that was what histories were
// asked for.
func (r *report) climbed(out io.Writer, o *settings) bool {
	if o.only != ladder {
		return true
	}
	all := true
	for _, x := range rungsOf(&r.Ladder) {
		if x.n == 0 {
			fmt.Fprintf(out, "no history came to a rung of the ladder: %s\n", x.name)
			all = false
		}
	}
	return all
}
