// Command storm restarts the hub of many replicas in virtual time, and prints what
// they say until all hold the same again: bytes, messages by kind, time.
//
//	go run ./sync/crowd/storm
//	go run ./sync/crowd/storm -replicas 200 -only "nobody"
//	go run ./sync/crowd/storm -markdown -svg docs/storm.svg
//
// The exit status is 1 if any scenario takes longer than -within to converge.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	var o settings
	flag.IntVar(&o.replicas, "replicas", 1000, "how many replicas")
	flag.Uint64Var(&o.seed, "seed", 1, "of the network and the replicas")
	flag.DurationVar(&o.back, "back", 2*time.Second, "within which time all are connected again")
	only := flag.String("only", "", "play only scenarios whose names hold this")
	within := flag.Duration("within", 30*time.Second, "how long a scenario may take to converge")
	markdown := flag.Bool("markdown", false, "print tables for the docs")
	svg := flag.String("svg", "", "draw the bytes a second into this file")
	flag.Parse()
	if flag.NArg() > 0 || o.replicas < 2 {
		flag.Usage()
		os.Exit(2)
	}
	var all []*outcome
	ok := true
	for _, s := range scenarios {
		if strings.Contains(s.name, *only) {
			x := play(s, o)
			all = append(all, x)
			ok = ok && x.converged <= *within
		}
	}
	report(os.Stdout, all, *markdown)
	if *svg != "" {
		if err := os.WriteFile(*svg, draw(all), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if !ok {
		fmt.Println("a scenario took too long")
		os.Exit(1)
	}
}
