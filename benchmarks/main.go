// Command benchmarks measures the engine against baselines that run in the
// same process, or the same minute, in turn. README.md beside it says which
// question each name answers.
//
// It prints a line per question as it goes, then a table; with -json one JSON
// object a line. The exit status is 1 if a goal was missed and -strict is set.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

func main() {
	run := flag.String("run", "", "only questions whose names match this regular expression")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	quick := flag.Bool("quick", false, "fewer rounds, without the largest workloads")
	rounds := flag.Int("rounds", 5, "rounds for each question; medians are reported")
	strict := flag.Bool("strict", false, "exit with status 1 if a goal is missed")
	report := flag.String("report", "", "also write a page with plots into this directory")
	peers := flag.String("peers", defaultPeers(), "where Node finds the libraries that the engine is compared with")
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
	results, missed := s.run(questions(*peers))
	if *report != "" {
		if err := writeReport(*report, results); err != nil {
			fmt.Fprintln(os.Stderr, "benchmarks:", err)
			os.Exit(1)
		}
	}
	if missed > 0 && *strict {
		os.Exit(1)
	}
}

func questions(peers string) []question {
	return slices.Concat(typeQuestions(), scaleQuestions(), pathQuestions(), storeQuestions(), processQuestions(),
		(&javascript{dir: peers}).questions(), redisQuestions())
}

func defaultPeers() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "joinery-benchmarks")
}
