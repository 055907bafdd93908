package main

import (
	"fmt"
	"io"
	"time"

	"github.com/joinery-crdt/joinery/sync/journal"
)

// progress tells how long work is getting on: a line that is rewritten on a
// terminal, a line every few seconds elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	quiet    bool
	verb     string
	noun     string // of what is counted besides bytes; "" is nothing
	start    time.Time
	shown    time.Time

	records int
	bytes   uint64
}

const (
	showOnTerminal = 200 * time.Millisecond
	showElsewhere  = 5 * time.Second
	leastForRate   = 20 * time.Millisecond
)

func newProgress(out io.Writer, verb string, quiet bool) *progress {
	now := time.Now()
	return &progress{out: out, terminal: isTerminal(out), quiet: quiet, verb: verb, noun: "record", start: now, shown: now}
}

// add counts work done, and says so if it is time to.
func (p *progress) add(records, bytes int) {
	p.records += records
	p.bytes += uint64(bytes)
	every := showElsewhere
	if p.terminal {
		every = showOnTerminal
	}
	if p.quiet || time.Since(p.shown) < every {
		return
	}
	p.shown = time.Now()
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s", p)
		return
	}
	fmt.Fprintln(p.out, p)
}

// end says what was done.
func (p *progress) end() {
	if p.quiet {
		return
	}
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintln(p.out, p)
}

// abort takes the progress off a terminal, for the error that follows.
func (p *progress) abort() {
	if p.terminal && !p.quiet {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// follow returns what takes the progress of an operation on a store.
func (p *progress) follow() func(journal.Progress) {
	var before journal.Progress
	return func(now journal.Progress) {
		p.add(0, int(now.Bytes-before.Bytes))
		before = now
	}
}

// String says what was done until now and how fast.
func (p *progress) String() string {
	d := time.Since(p.start)
	if p.noun == "" {
		text := fmt.Sprintf("%s %s in %v", p.verb, size(p.bytes), d.Round(10*time.Millisecond))
		if d < leastForRate {
			return text
		}
		return fmt.Sprintf("%s (%s/s)", text, size(uint64(float64(p.bytes)/d.Seconds())))
	}
	text := fmt.Sprintf("%s %s, %s in %v", p.verb, plural(p.records, p.noun), size(p.bytes), d.Round(10*time.Millisecond))
	if d < leastForRate {
		return text
	}
	return fmt.Sprintf("%s (%s/s)", text, thousands(int(p.rate())))
}

// rate is in records a second.
func (p *progress) rate() float64 {
	return float64(p.records) / max(time.Since(p.start).Seconds(), 1e-3)
}
