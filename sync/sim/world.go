package sim

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Result is what became of a history.
type Result struct {
	// Failure is nil if all checks held.
	Failure *Failure
	// Hash is a hash of everything that happened, in order.
	Hash uint64
	// Healed is how much virtual time the replicas took to converge after the
	// last fault.
	Healed time.Duration
	Stats  Stats
	// Log is the lane diagram, if it was asked for.
	Log string
}

// Stats counts what happened in a history.
type Stats struct {
	Actions    int
	Writes     int // ops that succeeded
	Messages   int // handed to the network
	Deliveries int
	Units      int // sealed and durable
	Lost       int // units that a crash took before they were durable
	Syncs      int // that something waited for
	Grouped    int // outputs that shared such a sync
	Survivors  int // records that outlived a crash unsynced
	Forgets    int // documents that were deleted and forgotten, at one replica each
	Folded     int // counters, once for each time
	Collected  int // places
	Torn       int // records that were discarded at a start
	DiskErrors int // failed writes and syncs
	Stops      int // clean ends
	Resumed    int // starts under the incarnation of a clean end
	Restores   int // of old copies, and of nothing
	Copies     int // disks of which a copy was started besides
	Forgotten  int // documents that a disk lost
	Interests  int // changes of what a replica holds
	Expired    int // payloads that somebody killed because they had expired
	Checks     int // states compared with the ledger
	Frames     int // whole states sent
	Tainted    int // documents in which a clone gave a dot two payloads
	Retired    int // actors that retired
	Left       int // replicas that left by themselves and ended
	Dismissed  int // members that others fenced or gave up
	Passed     int // units that relays passed on
	Refusals   int // of what only a later release can read
	// PartsRelayed counts units that were passed on with a part unknown to the relay.
	PartsRelayed int
	Ladder       replica.Ladder
	Alarms       map[string]int
}

// Failure is the first check that did not hold.
type Failure struct {
	Kind   string // what kind of check
	At     time.Duration
	Node   string
	Doc    string
	Detail string
}

func (f *Failure) String() string {
	return fmt.Sprintf("%s at %v on %s, document %q: %s", f.Kind, f.At, f.Node, f.Doc, f.Detail)
}

// world is a history under way.
type world struct {
	script  *Script
	nodes   []*node
	net     network
	queue   queue
	now     time.Duration
	ledgers map[string]*ledger
	hash    uint64
	cloned  bool // two processes share an identity
	ghost   bool // what is delivered was sent by an earlier start of its receiver
	copied  bool // two processes share an identity, and no incarnation
	lossy   bool // a disk that may have been the only one with a unit is gone
	stats   Stats
	failure *Failure
	trace   *tracer
	scratch []int
	finals  map[causal.Actor]finals
	ghosts  uint64 // so far
	chatter int    // messages besides beacons
	isCalm  bool   // disks have no faults any more
	hasty   bool   // messages do not wait for the disk: a wrong implementation
	sticky  bool   // processes start as the actor that their disk knows, whatever happened to it: another
	choosy  bool   // some replicas do not hold all documents
}

// Run plays a script.
func Run(s *Script) *Result { return run(s, nil) }

// Trace plays a script and draws it.
func Trace(s *Script) *Result { return run(s, &tracer{}) }

func run(s *Script, t *tracer) *Result { return newWorld(s, t).result() }

func newWorld(s *Script, t *tracer) *world {
	w := &world{script: s, ledgers: make(map[string]*ledger), finals: make(map[causal.Actor]finals), trace: t}
	w.stats.Alarms = make(map[string]int)
	w.net = network{cfg: s.Net, seed: s.Seed}
	return w
}

func (w *world) result() *Result {
	healed := w.play()
	for _, l := range w.ledgers {
		if l.tainted {
			w.stats.Tainted++
		}
	}
	return &Result{Failure: w.failure, Hash: w.hash, Healed: healed, Stats: w.stats, Log: w.trace.text(w)}
}

// play runs the faults, then the liveness phase.
func (w *world) play() (healed time.Duration) {
	defer func() {
		if p := recover(); p != nil {
			w.fail(nil, "", "panic", "%v\n%s", p, debug.Stack())
		}
	}()
	for range w.script.Replicas {
		w.start(w.add(nodeID(len(w.nodes))))
	}
	for i := range w.script.Actions {
		w.queue.push(job{at: w.script.Actions[i].At, kind: act, node: i})
	}
	for last := w.lastAction(); w.failure == nil && len(w.queue.jobs) > 0 && w.queue.jobs[0].at <= last; {
		w.do(w.queue.pop())
	}
	if w.failure == nil {
		healed = w.liveness()
	}
	return healed
}

func (w *world) lastAction() time.Duration {
	last := time.Duration(0)
	for i := range w.script.Actions {
		last = max(last, w.script.Actions[i].At)
	}
	return last
}

func (w *world) do(j job) {
	w.now = max(w.now, j.at)
	switch j.kind {
	case act:
		w.stats.Actions++
		w.perform(&w.script.Actions[j.node])
	case tick:
		if n := w.nodes[j.node]; n.tickAt == j.at {
			n.tickAt = never
			w.tick(n)
		}
	case deliver:
		w.deliver(w.nodes[j.node], &j)
	case synced:
		if n := w.nodes[j.node]; n.disk.endsAt == j.at {
			w.endSync(n, true)
		}
	}
	w.endDepartures()
}

func (w *world) tick(n *node) {
	if n.r == nil || n.paused {
		return
	}
	w.hash = mix(w.hash, uint64(w.now), uint64(n.index), 1)
	n.r.Tick(w.time())
	w.drain(n)
	w.expire(n)
	w.drain(n)
}

func (w *world) deliver(n *node, j *job) {
	if n.r == nil || !n.online {
		return
	}
	if n.paused {
		if len(n.inbox) < maxInbox {
			n.inbox = append(n.inbox, *j)
		}
		return
	}
	w.stats.Deliveries++
	w.hash = mix(w.hash, uint64(w.now), uint64(n.index), xxhash.Sum64(j.data))
	if j.later {
		w.refuse(n, j)
		return
	}
	w.trace.arrived(w, n, j)
	n.hears(j)
	w.ghost = j.from == n.index && j.start != n.starts
	if err := w.step(n, j); err != nil && !w.mayRefuse(err) {
		w.fail(n, j.doc, "refused", "a message from %s: %v", w.nodes[j.from].name, err)
	}
	w.drain(n)
	w.ghost = false
}

// time is the replicas' monotonic time.
func (w *world) time() time.Time { return epoch.Add(w.now) }

func (w *world) fail(n *node, doc, kind, format string, args ...any) {
	if w.failure != nil {
		return
	}
	w.failure = &Failure{Kind: kind, At: w.now, Doc: doc, Detail: fmt.Sprintf(format, args...), Node: "all"}
	if n != nil {
		w.failure.Node = n.name
	}
}

func (w *world) ledger(doc string) *ledger {
	l := w.ledgers[doc]
	if l == nil {
		l = newLedger()
		w.ledgers[doc] = l
	}
	return l
}

// count takes in what a process counted, at its end.
func (w *world) count(n *node) {
	s := n.r.Stats()
	w.stats.Frames += int(s.FramesSent)
	w.stats.Passed += int(s.Passed)
	w.stats.Ladder.Add(&s.Ladder)
}

// alarm counts an alarm. Most must not be raised but for a reason.
func (w *world) alarm(n *node, a *replica.Alarm) {
	w.stats.Alarms[a.Kind.String()]++
	w.trace.note(w, n, "alarm: "+a.Kind.String())
	switch {
	case w.cloned, a.Kind == replica.Drift, a.Kind == replica.Damage:
	case a.Kind == replica.Expelled:
		for _, b := range n.batches {
			b.renamed = true
		}
	case a.Kind == replica.Clone && w.ghost: // it cannot know that this was itself
		for _, b := range n.batches {
			b.renamed = true
		}
	default:
		w.fail(n, a.Doc, "alarm", "%v: %s", a.Kind, a.Detail)
	}
}
