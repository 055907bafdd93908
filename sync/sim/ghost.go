package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
)

// ghost is a write as it would be if nothing were ever folded, collected or
// forgotten: what it adds, and what it kills of all that its writer had
// observed. What readers see must be the same.
type ghost struct {
	dot   causal.Dot // the last event of the write
	adds  []living
	kills map[causal.Dot]bool
}

// haunting is what lives for the ghosts in a context.
func (l *ledger) haunting(c *causal.Context) (live []living) {
	killed := map[causal.Dot]bool{}
	for i := range l.ghosts {
		if c.Contains(l.ghosts[i].dot) {
			for dot := range l.ghosts[i].kills {
				killed[dot] = true
			}
		}
	}
	for i := range l.ghosts {
		if !c.Contains(l.ghosts[i].dot) {
			continue
		}
		for _, x := range l.ghosts[i].adds {
			if !killed[x.dot] {
				live = append(live, x)
			}
		}
	}
	return live
}

// ghostsAt returns what a writer would have observed.
func (w *world) ghostsAt(n *node, doc string) []living {
	if !w.script.Tuning.Collect {
		return nil
	}
	c := causal.Context{}
	if x := n.forgot[doc]; x != nil {
		c.Join(*x)
	}
	if d := n.r.View(doc); d != nil {
		c.Join(d.State().Context())
	}
	w.joinFinals(&c, doc)
	return w.ledger(doc).haunting(&c)
}

// joinFinals adds what those did who have retired: contexts may not say so any more.
func (w *world) joinFinals(c *causal.Context, doc string) {
	for a, f := range w.finals {
		c.AddRanges(a, f[doc])
	}
}

// noteGhost notes a write that was done.
func (w *world) noteGhost(n *node, a *Action, seen []living, head uint64, after *naive) {
	if !w.script.Tuning.Collect || a.Do == Abort {
		return
	}
	l, self := w.ledger(a.Doc), n.r.Actor()
	m := naive{self: self, live: slices.Clone(seen)}
	for i := range a.Ops {
		if err := m.apply(&a.Ops[i], nil); err != nil {
			w.fail(n, a.Doc, "ghost", "%v", err)
		}
	}
	g := ghost{dot: causal.Dot{Actor: self, Seq: headOf(n.r.View(a.Doc))}, kills: map[causal.Dot]bool{}}
	for _, x := range seen {
		g.kills[x.dot] = true
	}
	for _, x := range m.live {
		if !x.dot.IsZero() {
			delete(g.kills, x.dot)
			continue
		}
		w.ghosts++
		x.dot = causal.Dot{Actor: self, Seq: w.ghosts}
		for _, y := range after.live {
			if y.dot.Actor == self && y.dot.Seq > head && y.tag == x.tag && y.key == x.key && slices.Equal(y.path, x.path) {
				x.time = y.time
			}
		}
		g.adds = append(g.adds, x)
	}
	l.ghosts = append(l.ghosts, g)
}

// checkGhosts demands that readers see what they would if nothing were ever
// folded, collected or forgotten: nothing is lost, doubled or back.
func (w *world) checkGhosts() {
	if !w.script.Tuning.Collect {
		return
	}
	for _, doc := range w.docs() {
		l := w.ledger(doc)
		c := l.settled.Clone()
		for _, n := range w.alive() {
			if d := n.r.View(doc); d != nil {
				c.Join(d.State().Context())
			}
		}
		w.joinFinals(&c, doc)
		want := views(l.haunting(&c), nil)
		for _, n := range w.alive() {
			if have := views(snapshot(n.r.View(doc)).live, n.r.View(doc)); have != want {
				w.fail(n, doc, "ghost", "readers see\n%sand should see\n%s", have, want)
			}
		}
	}
}

// views writes down what a reader sees in what lives. Counters of a real document are read there.
func views(live []living, d *crdt.Document) string {
	places := map[string][]living{}
	for _, x := range live {
		at := fmt.Sprint(x.path, x.tag, x.key)
		places[at] = append(places[at], x)
	}
	var lines []string
	for at, all := range places {
		if seen := view(all, d); seen != "" {
			lines = append(lines, at+" "+seen+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// view returns what a reader sees at one place, "" if nothing.
func view(all []living, d *crdt.Document) string {
	marked := slices.ContainsFunc(all, func(x living) bool { return x.marked })
	switch all[0].tag {
	case crdt.TagCounter:
		return count(all, d)
	case crdt.TagRWElem, crdt.TagDWFlag:
		if marked {
			return ""
		}
		return "is there"
	case crdt.TagLWWField:
		x := slices.MaxFunc(all, func(x, y living) int {
			return cmp.Or(cmp.Compare(x.time, y.time), x.dot.Compare(y.dot))
		})
		if x.marked {
			return ""
		}
		return "= " + x.value
	}
	var values []string
	for _, x := range all {
		values = append(values, x.value)
	}
	slices.Sort(values)
	return "= " + strings.Join(values, ", ")
}

func count(all []living, d *crdt.Document) string {
	if d == nil {
		sum := int64(0)
		for _, x := range all {
			sum += increment(x.value)
		}
		return fmt.Sprint("counts ", sum)
	}
	in, _ := d.Container(all[0].path)
	sum, ok := d.Sum(in, all[0].key)
	if !ok {
		return ""
	}
	return fmt.Sprint("counts ", sum)
}
