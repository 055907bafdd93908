package main

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// element is one join-irreducible part of a state: an entry of an object and its
// version. A set's elements have version 1, a counter's entries their sum, a map's
// keys a number that grows; the greater one is the join.
type element struct {
	object, key int
	version     uint64
	bytes       int // of key and value
}

// lattice is a state, or a delta group: objects of entries.
type lattice map[int]map[int]element

// join takes an element in and reports whether it was news.
func (l lattice) join(e element) bool {
	o := l[e.object]
	if o == nil {
		o = make(map[int]element)
		l[e.object] = o
	}
	if old, ok := o[e.key]; ok && old.version >= e.version {
		return false
	}
	o[e.key] = e
	return true
}

// size returns the elements and their bytes.
func (l lattice) size() (elements, bytes int) {
	for _, o := range l {
		elements += len(o)
		for _, e := range o {
			bytes += e.bytes
		}
	}
	return elements, bytes
}

// equal compares versions.
func (l lattice) equal(m lattice) bool {
	return len(l) == len(m) && maps.EqualFunc(l, m, func(a, b map[int]element) bool { return maps.Equal(a, b) })
}

// algorithm is one of those that the paper compares: with or without avoidance
// of back-propagation, with or without removal of redundant state. Full sends
// the whole state each time.
type algorithm struct {
	name       string
	full       bool
	avoid, cut bool
}

var algorithms = []algorithm{
	{name: "state", full: true}, {name: "classic"}, {name: "BP", avoid: true}, {name: "RR", cut: true}, {name: "BP+RR", avoid: true, cut: true},
}

// delta is an entry of a node's buffer: what came of one object, and from whom.
type delta struct {
	object, from int
	entries      map[int]element
}

// peer is a node of the baseline.
type peer struct {
	state  lattice
	buffer []delta
}

// baseline runs an algorithm of the paper on a workload: every node has its
// events once a second, sends to its neighbours once a second, and hears from
// them at its own times. It returns what was sent.
func baseline(a algorithm, w *workload, seed uint64) (elements, bytes int) {
	neighbours := w.graph.Neighbours()
	nodes := make([]peer, len(neighbours))
	for i := range nodes {
		nodes[i].state = lattice{}
	}
	order := rand.New(rand.NewPCG(seed, 3)).Perm(len(nodes)) // by their phases within a second
	for round := 0; round < w.rounds || !settled(nodes, a); round++ {
		for _, i := range order {
			if round < w.rounds {
				for _, e := range w.events(i, round) {
					nodes[i].store(i, lattice{e.object: {e.key: e}}, algorithm{})
				}
			}
			for _, j := range neighbours[i] {
				d := nodes[i].group(a, j)
				n, b := d.size()
				elements, bytes = elements+n, bytes+b
				nodes[j].store(i, d, a)
			}
			nodes[i].buffer = nil
		}
	}
	return elements, bytes
}

// settled reports whether nobody has anything left to send: states are sent until
// all hold the same.
func settled(nodes []peer, a algorithm) bool {
	for i := range nodes {
		if len(nodes[i].buffer) > 0 || a.full && !nodes[i].state.equal(nodes[0].state) {
			return false
		}
	}
	return true
}

// period is how often nodes have events and send.
const period = time.Second

// group returns what goes to a neighbour.
func (p *peer) group(a algorithm, to int) lattice {
	if a.full {
		return p.state
	}
	out := lattice{}
	for _, d := range p.buffer {
		if a.avoid && d.from == to {
			continue
		}
		for _, e := range d.entries {
			out.join(e)
		}
	}
	return out
}

// store takes a delta group in, object by object, as the paper's algorithm does:
// an object's delta that brings anything is kept whole, or only what it brings.
func (p *peer) store(from int, d lattice, a algorithm) {
	objects := make([]int, 0, len(d))
	for o := range d {
		objects = append(objects, o)
	}
	slices.Sort(objects)
	for _, o := range objects {
		news := make(map[int]element)
		for k, e := range d[o] {
			if p.state.join(e) {
				news[k] = e
			}
		}
		switch {
		case len(news) == 0 || a.full:
		case a.cut:
			p.buffer = append(p.buffer, delta{o, from, news})
		default:
			p.buffer = append(p.buffer, delta{o, from, d[o]})
		}
	}
}
