// Command simulate plays seeded histories in the simulator and reports what
// fails, shrunk to a transcript that can be kept as a test.
//
//	go run ./sync/simulate -seeds 1000
//	go run ./sync/simulate -seeds 100000 -first 5000
//	go run ./sync/simulate -seeds 200 -long
//
// The exit status is 1 if any history failed.
package main

import (
	"flag"
	"os"
)

func main() {
	var o settings
	flag.Uint64Var(&o.seeds, "seeds", 1000, "how many histories to play")
	flag.Uint64Var(&o.first, "first", 0, "seed of the first")
	flag.BoolVar(&o.long, "long", false, "longer histories of more replicas")
	flag.BoolVar(&o.verbose, "v", false, "draw every history, failed or not")
	flag.BoolVar(&o.json, "json", false, "report as one JSON object a line")
	flag.IntVar(&o.workers, "workers", 0, "histories played at once; 0 is one a processor")
	flag.IntVar(&o.keep, "failures", 5, "stop after so many failures")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if !simulate(o, os.Stdout) {
		os.Exit(1)
	}
}
