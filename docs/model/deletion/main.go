// Command deletion checks, on random small histories, how a deleted document can
// be forgotten so that nothing is left of it.
//
//	go run ./docs/model/deletion -n 1000000
//	go run ./docs/model/deletion -n 100000 -mode hasty
//
// A document in which nothing lives is a causal context and nothing else. Without
// it a replica takes an old event for news, and gives its own next event a number
// that it gave before. In the mode "right", which is what Joinery does,
//
//   - a replica forgets a dead document when every member is known to hold it
//     just so, and then only after that was so for longer than a message is
//     under way;
//   - it remembers, for all documents that it forgot, the greatest number of an
//     own event. In a document of the same name it begins above that, with an event
//     that claims all numbers up to there, and so says that they are dead;
//   - it remembers for a while in what state it forgot a document, does not
//     take it again in that state meanwhile, and says that it held it if asked;
//   - the events of a dead document are not given out one by one, but all that is
//     known of it at once;
//   - what a replica that is no member any more holds is not taken.
//
// All others are wrong, and the program shows the shortest history that says so:
//
//	alone     a dead document is forgotten without a word of the others
//	hasty     it is forgotten as soon as all are known to hold it so
//	late      messages are under way for longer than is waited
//	careless  all have held it dead for long enough, but not in the same state;
//	          rare, ask for 300,000 histories
//	logs      single events of a dead document are given to who asks: one that its
//	          killer has claimed, and forgotten, shows again
//	reuse     numbers begin at 1 again
//	stale     the data of one who was away, and is no member, is taken
//
// Checked is that no replica shows again what it knew to be dead, that at the end
// all show the same, that this is all that nobody removed, and nothing else.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	n := flag.Int("n", 1_000_000, "how many histories")
	mode := flag.String("mode", "right", "right, alone, hasty, late, careless, logs, reuse or stale")
	flag.Parse()
	r := explore(*mode, *n)
	fmt.Printf("mode %s: %d histories, %d documents forgotten, %d made again after that, %d wrong\n", *mode, *n, r.forgotten, r.again, r.wrong)
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
	wrong, forgotten, again int
	what                    string
	shortest                []string
}

// explore plays n histories.
func explore(mode string, n int) (r result) {
	for seed := range n {
		w := newWorld(mode, uint64(seed))
		what := w.play()
		r.forgotten += w.forgotten
		r.again += w.again
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
