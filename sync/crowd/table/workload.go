package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/crowd"
)

// workload is what the nodes do: elements by node and round, the same for the
// baseline and for replicas.
type workload struct {
	name   string
	graph  crowd.Graph
	rounds int
	all    [][][]element // by round and node
	write  func(d *crdt.Document, e element) error
}

func (w *workload) events(node, round int) []element { return w.all[round][node] }

// make fills in the events, round by round.
func (w *workload) make(events func(node, round int) []element) *workload {
	for round := range w.rounds {
		row := make([][]element, w.graph.Nodes)
		for node := range row {
			row[node] = events(node, round)
		}
		w.all = append(w.all, row)
	}
	return w
}

// rounds is how many events a node has in the micro-benchmarks.
const rounds = 100

// set is GSet: every event adds an element of its own.
func set(g crowd.Graph) *workload {
	w := &workload{name: "GSet", graph: g, rounds: rounds, write: func(d *crdt.Document, e element) error {
		return add(d, fmt.Sprintf("element %05d", e.key), kernel.Component{Tag: crdt.TagSet, Name: "set"})
	}}
	return w.make(func(node, round int) []element {
		return []element{{key: node*rounds + round, version: 1, bytes: 14}}
	})
}

// counter is GCounter: every event adds one to the node's own entry.
func counter(g crowd.Graph) *workload {
	w := &workload{name: "GCounter", graph: g, rounds: rounds, write: func(d *crdt.Document, _ element) error {
		return d.Increment(kernel.Root, "n", 1)
	}}
	return w.make(func(node, round int) []element {
		return []element{{key: node, version: uint64(round) + 1, bytes: 17}}
	})
}

// keys is how many a GMap has.
const keys = 1000

// dict is GMap: each node has its share of the keys, and changes so many per
// cent of them in each event.
func dict(g crowd.Graph, percent int) *workload {
	rng := rand.New(rand.NewPCG(uint64(percent), 4))
	versions := make([]uint64, keys)
	w := &workload{name: fmt.Sprintf("GMap %d%%", percent), graph: g, rounds: rounds, write: func(d *crdt.Document, e element) error {
		return d.Assign(kernel.Root, crdt.TagRegister, fmt.Sprintf("key%03d", e.key), fmt.Sprintf("%08d", e.version), false, crdt.Options{})
	}}
	return w.make(func(node, _ int) (out []element) {
		lo, hi := node*keys/g.Nodes, (node+1)*keys/g.Nodes
		own := rng.Perm(hi - lo)
		for _, k := range own[:(hi-lo)*percent/100] {
			versions[lo+k]++
			out = append(out, element{key: lo + k, version: versions[lo+k], bytes: 14})
		}
		return out
	})
}

// Sizes of the Retwis run. The paper has 10,000 users.
const (
	users      = 10_000
	postBytes  = 270
	idBytes    = 31
	retwisTime = 20 // events of a node
)

// retwis is the clone of Twitter that the paper runs: of a node's events 15% are
// follows, 35% posts, which go to the timelines of all followers too, and the rest
// read. Who acts is drawn by Zipf's law.
func retwis(zipf float64) *workload {
	rng := rand.New(rand.NewPCG(uint64(zipf*100), 5))
	draw := zipfian(rng, users, zipf)
	followers := make([][]int, users)
	next := 0
	w := &workload{name: fmt.Sprintf("Retwis %.2f", zipf), graph: crowd.Mesh(50), rounds: retwisTime, write: writeRetwis}
	return w.make(func(_, _ int) (out []element) {
		who := draw()
		switch x := rng.IntN(100); {
		case x < 15:
			whom := draw()
			followers[whom] = append(followers[whom], who)
			out = append(out, element{object: whom * 3, key: who, version: 1, bytes: 8})
		case x < 50:
			next++
			out = append(out, element{object: who*3 + 1, key: next, version: 1, bytes: idBytes + postBytes})
			seen := map[int]bool{}
			for _, f := range followers[who] {
				if !seen[f] {
					seen[f] = true
					out = append(out, element{object: f*3 + 2, key: next, version: 1, bytes: idBytes + 8})
				}
			}
		}
		return out
	})
}

// add adds to the set at a path.
func add(d *crdt.Document, elem string, path ...kernel.Component) error {
	at, err := d.Ensure(path)
	if err != nil {
		return err
	}
	return d.Assign(at, crdt.TagElem, elem, "", false, crdt.Options{})
}

// put writes a register in the map at a path.
func put(d *crdt.Document, key, value string, path ...kernel.Component) error {
	at, err := d.Ensure(path)
	if err != nil {
		return err
	}
	return d.Assign(at, crdt.TagRegister, key, value, false, crdt.Options{})
}

// writeRetwis writes an element: of a user's followers, posts or timeline.
func writeRetwis(d *crdt.Document, e element) error {
	user := kernel.Component{Tag: crdt.TagMap, Name: fmt.Sprintf("u%d", e.object/3)}
	switch e.object % 3 {
	case 0:
		return add(d, fmt.Sprintf("u%07d", e.key), user, kernel.Component{Tag: crdt.TagSet, Name: "followers"})
	case 1:
		return put(d, fmt.Sprintf("%0*d", idBytes, e.key), fmt.Sprintf("%0*d", postBytes, e.key), user, kernel.Component{Tag: crdt.TagMap, Name: "posts"})
	}
	return put(d, fmt.Sprintf("%08d", e.key), fmt.Sprintf("%0*d", idBytes, e.key), user, kernel.Component{Tag: crdt.TagMap, Name: "timeline"})
}

// zipfian draws numbers below n, the i-th with a weight of 1/(i+1)^s.
func zipfian(rng *rand.Rand, n int, s float64) func() int {
	sums := make([]float64, n)
	sum := 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	return func() int { return min(sort.SearchFloat64s(sums, rng.Float64()*sum), n-1) }
}
