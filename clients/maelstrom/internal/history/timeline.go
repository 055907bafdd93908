package history

import (
	"math"
	"slices"
	"time"
)

// ChangeKind says what changed in the world of the nodes.
type ChangeKind string

// The kinds of changes. What makes things worse is noted before it is done,
// what makes them better afterwards.
const (
	Started  ChangeKind = "started" // a process is ready; the first of a node is incarnation 0
	Killed   ChangeKind = "killed"
	Paused   ChangeKind = "paused"
	Resumed  ChangeKind = "resumed"
	LinkDown ChangeKind = "link down"
	LinkUp   ChangeKind = "link up"
)

// Change is one change at one moment.
type Change struct {
	At   time.Duration
	Kind ChangeKind
	Node int
	Peer int // of links: the other end
}

// Span is a half-open interval of time.
type Span struct {
	From, To time.Duration
}

// forever is the end of what did not end.
const forever = time.Duration(math.MaxInt64)

// Limits are the times that are granted to the engine.
type Limits struct {
	// Recovery is how long after a disturbance two nodes count as out of touch:
	// their servers connect anew, and the replicas find what they missed.
	Recovery time.Duration
	// Spread is how long a write takes from node to node while all is well.
	Spread time.Duration
}

// Timeline answers questions about faults.
type Timeline struct {
	nodes   int
	limits  Limits
	away    [][]Span // per node: no process, or a paused one
	links   map[[2]int][]Span
	births  [][]time.Duration // per node and incarnation
	deaths  [][]time.Duration // likewise
	contact [][]Span          // per node: in touch with a majority
}

// NewTimeline reads changes, which must be in order.
func NewTimeline(nodes int, changes []Change, limits Limits) *Timeline {
	t := &Timeline{
		nodes: nodes, limits: limits, away: make([][]Span, nodes), links: make(map[[2]int][]Span),
		births: make([][]time.Duration, nodes), deaths: make([][]time.Duration, nodes), contact: make([][]Span, nodes),
	}
	for n := range nodes {
		t.away[n] = []Span{{0, forever}} // until it is started
	}
	for _, c := range changes {
		t.note(c)
	}
	for n := range nodes {
		t.contact[n] = t.contacts(n)
	}
	return t
}

func (t *Timeline) note(c Change) {
	switch c.Kind {
	case Started:
		t.births[c.Node] = append(t.births[c.Node], c.At)
		t.deaths[c.Node] = append(t.deaths[c.Node], forever)
		shut(t.away[c.Node], c.At)
	case Resumed:
		shut(t.away[c.Node], c.At)
	case Killed:
		deaths := t.deaths[c.Node]
		deaths[len(deaths)-1] = c.At
		t.away[c.Node] = append(t.away[c.Node], Span{c.At, forever})
	case Paused:
		t.away[c.Node] = append(t.away[c.Node], Span{c.At, forever})
	case LinkDown:
		p := pair(c.Node, c.Peer)
		t.links[p] = append(t.links[p], Span{c.At, forever})
	case LinkUp:
		shut(t.links[pair(c.Node, c.Peer)], c.At)
	}
}

// shut ends the spans that are open.
func shut(spans []Span, at time.Duration) {
	for i := range spans {
		if spans[i].To == forever {
			spans[i].To = at
		}
	}
}

func pair(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// Away reports whether the node was down or paused at any moment from one time
// to another.
func (t *Timeline) Away(node int, from, to time.Duration) bool {
	return slices.ContainsFunc(t.away[node], func(s Span) bool { return s.From <= to && from < s.To })
}

// Parted reports whether any link of the node was down from one time to another.
func (t *Timeline) Parted(node int, from, to time.Duration) bool {
	for p, spans := range t.links {
		if p[0] != node && p[1] != node {
			continue
		}
		if slices.ContainsFunc(spans, func(s Span) bool { return s.From <= from && to < s.To }) {
			return true
		}
	}
	return false
}

// Died reports whether a process was killed.
func (t *Timeline) Died(node, incarnation int) bool {
	return t.deaths[node][incarnation] != forever
}

// Spread reports whether what a process held at a moment must have reached
// others that outlive it, or the process lived to the end; see the package.
func (t *Timeline) Spread(node, incarnation int, since time.Duration) bool {
	if !t.Died(node, incarnation) {
		return true
	}
	death := t.deaths[node][incarnation]
	return slices.ContainsFunc(t.contact[node], func(s Span) bool {
		return max(s.From, since)+t.limits.Spread <= min(s.To, death)
	})
}

// Restarted reports whether a process took the place of a killed one and had
// not had the time to recover at a moment: it began empty.
func (t *Timeline) Restarted(node, incarnation int, at time.Duration) bool {
	return incarnation > 0 && at < t.births[node][incarnation]+t.limits.Recovery
}

// contacts returns when a node was in contact with enough others to make a
// majority.
func (t *Timeline) contacts(node int) (spans []Span) {
	troubles := make([][]Span, t.nodes)
	edges := []time.Duration{0}
	for peer := range t.nodes {
		troubles[peer] = t.troubles(node, peer)
		for _, s := range troubles[peer] {
			edges = append(edges, s.From, s.To)
		}
	}
	slices.Sort(edges)
	edges = append(slices.Compact(edges), forever)
	for i, from := range edges[:len(edges)-1] {
		if from == forever || !t.majority(troubles, from) {
			continue
		}
		if n := len(spans); n > 0 && spans[n-1].To == from {
			spans[n-1].To = edges[i+1]
		} else {
			spans = append(spans, Span{from, edges[i+1]})
		}
	}
	return spans
}

// troubles returns when a pair was out of touch. A node is in touch with itself
// while it runs.
func (t *Timeline) troubles(node, peer int) []Span {
	all := slices.Concat(t.away[node], t.away[peer])
	if node != peer {
		all = append(all, t.links[pair(node, peer)]...)
	}
	for i := range all {
		if all[i].To != forever {
			all[i].To += t.limits.Recovery
		}
	}
	return all
}

func (t *Timeline) majority(troubles [][]Span, at time.Duration) bool {
	count := 0
	for _, spans := range troubles {
		if !slices.ContainsFunc(spans, func(s Span) bool { return s.From <= at && at < s.To }) {
			count++
		}
	}
	return 2*count > t.nodes
}
