package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// never is when a tick is due that is not.
const never = time.Duration(-1)

// maxInbox is how many messages wait for a paused replica; more are lost.
const maxInbox = 64

// node is one replica with its process, clock and disk.
type node struct {
	index int
	name  string
	id    causal.ID

	r       *replica.Replica // nil while it is down
	actor   causal.Actor     // as of the last output
	online  bool
	paused  bool
	gone    bool // for good
	starts  uint64
	resumed bool // this start goes on as the actor of an earlier one
	inbox   []job
	outbox  []replica.Outgoing // what became due while it was paused
	tickAt  time.Duration      // of the tick that waits

	dying bool // the next output is not carried out

	members map[causal.Actor]bool // who takes part, as of the last look
	knows   map[causal.Actor]bool // who retired while this process ran
	// contexts are what it had of the documents when each was last changed.
	contexts map[string]causal.Context
	left     bool // it leaves, by itself
	fenced   bool

	systems []int // that it speaks in, one a port

	interest []string // patterns of the documents that it holds; nil: all

	disk    disk
	batches map[string]*batch
	adorned map[printed]bool // units in its log that came with optional parts

	heard  *gossip                    // of this process; nil without Collect
	past   map[string]forgotten       // documents that it has forgotten lately
	forgot map[string]*causal.Context // all that it ever forgot

	stamp  hlc.Time // greatest timestamp of its writes
	reach  hlc.Time // greatest moment that its process took for the present
	writes int

	offset time.Duration // of the physical clock
	frozen *time.Time
}

// name returns the name of the i-th replica: A to Z, then R27.
func name(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return fmt.Sprint("R", i+1)
}

func (w *world) add(id causal.ID) *node {
	n := &node{index: len(w.nodes), id: id, tickAt: never, disk: newDisk(), systems: w.script.Tuning.systemsOf(len(w.nodes))}
	n.name = name(n.index)
	w.nodes = append(w.nodes, n)
	w.net.grow(len(w.nodes))
	return n
}

// clock is the node's physical clock.
func (w *world) clock(n *node) func() time.Time {
	return func() time.Time {
		if n.frozen != nil {
			return *n.frozen
		}
		return w.time().Add(n.offset)
	}
}

// forced gives out some numbers before those of another source.
type forced struct {
	first []uint64
	rand.Source
}

// Uint64 implements rand.Source.
func (f *forced) Uint64() uint64 {
	if len(f.first) == 0 {
		return f.Source.Uint64()
	}
	x := f.first[0]
	f.first = f.first[1:]
	return x
}

// start boots a node from its disk. An incarnation may be forced upon it.
func (w *world) start(n *node, incarnation ...uint64) {
	n.starts++
	n.left = false
	src := rand.NewPCG(w.script.Seed^uint64(n.index)<<40, n.starts)
	r, err := replica.New(replica.Config{
		ID: n.id, Incarnation: w.lease(n), Clock: w.clock(n), Rand: rand.New(&forced{incarnation, src}),
		Mark: n.disk.mark, Ports: len(n.systems), Budget: w.script.Tuning.Budget, MaxMessage: w.script.Tuning.MaxMessage, LogBytes: w.script.Tuning.LogBytes, FlushAge: w.script.Tuning.FlushAge,
		Member: w.member(), Collect: w.script.Tuning.Collect, TripBytes: w.script.Tuning.Trip, ExpiryGrace: expiryGrace,
		OwnOnly:   w.script.isDevice(n.index),
		Stability: w.hearsay(n), BeaconEvery: w.beaconEvery(), FoldFrom: w.foldFrom(),
		Interest: slices.Clone(n.interest),
	}, w.time())
	if err != nil {
		panic(err)
	}
	n.stamp, n.reach, n.knows = n.disk.stamp, 0, make(map[causal.Actor]bool)
	n.members = make(map[causal.Actor]bool)
	n.contexts = make(map[string]causal.Context)
	n.r, n.actor, n.batches, n.adorned = r, r.Actor(), make(map[string]*batch), make(map[printed]bool)
	n.inbox, n.paused, n.dying, n.online = nil, false, false, true
	if !w.reload(n) {
		return
	}
	w.checkReload(n)
	w.connect(n)
	w.drain(n)
}

// checkReload compares what was loaded with what had been kept.
func (w *world) checkReload(n *node) {
	for _, doc := range n.r.Names() {
		d := n.r.View(doc)
		if isReserved(doc) {
			continue
		}
		n.contexts[doc] = d.State().Context()
		if want, ok := n.disk.digests[doc]; ok && len(w.finals) == 0 && d.State().Digest() != want {
			w.fail(n, doc, "reload", "the records give another state than the one that was kept")
		}
		w.checkState(n, doc)
	}
}

// drain writes what a replica wants done to its disk, which carries it out.
func (w *world) drain(n *node) {
	for n.r != nil && w.failure == nil {
		w.noteRenewal(n)
		out := n.r.Ready()
		if out.IsEmpty() {
			break
		}
		w.hash = mix(w.hash, uint64(len(out.Records)), uint64(len(out.Messages)), uint64(len(out.Alarms)))
		for i := range out.Alarms {
			w.alarm(n, &out.Alarms[i])
		}
		w.checkSealed(n, out.Records)
		p := &pending{records: w.enter(n, out.Records), messages: out.Messages, mark: n.r.Mark(), stamp: n.stamp}
		w.noteRetired(n)
		w.checkOutput(n, &out, p)
		switch d := &n.disk; {
		case n.dying && len(out.Records)+len(out.Messages) > 0:
			d.tail = append(d.tail, p)
			w.die(n, "crashed")
		case d.badWrite && len(out.Records) > 0:
			w.stats.DiskErrors++
			d.left.records += d.unsynced() // the operating system has these and lives on
			d.tail = append(d.tail, p)
			w.die(n, "cannot write and stops")
		default:
			w.commit(n, p)
		}
	}
	w.plan(n)
}

// plan makes sure that the node is ticked in time.
func (w *world) plan(n *node) {
	if n.r == nil || n.paused {
		return
	}
	n.actor = n.r.Actor()
	next := w.nextTick(n)
	if next.IsZero() {
		n.tickAt = never
		return
	}
	at := max(next.Sub(epoch), w.now) // Sub is exact: both are virtual
	if at != n.tickAt {
		n.tickAt = at
		w.queue.push(job{at: at, kind: tick, node: n.index})
	}
}

// enter puts the units that a node sealed into the ledger. They are not durable yet.
func (w *world) enter(n *node, records []replica.Record) []stored {
	out := make([]stored, 0, len(records))
	for _, rec := range records {
		if isReserved(rec.Doc) {
			out = append(out, stored{Record: rec})
			continue
		}
		if rec.Forget {
			if w.script.Tuning.Collect {
				w.forgets(n, rec.Doc)
			}
			n.forgetParts(rec.Doc)
			out = append(out, stored{Record: rec})
			continue
		}
		f, err := rec.Delta.Open()
		if err != nil {
			w.fail(n, rec.Doc, "record", "%v", err)
			return out
		}
		n.noteParts(rec.Doc, f, rec.Delta)
		w.checkPayloads(n, rec.Doc, f)
		own, ok := w.isFresh(n, rec.Doc, f)
		if !ok {
			w.checkLeak(n, rec.Doc, f)
			out = append(out, stored{Record: rec})
			continue
		}
		l, first := w.ledger(rec.Doc), own.Lo
		if !w.cloned {
			first = l.column(own.actor).firstNew(own.Range)
		}
		u, err := l.enter(own, first, n.index, f, rec.Delta)
		if err != nil {
			w.collision(n, rec.Doc, err)
		}
		out = append(out, stored{Record: rec, unit: u})
	}
	return out
}

func (w *world) collision(n *node, doc string, err error) {
	if !w.cloned {
		w.fail(n, doc, "identity", "%v", err)
	}
	w.ledger(doc).tainted = true
}

type stretch struct {
	actor causal.Actor
	causal.Range
}

// isFresh reports whether a record is a unit that the node itself sealed just
// now, or is going to, and which events it is of. The first of them may have
// been in records before.
func (w *world) isFresh(n *node, doc string, f *delta.Frame) (own stretch, ok bool) {
	for a, rs := range f.ClaimsOf() {
		if ok || len(rs) != 1 {
			return own, false
		}
		own, ok = stretch{a, rs[0]}, true
	}
	if !ok || own.actor != n.actor && own.actor != n.r.Actor() {
		return own, false
	}
	c := w.ledger(doc).column(own.actor)
	return own, w.cloned || c.at(own.Hi).unit == nil
}

// mayRefuse reports whether a replica may have a reason to refuse a message: a
// frame was made for what it knew before a crash, or for its clone.
func (w *world) mayRefuse(err error) bool {
	return errors.Is(err, delta.ErrUnfit) && (w.script.Tuning.Members || w.forgetful())
}

// forgetful reports whether any replica ever lost what it knew.
func (w *world) forgetful() bool {
	if w.cloned || w.copied {
		return true
	}
	for _, n := range w.nodes {
		if n.starts > 1 {
			return true
		}
	}
	return false
}
