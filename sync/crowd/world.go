package crowd

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Config describes a crowd.
type Config struct {
	// Seed feeds the replicas' random sources and the network's.
	Seed uint64
	// Links says for each replica in which systems it speaks, one a port. Systems
	// are numbered from 0 on without gaps.
	Links [][]int
	// Delay is how long a message takes at most; each replica has its own
	// distance from the middle of a system.
	Delay time.Duration
	// Loss is the chance that a delivery is lost.
	Loss float64
	// Tune changes the configuration of the i-th replica; nil changes none.
	Tune func(i int, c *replica.Config)
	// Sent is told of each message as it is sent, with the number of those who are
	// to get it; nil is not told.
	Sent func(at time.Duration, from int, m *replica.Outgoing, receivers int)
}

// rings is how many distances from the middle of a system there are.
const rings = 16

// World is a crowd under way.
type World struct {
	Replicas []*replica.Replica
	// Now is the virtual time since the beginning.
	Now time.Duration

	cfg     Config
	rng     *rand.Rand
	members [][][]member // by system and ring
	index   map[causal.ID]int
	online  []bool
	ticks   []time.Duration // when the replica's tick is due that waits
	queue   queue
	order   uint64
}

// member is a replica in a system.
type member struct{ node, port int }

// epoch is when the virtual time begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// New makes the replicas. None is connected yet.
func New(c Config) *World {
	w := &World{cfg: c, rng: rand.New(rand.NewPCG(c.Seed, 1)), index: make(map[causal.ID]int)}
	for i, systems := range c.Links {
		id := causal.ID{0: 0xc0, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
		w.index[id] = i
		w.Replicas = append(w.Replicas, nil)
		w.online, w.ticks = append(w.online, false), append(w.ticks, -1)
		w.start(i, id, 0)
		for port, s := range systems {
			for len(w.members) <= s {
				w.members = append(w.members, make([][]member, rings))
			}
			ring := w.rng.IntN(rings)
			w.members[s][ring] = append(w.members[s][ring], member{i, port})
		}
	}
	return w
}

// start makes the i-th replica, for the n-th time.
func (w *World) start(i int, id causal.ID, n uint64) {
	cfg := replica.Config{
		ID: id, Ports: len(w.cfg.Links[i]), Clock: w.time,
		Rand: rand.New(rand.NewPCG(w.cfg.Seed^uint64(i)<<20, 2+n)),
	}
	if w.cfg.Tune != nil {
		w.cfg.Tune(i, &cfg)
	}
	r, err := replica.New(cfg, w.time())
	if err != nil {
		panic(err) // the configuration is the caller's program
	}
	w.Replicas[i] = r
}

// Restart ends the i-th replica and makes it anew, without anything in memory;
// load gives it what its disk has.
func (w *World) Restart(i int, n uint64, load func(*replica.Replica)) {
	w.online[i], w.ticks[i] = false, -1
	w.start(i, w.id(i), n)
	load(w.Replicas[i])
}

func (w *World) id(i int) causal.ID { return w.Replicas[i].Actor().ID }

func (w *World) time() time.Time { return epoch.Add(w.Now) }

// Connect tells a replica that all its links are up, or down.
func (w *World) Connect(i int, up bool) {
	w.online[i] = up
	for port := range w.cfg.Links[i] {
		w.Replicas[i].ConnectOn(w.time(), port, up)
	}
	w.drain(i)
}

// Write runs fn on a document of the i-th replica.
func (w *World) Write(i int, doc string, fn func(*crdt.Document) error) {
	if err := w.Replicas[i].Write(w.time(), doc, fn); err != nil {
		panic(err) // what is written is the caller's program
	}
	w.drain(i)
}

// At lets fn run at a time.
func (w *World) At(t time.Duration, fn func()) { w.push(&job{at: t, do: fn}) }

// Run lets time pass until t.
func (w *World) Run(t time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at <= t {
		j := heap.Pop(&w.queue).(*job)
		w.Now = max(w.Now, j.at)
		j.do()
	}
	w.Now = t
}

// Equal reports whether all replicas hold the same, and nothing waits to be sent.
func (w *World) Equal() bool {
	first := w.Replicas[0].Digest()
	return !slices.ContainsFunc(w.Replicas, func(r *replica.Replica) bool { return r.Digest() != first || r.Stats().Pending > 0 })
}

// drain sends what a replica wants sent, and plans its next tick.
func (w *World) drain(i int) {
	out := w.Replicas[i].Ready()
	for m := range out.Messages {
		w.send(i, &out.Messages[m])
	}
	next := w.Replicas[i].Next()
	if next.IsZero() {
		w.ticks[i] = -1
		return
	}
	if at := max(next.Sub(epoch), w.Now); at != w.ticks[i] {
		w.ticks[i] = at
		w.push(&job{at: at, do: func() { w.tick(i, at) }})
	}
}

func (w *World) tick(i int, at time.Duration) {
	if w.ticks[i] == at {
		w.ticks[i] = -1
		w.Replicas[i].Tick(w.time())
		w.drain(i)
	}
}

// send hands a message to the system behind its port.
func (w *World) send(from int, m *replica.Outgoing) {
	system := w.cfg.Links[from][m.Port]
	up := w.cfg.Delay / rings
	switch m.To {
	case replica.ToPeer, replica.ToAny:
		to := w.pick(system, from, m)
		w.told(from, m, 1)
		if to.node >= 0 {
			w.push(&job{at: w.Now + up + w.spread(w.cfg.Delay), do: func() { w.deliver(to, m) }})
		}
	default:
		all := 0
		for ring, some := range w.members[system] {
			all += len(some)
			if len(some) > 0 {
				at := w.Now + up + w.cfg.Delay*time.Duration(ring)/rings + w.spread(w.cfg.Delay/rings)
				w.push(&job{at: at, do: func() { w.deliverAll(from, some, m) }})
			}
		}
		w.told(from, m, all-1)
	}
}

func (w *World) told(from int, m *replica.Outgoing, receivers int) {
	if w.cfg.Sent != nil {
		w.cfg.Sent(w.Now, from, m, receivers)
	}
}

func (w *World) spread(d time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(max(d, 1))))
}

// pick returns who gets a message to one replica, or to any.
func (w *World) pick(system, from int, m *replica.Outgoing) member {
	all := slices.Concat(w.members[system]...)
	if m.To == replica.ToAny {
		all = slices.DeleteFunc(all, func(x member) bool { return !w.online[x.node] })
		if len(all) == 0 {
			return member{-1, 0}
		}
		return all[w.rng.IntN(len(all))]
	}
	to := w.index[m.Peer]
	if i := slices.IndexFunc(all, func(x member) bool { return x.node == to }); i >= 0 {
		return all[i]
	}
	return member{-1, 0}
}

func (w *World) deliverAll(from int, some []member, m *replica.Outgoing) {
	for _, to := range some {
		if to.node != from {
			w.deliver(to, m)
		}
	}
}

func (w *World) deliver(to member, m *replica.Outgoing) {
	if !w.online[to.node] || w.cfg.Loss > 0 && w.rng.Float64() < w.cfg.Loss {
		return
	}
	_ = w.Replicas[to.node].StepOn(w.time(), to.port, m.Doc, m.Data) // what a restarted replica refuses is repaired
	w.drain(to.node)
}

// Elements returns how many payloads a message carries, and in how many units.
func Elements(data []byte) (elements, units int) {
	_, body, err := message.Parse(data)
	if m, ok := body.(*message.Delta); err == nil && ok {
		for unit, rest := m.Unit.Cut(); len(unit) > 0; unit, rest = rest.Cut() {
			if f, err := unit.Open(); err == nil {
				units++
				for range f.All() {
					elements++
				}
			}
		}
	}
	return elements, units
}

func (w *World) push(j *job) {
	w.order++
	j.order = w.order
	heap.Push(&w.queue, j)
}

// job is something that is due at a time.
type job struct {
	at    time.Duration
	order uint64
	do    func()
}

// queue is a heap of jobs by time, equal ones in the order in which they came.
type queue []*job

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(*job)) }

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return j
}

// Flush has the i-th replica send what waits.
func (w *World) Flush(i int) {
	w.Replicas[i].Flush(w.time())
	w.drain(i)
}

// Lose sets the chance that a delivery is lost, from here on.
func (w *World) Lose(share float64) { w.cfg.Loss = share }
