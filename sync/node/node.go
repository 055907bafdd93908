package node

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/consistency"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Node is a running replica. All methods are safe for concurrent use.
type Node struct {
	cfg  Config
	most int // largest message in bytes that the configuration allows

	mu       sync.RWMutex // guards core, watchers and closed
	core     *replica.Replica
	watchers map[*Watcher]struct{}
	closed   bool
	reentry  reentry
	requests requests

	journal      *journal.Journal // nil without a store
	commits      committer
	checkpointed chan struct{} // one token when a checkpoint is done
	resident     residency     // guarded by mu until it is warm
	warm         atomic.Bool   // all documents are in memory

	inbox inbox
	wake  chan struct{} // the next deadline may have moved
	ports []*port       // one for each transport, the node's own first

	expiring  chan struct{} // something expires at another time than before
	expiryDue time.Time     // when; guarded by mu

	joining  []string      // patterns that are about to be taken; guarded by mu
	parted   chan struct{} // closed when nothing is being given up any more, if not nil; guarded by mu
	changing sync.Mutex    // held while the interest is changed

	life     context.Context // ends with Close
	end      context.CancelFunc
	closing  sync.Once
	workers  sync.WaitGroup
	counters counters
}

// Open starts a node and announces it to the others. On a link that is down it
// starts offline. It fails if the configuration is wrong, the link closed for
// good, or ctx ends first.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	most := cmp.Or(cfg.Replica.MaxMessage, standard)
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg:      cfg,
		most:     most,
		watchers: make(map[*Watcher]struct{}),
		wake:     make(chan struct{}, 1),
		expiring: make(chan struct{}, 1),
	}
	if err := n.begins(); err != nil {
		return nil, err
	}
	if cfg.Broker == nil {
		return n, nil
	}
	for i, b := range append([]Bridge{{Broker: cfg.Broker}}, cfg.Relay...) {
		if err := n.RebindOn(ctx, i, b.Broker); err != nil {
			_ = n.Close()
			return nil, err
		}
	}
	return n, nil
}

// begins makes the state machine, with what the store knows of its earlier life.
func (n *Node) begins() (err error) {
	if n.cfg.Store != nil {
		if err := n.openJournal(); err != nil {
			return err
		}
	}
	if n.core, err = replica.New(n.cfg.Replica, time.Now()); err != nil {
		return err
	}
	n.life, n.end = context.WithCancel(context.Background())
	n.inbox.init(n.cfg.Inbox, n.cfg.InboxBytes)
	n.openPorts()
	n.warm.Store(n.journal == nil)
	n.workers.Go(n.expire)
	if n.journal != nil {
		n.recall()
		n.workers.Go(n.commit)
		n.workers.Go(n.checkpoint)
		n.workers.Go(n.recover)
	}
	return nil
}

// Warm reports whether all documents are in memory, as they are for good once
// they have been loaded.
func (n *Node) Warm() bool { return n.warm.Load() }

// ID returns who the node is.
func (n *Node) ID() causal.ID { return n.cfg.Replica.ID }

// Actor returns whom the node mints dots as at present.
func (n *Node) Actor() causal.Actor {
	if !n.mu.TryRLock() {
		n.reentry.check()
		n.mu.RLock()
	}
	defer n.mu.RUnlock()
	return n.core.Actor()
}

// receive gives the state machine a message, or queues it; it must not block. What its
// sender may not say on that subject gets no further.
func (n *Node) receive(p *port, m broker.Message) {
	p.binding.apply(m.Data)
	var doc, scope string
	data, err := message.Expand(m.Data)
	if err == nil {
		doc, scope, err = p.subjects.Check(m.Subject, data)
	}
	if err != nil {
		n.counters.refused.Add(1)
		n.cfg.Logger.Debug("joinery: message refused", "space", p.space, "subject", m.Subject, "error", err)
		return
	}
	a := arrival{port: p.index, doc: doc, scope: scope, data: data}
	if !n.stepNow(&a) && !n.inbox.put(a) {
		n.counters.dropped.Add(1)
	}
}

// lock locks the state machine for a change. A call from inside fn of Guard
// would wait for itself; it panics.
func (n *Node) lock() {
	if !n.mu.TryLock() {
		n.reentry.check()
		n.mu.Lock()
	}
}

// Write runs fn on a document, which is created by need, and lets the others
// know. It returns fn's error; see replica.Replica.Write. If ctx has ended
// nothing is written. A full outbox makes it wait a moment, never for long: a
// link that is stuck is no reason not to write.
//
// With a store and EveryCommit it returns when the write is on the disk. If fn
// touches no more than some places, they can be given by their hashes: the
// rest of a document that is being loaded is then not waited for.
func (n *Node) Write(ctx context.Context, doc string, fn func(*crdt.Document) error, places ...uint64) error {
	return n.WriteAt(ctx, consistency.Local, doc, fn, places...)
}

// late waits until a round is durable.
func (n *Node) late(ctx context.Context, round uint64) error {
	if err := n.commits.wait(ctx, round); err != nil {
		return &LateError{err}
	}
	return nil
}

// write returns the round that makes the write durable, if that has to be
// waited for, else 0, and the request to other replicas to hold it.
func (n *Node) write(doc string, level consistency.Level, fn func(*crdt.Document) error) (round uint64, req request, err error) {
	n.lock()
	if err := n.refuses(); err != nil {
		n.mu.Unlock()
		return 0, req, err
	}
	before := n.moment()
	defer func() { round = n.wrote(before) }() // also if fn panics
	if err = n.core.Write(time.Now(), doc, fn); level != consistency.Local && n.core.Minted() != before.minted {
		var short error
		req.ticket, short = n.core.Confirm(time.Now(), doc, level)
		req.done, err = n.requests.expect(req.ticket), errors.Join(err, short)
	}
	return 0, req, err
}

// refuses says why nothing can be written. The caller holds the lock.
func (n *Node) refuses() error {
	switch {
	case n.closed:
		return ErrClosed
	case n.journal != nil:
		return n.commits.failed()
	}
	return nil
}

// moment is what a write may change.
type moment struct {
	next   time.Time
	minted uint64
}

func (n *Node) moment() moment { return moment{n.core.Next(), n.core.Minted()} }

// wrote hands on what came of writes and unlocks. It returns the round that makes
// them durable, 0 if there is nothing to wait for.
func (n *Node) wrote(before moment) (round uint64) {
	now := n.moment()
	if n.journal != nil && n.cfg.Durability == EveryCommit && now.minted != before.minted {
		round = n.commits.ticket()
	}
	n.finish()
	if now.next != before.next {
		n.poke()
	}
	return round
}

// finish hands on what the state machine wants done, and unlocks.
func (n *Node) finish() {
	alarms := n.handOn()
	n.mu.Unlock()
	n.report(alarms)
}

// handOn hands on what the state machine wants done, but for its alarms.
func (n *Node) handOn() []replica.Alarm {
	out := n.core.Ready()
	n.planExpiry()
	n.deliver(out.Changes)
	n.noteParted()
	n.requests.end(out.Outcomes)
	if n.journal != nil {
		n.commits.put(&out, n.identity())
	} else {
		n.dispatch(out.Messages)
	}
	return out.Alarms
}

func (n *Node) report(alarms []replica.Alarm) {
	for _, a := range alarms {
		n.counters.alarms.Add(1)
		n.cfg.Logger.Warn("joinery: "+a.Kind.String(), "space", n.cfg.Space, "document", a.Doc, "detail", a.Detail)
	}
}

func (n *Node) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Read calls fn with a document, nil if the node does not hold it. fn must not
// keep the document nor call the node. A closed node can be read still. A
// document that is being loaded is waited for, but for what fn does not look at,
// if places are given.
func (n *Node) Read(doc string, fn func(*crdt.Document), places ...uint64) {
	_ = n.fetch(context.Background(), doc, places) // fails after Close alone
	n.look(doc, fn)
}

// look is Read of what is in memory.
func (n *Node) look(doc string, fn func(*crdt.Document)) {
	n.rlock()
	defer n.mu.RUnlock()
	fn(n.core.View(doc))
}

func (n *Node) rlock() {
	if !n.mu.TryRLock() {
		n.reentry.check()
		n.mu.RLock()
	}
}

// ReadFinal is Read for a door that is not the node's own: what fn sees of the
// document is final, and with EveryCommit on the disk when ReadFinal returns, so
// that the names of events may be told to a client. It costs no more than Read if
// all is so already.
func (n *Node) ReadFinal(doc string, fn func(*crdt.Document), places ...uint64) {
	final := false
	n.Read(doc, func(d *crdt.Document) {
		if final = d == nil || d.Pending().Len() == 0; final {
			fn(d)
		}
	}, places...)
	if !final {
		n.lock()
		n.core.Seal(doc)
		fn(n.core.View(doc))
		n.finish()
	}
	n.awaitDisk(doc)
}

// awaitDisk returns when what was written to a document is on the disk, if it
// has to be. A store that fails meanwhile is no reason to wait: what is not on
// the disk is nobody else's either, and its names are void.
func (n *Node) awaitDisk(doc string) {
	if n.journal != nil && n.cfg.Durability == EveryCommit && len(n.commits.recordsOf(doc)) > 0 {
		_ = n.commits.wait(n.life, n.commits.ticket())
	}
}
