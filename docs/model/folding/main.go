// Command folding checks, on random small histories, how the increments of a
// counter may be folded into one.
//
//	go run ./docs/model/folding -n 1000000
//	go run ./docs/model/folding -n 100000 -mode silent
//
// A counter is a set of increments, each under a dot; its value is the sum of
// those that live. A removal kills all that its writer sees. To fold them is to
// put one dot with their sum in the place of many, without losing a removal
// that somebody makes at the same time, and without counting anything twice.
//
// The mode "two" is what Joinery does. A folder announces: it adds a dot that
// names the parts and their sum and counts nothing. Once every member is known
// to cover the announcement, and the folder covers what each had then, whoever
// removes the counter removes the announcement, too, and every removal that did
// not is here. If all parts still live the folder confirms: one event kills the
// parts and adds a dot that refers to the announcement. From then on the
// announcement counts, as long as both live. Two folders that announced the
// same increments see each other before either confirms; the lower one goes on.
//
// All others are wrong, and the program shows the shortest history that says so:
//
//	one       one event kills the parts and adds the sum: a removal made at the
//	          same time kills the parts only, and the sum stays
//	hasty     the announcement is confirmed before it is covered: the same
//	blind     it is confirmed although a part has died
//	rivals    two folders confirm announcements of the same increments
//	silent    every replica folds by itself what is stable: a removal of the
//	          parts leaves the sum where they were folded already
//
// A context is compared with the history where it is causally closed.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	n := flag.Int("n", 1_000_000, "how many histories")
	mode := flag.String("mode", "two", "two, one, hasty, blind, rivals or silent")
	flag.Parse()
	r := explore(*mode, *n)
	fmt.Printf("mode %s: %d histories, %d folds, %d wrong\n", *mode, *n, r.folds, r.wrong)
	if r.shortest != nil {
		fmt.Println(r.what)
		for _, line := range r.shortest {
			fmt.Println("   ", line)
		}
	}
	if r.wrong > 0 {
		os.Exit(1)
	}
}

type result struct {
	wrong, folds int
	what         string
	shortest     []string
}

// explore plays n histories.
func explore(mode string, n int) (r result) {
	for seed := range n {
		w := newWorld(mode, uint64(seed))
		what := w.play()
		r.folds += w.folds
		if what == "" {
			continue
		}
		r.wrong++
		if r.shortest == nil || len(w.story) < len(r.shortest) {
			r.what, r.shortest = what, w.story
		}
	}
	return r
}
