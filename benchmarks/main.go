// Command benchmarks measures the engine against baselines that run in the
// same process, in turn. README.md beside it says which question each name
// answers.
//
// It prints a line per question as it goes, then a table; with -json one JSON
// object a line. The exit status is 1 if a goal was missed and -strict is set.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
)

func main() {
	run := flag.String("run", "", "only questions whose names match this regular expression")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	quick := flag.Bool("quick", false, "fewer rounds, without the largest workloads")
	rounds := flag.Int("rounds", 5, "rounds for each question; medians are reported")
	strict := flag.Bool("strict", false, "exit with status 1 if a goal is missed")
	flag.Parse()
	only, err := regexp.Compile(*run)
	if err != nil || *rounds < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "benchmarks: bad arguments; see -help")
		os.Exit(2)
	}
	s := suite{rounds: *rounds, quick: *quick, only: only, json: *asJSON, out: os.Stdout}
	if *quick {
		s.rounds = min(s.rounds, 3)
	}
	if missed := s.run(slices.Concat(typeQuestions(), pathQuestions(), storeQuestions())); missed > 0 && *strict {
		os.Exit(1)
	}
}
