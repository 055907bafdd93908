// Command simulate plays seeded histories in the simulator and reports what
// fails, shrunk to a transcript that can be kept as a test.
//
//	go run ./sync/simulate -seeds 1000
//	go run ./sync/simulate -seeds 100000 -first 5000
//	go run ./sync/simulate -seeds 200 -long
//	go run ./sync/simulate -seeds 10000 -only identity
//	go run ./sync/simulate -seeds 10000 -only relays
//	go run ./sync/simulate -seeds 20000 -only ladder
//
// The exit status is 1 if any history failed, or if histories about the ladder left out
// a rung of it.
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
	flag.StringVar(&o.only, "only", "", "\"identity\": only restores, copies, lost tails, empty disks, damaged documents, clean stops and crashes; \"relays\": several messaging systems with relays between them; \"interest\": replicas that hold some documents and change which; \"ladder\": only replicas that catch up, on every rung; \"collect\": much is deleted, and replicas fold, collect and forget; \"members\": only members that come, leave, are fenced and come back")
	flag.BoolVar(&o.verbose, "v", false, "draw every history, failed or not")
	flag.BoolVar(&o.json, "json", false, "report as one JSON object a line")
	flag.IntVar(&o.workers, "workers", 0, "histories played at once; 0 is one a processor")
	flag.IntVar(&o.keep, "failures", 5, "stop after so many failures")
	flag.Parse()
	if flag.NArg() > 0 || o.only != "" && (o.only != identity && o.only != relays && o.only != ladder && o.only != collect && o.only != members && o.only != interest || o.long) {
		flag.Usage()
		os.Exit(2)
	}
	if !simulate(o, os.Stdout) {
		os.Exit(1)
	}
}
