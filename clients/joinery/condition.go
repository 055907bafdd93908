package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/joinery-crdt/joinery"
)

const (
	// lookEvery is how often serve looks after its replica.
	lookEvery = 250 * time.Millisecond
	// longLoad is from when on serve tells how far loading is.
	longLoad = time.Second
)

// errStoreFailed is how serve ends after its store failed.
var errStoreFailed = errors.New("the store failed while this ran; see to the disk, then start again")

// condition tells on a terminal or in a log what an operator should know of a
// replica: how far it is loading, and that its store failed.
type condition struct {
	out      io.Writer
	quiet    bool // no progress
	terminal bool
	begun    time.Time
	said     time.Time
	loading  bool
	failed   bool
}

// watch tells until ctx ends, and then reports whether the store failed.
func (c *condition) watch(ctx context.Context, r *joinery.Replica) error {
	c.begun, c.said, c.terminal = time.Now(), time.Now(), isTerminal(c.out)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		st := r.Status()
		c.look(&st)
		select {
		case <-ctx.Done():
			if c.failed {
				return errStoreFailed
			}
			return nil
		case <-tick.C:
		}
	}
}

func (c *condition) look(st *joinery.Status) {
	if st.Failed != "" && !c.failed {
		c.failed = true
		fmt.Fprintf(c.out, "\nTHE STORE FAILED: %s\nReads go on. Writes are refused, and nothing is sent to other replicas.\n", st.Failed)
	}
	if c.quiet {
		return
	}
	switch {
	case st.Loading > 0:
		c.progress(st)
	case c.loading:
		c.loading = false
		c.line("loaded %s in %v\n", plural(st.Stored, "document"), time.Since(c.begun).Round(10*time.Millisecond))
	}
}

func (c *condition) progress(st *joinery.Status) {
	every := showElsewhere
	if c.terminal {
		every = lookEvery
	}
	if now := time.Now(); now.Sub(c.begun) < longLoad || c.loading && now.Sub(c.said) < every {
		return
	}
	c.loading, c.said = true, time.Now()
	end := "\n"
	if c.terminal {
		end = ""
	}
	c.line("loading: %s of %s are there; reads and writes are served"+end, thousands(st.Stored-st.Loading), plural(st.Stored, "document"))
}

// line writes a line, over the last one on a terminal.
func (c *condition) line(format string, args ...any) {
	if c.terminal {
		format = "\r\x1b[K" + format
	}
	fmt.Fprintf(c.out, format, args...)
}
