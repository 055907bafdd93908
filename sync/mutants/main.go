// Command mutants tests the tests. It breaks the engine in well-known ways, one
// at a time, and demands that a test notices each of them.
//
//	go run ./sync/mutants
//	go run ./sync/mutants -run 'kernel|delta'
//	go run ./sync/mutants -every 4
//	go run ./sync/mutants -markdown > docs/wrong-implementations.md
//
// A mutant is a replacement of a few lines in one file. The tree itself is not
// touched: the changed file is laid over it for one run of "go test". Before
// the first mutant all catchers must pass without any.
//
// The exit status is 1 if a mutant survives, does not compile, or if the lines
// that it replaces are not there any more.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"time"
)

type settings struct {
	run      *regexp.Regexp
	every    int
	workers  int
	json     bool
	markdown bool
	verbose  bool
}

func main() {
	run := flag.String("run", "", "only mutants whose package and name match this regular expression")
	var o settings
	flag.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "mutants tried at once")
	flag.IntVar(&o.every, "every", 1, "only each so many-th mutant, for a quick look at all parts")
	flag.BoolVar(&o.json, "json", false, "report as one JSON object a line")
	flag.BoolVar(&o.markdown, "markdown", false, "list the mutants as a page of the docs and try none")
	flag.BoolVar(&o.verbose, "v", false, "show what the catchers printed")
	flag.Parse()
	var err error
	if o.run, err = regexp.Compile(*run); err != nil || flag.NArg() > 0 || o.every < 1 {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		flag.Usage()
		os.Exit(2)
	}
	if o.markdown {
		fmt.Print(markdown(mutants))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := tryAll(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// tryAll tries the mutants that the settings choose and reports whether all
// were caught.
func tryAll(ctx context.Context, o settings, out io.Writer) (bool, error) {
	l, err := newLab()
	if err != nil {
		return false, err
	}
	defer l.close()
	chosen := choose(o.run, o.every)
	start := time.Now()
	if err := l.baseline(ctx, chosen); err != nil {
		return false, err
	}
	caught := 0
	for r := range l.try(ctx, chosen, o.workers) {
		if r.Verdict == Caught {
			caught++
		}
		report(out, &o, r)
	}
	if o.json {
		line, _ := json.Marshal(map[string]any{"mutants": len(chosen), "caught": caught, "seconds": time.Since(start).Seconds()})
		fmt.Fprintf(out, "%s\n", line)
	} else {
		fmt.Fprintf(out, "%d of %d caught, in %.0f s\n", caught, len(chosen), time.Since(start).Seconds())
	}
	return caught == len(chosen), ctx.Err()
}

// choose returns each every-th of the mutants whose package or name matches.
func choose(re *regexp.Regexp, every int) (chosen []mutant) {
	seen := 0
	for _, m := range mutants {
		if !re.MatchString(m.in + " " + m.name) {
			continue
		}
		if seen%every == 0 {
			chosen = append(chosen, m)
		}
		seen++
	}
	return chosen
}

func report(out io.Writer, o *settings, r Result) {
	if o.json {
		line, _ := json.Marshal(r)
		fmt.Fprintf(out, "%s\n", line)
		return
	}
	fmt.Fprintf(out, "%-8s %5.1fs  %s: %s (%s)\n", r.Verdict, r.Seconds, r.Package, r.Mutant, r.By)
	if o.verbose || r.Verdict != Caught {
		fmt.Fprintln(out, r.output)
	}
}
