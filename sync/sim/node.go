package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
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

	r      *replica.Replica // nil while it is down
	actor  causal.Actor     // as of the last output
	online bool
	paused bool
	gone   bool // for good
	starts uint64
	inbox  []job
	tickAt time.Duration // of the tick that waits

	dying   bool // the next output is not carried out
	keeping int  // but for so many records

	disk    []replica.Record
	kept    map[string]uint64 // digests of documents as the disk has them, where known
	batches map[string]*batch
	adorned map[printed]bool // units in its log that came with optional parts

	stamp     hlc.Time // greatest timestamp of its writes
	keptStamp hlc.Time // as of what the disk has
	mark      hlc.Time // of the clock, as the disk has it

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
	n := &node{index: len(w.nodes), id: id, tickAt: never, kept: make(map[string]uint64)}
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
	src := rand.NewPCG(w.script.Seed^uint64(n.index)<<40, n.starts)
	r, err := replica.New(replica.Config{
		ID: n.id, Clock: w.clock(n), Rand: rand.New(&forced{incarnation, src}),
		Mark: n.mark, MaxMessage: w.script.Tuning.MaxMessage, LogBytes: w.script.Tuning.LogBytes, FlushAge: w.script.Tuning.FlushAge,
	}, w.time())
	if err != nil {
		panic(err)
	}
	n.stamp = n.keptStamp
	n.r, n.actor, n.batches, n.adorned = r, r.Actor(), make(map[string]*batch), make(map[printed]bool)
	n.inbox, n.paused, n.dying, n.online = nil, false, false, true
	for _, rec := range n.disk {
		if err := r.Load(rec); err != nil {
			w.fail(n, rec.Doc, "reload", "%v", err)
			return
		}
	}
	w.checkReload(n)
	r.Connect(w.time(), true)
	w.drain(n)
}

// checkReload compares what was loaded with what had been kept.
func (w *world) checkReload(n *node) {
	for _, doc := range n.r.Names() {
		d := n.r.View(doc)
		if want, ok := n.kept[doc]; ok && d.State().Digest() != want {
			w.fail(n, doc, "reload", "the records give another state than the one that was kept")
		}
		w.checkState(n, doc)
	}
}

func (w *world) stop(n *node) {
	if n.r != nil {
		w.stats.Frames += int(n.r.Stats().FramesSent)
	}
	n.r, n.online, n.inbox, n.paused, n.dying, n.batches = nil, false, nil, false, false, nil
}

// drain carries out what a replica wants done, records first.
func (w *world) drain(n *node) {
	for n.r != nil && w.failure == nil {
		out := n.r.Ready()
		if out.IsEmpty() {
			break
		}
		w.hash = mix(w.hash, uint64(len(out.Records)), uint64(len(out.Messages)), uint64(len(out.Alarms)))
		for i := range out.Alarms {
			w.alarm(n, &out.Alarms[i])
		}
		if n.dying && len(out.Records)+len(out.Messages) > 0 {
			w.keep(n, out.Records[:min(n.keeping, len(out.Records))])
			for _, rec := range out.Records {
				delete(n.kept, rec.Doc)
			}
			w.trace.note(w, n, "crashed")
			w.stop(n)
			break
		}
		w.checkSealed(n, out.Records)
		w.keep(n, out.Records)
		for i := range out.Messages {
			w.send(n, &out.Messages[i])
		}
		w.checkOutput(n, &out)
	}
	w.plan(n)
}

// plan makes sure that the node is ticked in time.
func (w *world) plan(n *node) {
	if n.r == nil || n.paused {
		return
	}
	n.actor = n.r.Actor()
	next := n.r.Next()
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

// keep writes records to the disk. With that the writes in them are acknowledged.
func (w *world) keep(n *node, records []replica.Record) {
	n.mark, n.keptStamp = n.r.Mark(), n.stamp
	for _, rec := range records {
		n.disk = append(n.disk, rec)
		f, err := rec.Delta.Open()
		if err != nil {
			w.fail(n, rec.Doc, "record", "%v", err)
			return
		}
		n.noteParts(rec.Doc, f, rec.Delta)
		if own, ok := w.isFresh(n, rec.Doc, f); ok {
			w.stats.Units++
			if err := w.ledger(rec.Doc).enter(own.actor, own.Range, f, rec.Delta); err != nil {
				w.collision(n, rec.Doc, err)
			}
		}
	}
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
// now, and which events it is of.
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
	return own, w.cloned || c.at(own.Lo).unit == nil
}

// mayRefuse reports whether a replica may have a reason to refuse a message: a
// frame was made for what it knew before a crash, or for its clone.
func (w *world) mayRefuse(err error) bool { return errors.Is(err, delta.ErrUnfit) && w.forgetful() }

// forgetful reports whether any replica ever lost what it knew.
func (w *world) forgetful() bool {
	if w.cloned {
		return true
	}
	for _, n := range w.nodes {
		if n.starts > 1 {
			return true
		}
	}
	return false
}
