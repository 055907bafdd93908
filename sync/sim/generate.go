package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Generate returns the history of a seed.
func Generate(seed uint64, o Options) *Script {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0x6a6f696e)), o: o}
	g.mix()
	s := &Script{Seed: seed, Replicas: 2 + g.rng.IntN(max(o.MaxReplicas-1, 1)), Net: g.net(), Tuning: g.tuning()}
	if s.Net.Storm {
		s.Expect.Within = 3 * Bound
	}
	g.nodes = s.Replicas
	g.docs = 1 + g.rng.IntN(max(o.MaxDocs, 1))
	g.span = g.duration(o.Span/20, o.Span)
	steps := 4 + g.rng.IntN(max(o.MaxSteps-3, 1))
	at := make([]time.Duration, steps)
	for i := range at {
		at[i] = g.duration(0, g.span)
	}
	slices.Sort(at)
	if g.one(4) { // all at about the same time
		for i := range at {
			at[i] = at[i] / 50
		}
	}
	for _, t := range at {
		s.Actions = append(s.Actions, g.action(t.Truncate(100*time.Microsecond)))
	}
	if g.faults.Mixed && g.one(3) { // drawn last: the rest of a history is the same without
		s.Tuning.Newer = 1 + g.rng.IntN(s.Replicas)
	}
	g.age(s)
	g.litter(s)
	g.wearOut(s)
	g.endanger(s)
	g.divide(s)
	g.economize(s)
	g.choose(s)
	g.climb(s)
	g.restrict(s)
	g.meet(s)
	return s
}

type generator struct {
	rng     *rand.Rand
	o       Options
	faults  Faults
	nodes   int
	docs    int
	span    time.Duration
	trouble int // faults among 100 actions
	calm    bool
	values  int
	menu    []Verb
}

func (g *generator) one(in int) bool { return g.rng.IntN(in) == 0 }

func (g *generator) duration(from, to time.Duration) time.Duration {
	return from + time.Duration(g.rng.Int64N(int64(to-from)+1))
}

// mix draws which faults this history has.
func (g *generator) mix() {
	f := g.o.Faults
	g.calm = g.one(8) && !g.o.Focus
	calm := g.calm
	for _, on := range []*bool{
		&f.Loss, &f.Duplicates, &f.Reordering, &f.Cuts, &f.Clogs, &f.Clocks, &f.Pauses, &f.Crashes,
		&f.Members, &f.Offline, &f.SmallLogs,
	} {
		*on = *on && !calm && g.one(2)
	}
	for _, on := range []*bool{&f.Restores, &f.Large} {
		*on = *on && !calm && g.one(4)
	}
	f.Clones = f.Clones && !calm && g.one(12)
	g.faults = f
	g.trouble = []int{5, 15, 30, 50}[g.rng.IntN(4)]
	g.menu = g.verbs()
}

// verbs lists the troubles to choose from.
func (g *generator) verbs() (menu []Verb) {
	for _, x := range []struct {
		on    bool
		verbs []Verb
	}{
		{g.faults.Cuts, []Verb{Cut, Cut, Join, Partition, Partition, Ring, Heal, Heal}},
		{g.faults.Clogs, []Verb{Clog}},
		{g.faults.Clocks, []Verb{Skew, Skew, Freeze, Epoch}},
		{g.faults.Pauses, []Verb{Pause, Pause, Resume, Resume}},
		{g.faults.Crashes, []Verb{Crash, Crash, Restart, Restart, Restart}},
		{g.faults.Restores, []Verb{Restore}},
		{g.faults.Clones, []Verb{Clone}},
		{g.faults.Members, []Verb{Arrive, Leave}},
		{g.faults.Offline, []Verb{Offline, Offline, Online, Online}},
	} {
		if x.on {
			menu = append(menu, x.verbs...)
		}
	}
	return menu
}

func (g *generator) net() Net {
	n := Net{DelayMin: 200 * time.Microsecond, DelayMax: 2 * time.Millisecond, Echo: g.one(2)}
	if g.faults.Loss {
		n.Loss = []float64{0.02, 0.1, 0.3, 0.6}[g.rng.IntN(4)]
	}
	n.Storm = n.Loss > 0 && n.Loss <= 0.1 && g.one(3)
	if g.faults.Duplicates {
		n.Duplicate = []float64{0.05, 0.5}[g.rng.IntN(2)]
	}
	if g.faults.Reordering {
		n.DelayMax = g.duration(5*time.Millisecond, 200*time.Millisecond)
	}
	return n
}

func (g *generator) tuning() (t Tuning) {
	if g.faults.SmallLogs {
		t.LogBytes = []int{-1, 200, 1000}[g.rng.IntN(3)]
	}
	if g.faults.Large {
		t.MaxMessage = 4 << 10
	}
	if g.one(3) { // so that writes wait unsealed while other things happen
		t.FlushAge = []time.Duration{20 * time.Millisecond, 200 * time.Millisecond}[g.rng.IntN(2)]
	}
	return t
}

// action returns what happens at a time: a write, mostly.
func (g *generator) action(at time.Duration) Action {
	if len(g.menu) > 0 && g.rng.IntN(100) < g.trouble {
		return g.fault(at)
	}
	a := Action{At: at, Node: g.rng.IntN(g.nodes), Do: Write, Doc: fmt.Sprint("doc", g.rng.IntN(g.docs))}
	a.Ops = []Op{g.op()}
	if g.one(5) {
		a.Do = Update
		for range 1 + g.rng.IntN(4) {
			a.Ops = append(a.Ops, g.op())
		}
		if g.one(4) {
			a.Do = Abort
		}
	}
	return a
}

func (g *generator) fault(at time.Duration) Action {
	a := Action{At: at, Do: g.menu[g.rng.IntN(len(g.menu))], Node: g.rng.IntN(g.nodes)}
	switch a.Do {
	case Cut, Join:
		a.Peer = g.rng.IntN(g.nodes)
	case Clog:
		a.Peer, a.Time = g.rng.IntN(g.nodes), g.duration(0, time.Second)
	case Partition:
		a.Amount = 1 + g.rng.IntN(g.nodes)
	case Skew:
		year := 365 * 24 * time.Hour
		a.Time = g.duration(-year, year)
		if g.one(2) {
			a.Time = g.duration(-time.Minute, time.Minute)
		}
		a.Time = a.Time.Truncate(time.Second)
	case Crash:
		a.Amount = g.rng.IntN(3)
	case Restore:
		a.Amount = g.rng.IntN(12)
	case Clone, Arrive:
		if g.nodes >= 2*g.o.MaxReplicas {
			a.Do = Heal
		} else {
			g.nodes++
		}
	}
	return a
}

var weights = []OpVerb{
	Set, Set, Set, Set, Clear, Add, Add, Remove, RWAdd, RWRemove, Enable, Disable, DWEnable, DWDisable,
	Inc, Inc, Inc, Reset, Put, Put, Delete, Prune,
}

// op returns a write to one of few places, so that writes meet.
func (g *generator) op() Op {
	o := Op{Do: weights[g.rng.IntN(len(weights))]}
	prefix := []string{"", "", "m/", "m/n/", "o/"}[g.rng.IntN(5)]
	name := string(rune('x' + g.rng.IntN(2)))
	o.Path = prefix + name
	switch o.Do {
	case Prune:
		o.Path = []string{"", "m", "m/n", "o"}[g.rng.IntN(4)]
	case Add, Remove, RWAdd, RWRemove, Put, Delete:
		o.Elem = string(rune('a' + g.rng.IntN(3)))
	case Inc:
		o.Amount = g.rng.Int64N(20) - 5
	}
	if o.Do == Set || o.Do == Put {
		g.values++
		o.Value = fmt.Sprint("v", g.values)
		if g.faults.Large && g.one(3) {
			o.Size = 1 << (8 + g.rng.IntN(6))
		}
	}
	g.qualify(&o)
	return o
}

// qualify adds an explicit timestamp or a client's context now and then.
func (g *generator) qualify(o *Op) {
	if o.Do == Inc || o.Do == Prune {
		return
	}
	if o.isAssign() && g.one(10) {
		t := g.duration(-time.Minute, time.Minute).Truncate(time.Millisecond)
		o.At = &t
	}
	if g.one(8) {
		n := g.rng.IntN(g.nodes)
		o.Over = &n
	}
}
