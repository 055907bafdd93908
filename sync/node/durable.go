package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Durability says when a write counts as done, on a node with a store.
type Durability uint8

// The levels.
const (
	// EveryCommit: a write returns, and leaves the node, when it is on the disk.
	// Concurrent writers share a sync.
	EveryCommit Durability = iota
	// Interval: writes return at once and are on the disk a moment later. A crash
	// of the machine takes back what the interval allows; what had left the node
	// comes back from the others.
	Interval
)

// ErrStore means that the store failed. What is in memory can be read still; no
// more writes are taken, and nothing more leaves the node.
var ErrStore = errors.New("node: the store failed; the replica is read-only until it is opened again")

// ErrUncertain is wrapped by the error of a write whose context ended before the
// write was on the disk. It stands in memory, and will be there unless the
// store fails or the machine does.
var ErrUncertain = errors.New("node: the write stands but is not known to be on the disk")

// LateError is the error of a write that was made, and then not known to be on
// the disk: as ctx ended, with ErrUncertain, or the store failed, with ErrStore.
type LateError struct{ Err error }

func (e *LateError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *LateError) Unwrap() error { return e.Err }

// committer makes what the state machine gives out durable, in order, and only
// then lets the messages go. One round takes all that waits, so concurrent
// writers share a sync.
type committer struct {
	mu          sync.Mutex
	records     []replica.Record
	flying      []replica.Record // of the round that is being written
	aside       []replica.Quarantined
	messages    []replica.Outgoing
	queued      int // bytes of records and messages that wait
	flyingBytes int // of the round that is being written
	life        journal.Life
	synced      bool   // one of messages must not leave before all is durable
	round       uint64 // that is being filled
	done        uint64 // rounds that are durable
	changed     chan struct{}
	err         error // of the store, for good
	closed      bool

	wake    chan struct{} // holds one token while there is something to do
	writing chan *journal.Checkpoint
	subject *crdt.Document // of the checkpoint under way; it may be dropped meanwhile
	idle    bool           // no checkpoint is being written; only the loop touches it, as what follows
	dirty   bool           // records were appended and not synced
}

func (c *committer) init() {
	c.round = 1
	c.changed = make(chan struct{})
	c.wake = make(chan struct{}, 1)
	c.writing = make(chan *journal.Checkpoint, 1)
	c.idle = true
}

func (c *committer) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// put queues what an output wants kept and sent, in the order of the outputs:
// the caller holds the node's lock.
func (c *committer) put(out *replica.Output, life journal.Life) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life = life
	if c.err != nil {
		return // nothing that may not be on the disk leaves
	}
	c.records = append(c.records, out.Records...)
	c.messages = append(c.messages, out.Messages...)
	c.aside = append(c.aside, out.Aside...)
	for i := range out.Records {
		c.queued += len(out.Records[i].Delta)
	}
	for i := range out.Messages {
		c.queued += len(out.Messages[i].Data)
		c.synced = c.synced || out.Messages[i].Synced
	}
	if len(out.Records)+len(out.Messages)+len(out.Aside) > 0 {
		c.poke()
	}
}

// maxBacklog bounds, in bytes, what waits for the disk before more is merged or
// written.
const maxBacklog = 64 << 20

// room returns when not too much waits for the disk, or the store has failed.
func (c *committer) room(ctx context.Context) error {
	for {
		c.mu.Lock()
		ok, changed := c.queued+c.flyingBytes < maxBacklog || c.err != nil, c.changed
		c.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recordsOf returns the records of a document that are not known to be in the
// store.
func (c *committer) recordsOf(doc string) (out []replica.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, all := range [][]replica.Record{c.flying, c.records} {
		for i := range all {
			if all[i].Doc == doc {
				out = append(out, all[i])
			}
		}
	}
	return out
}

// ticket returns the round that makes what was written so far durable.
func (c *committer) ticket() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.poke()
	return c.round
}

// wait returns when a round is durable.
func (c *committer) wait(ctx context.Context, round uint64) error {
	for {
		c.mu.Lock()
		err, done, changed := c.err, c.done >= round, c.changed
		c.mu.Unlock()
		switch {
		case done:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUncertain, ctx.Err())
		}
	}
}

// failed returns the store's error, if it has failed.
func (c *committer) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// round is what is written at once.
type round struct {
	number   uint64
	records  []replica.Record
	aside    []replica.Quarantined
	messages []replica.Outgoing
	life     journal.Life
	synced   bool // its messages wait until all is durable
}

// take ends the round that is being filled and returns what is in it.
func (c *committer) take() round {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := round{c.round, c.records, c.aside, c.messages, c.life, c.synced}
	c.flying, c.flyingBytes, c.queued = c.records, c.queued, 0
	c.records, c.messages, c.aside, c.synced = nil, nil, nil, false
	c.round++
	return r
}

// fail ends this for good.
func (c *committer) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = fmt.Errorf("%w: %w", ErrStore, err)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// finish says how a round ended.
func (c *committer) finish(round uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying, c.flyingBytes = nil, 0
	if c.done = round; err != nil {
		c.done, c.err = round-1, fmt.Errorf("%w: %w", ErrStore, err)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// close ends the loop after what is queued.
func (c *committer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.poke()
}

func (c *committer) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// commit is the loop that makes things durable.
func (n *Node) commit() {
	defer close(n.commits.writing)
	eager := n.cfg.Durability == EveryCommit
	every := time.NewTicker(n.cfg.SyncEvery)
	defer every.Stop()
	for last := false; !last; {
		due := false
		select {
		case <-n.commits.wake:
		case <-every.C:
			due = true
		case <-n.checkpointed:
			n.commits.idle = true
		}
		last = n.commits.isClosed()
		if err := n.commitRound(eager || due || last); err != nil {
			return
		}
	}
}

// commitRound keeps what waits. With sync it makes records of what the state
// machine still holds back, too, and all of it durable.
func (n *Node) commitRound(sync bool) error {
	var captured []*journal.Checkpoint
	n.mu.Lock()
	if sync {
		n.core.Commit(time.Now())
	}
	if c := n.captureDue(); c != nil {
		captured = append(captured, c)
	}
	out := n.core.Ready()
	n.deliver(out.Changes)
	n.requests.end(out.Outcomes)
	n.commits.put(&out, n.identity())
	round := n.commits.take()
	n.mu.Unlock()
	n.report(out.Alarms)
	n.commits.dirty = n.commits.dirty || len(round.records)+len(round.aside) > 0
	sync = sync || round.synced
	err := n.journal.Quarantine(round.aside)
	if err == nil {
		err = n.journal.Append(round.records, round.life, sync && n.commits.dirty, captured...)
	}
	n.commits.dirty = n.commits.dirty && !sync
	if err == nil {
		n.dispatch(round.messages)
	}
	n.commits.finish(round.number, err)
	if err != nil { // a checkpoint that covers records which may not be there is not written
		n.storeFailed(err)
		return err
	}
	for _, c := range captured {
		n.commits.idle = false
		n.commits.writing <- c
	}
	return nil
}

// identity returns what goes with records. The caller holds the lock.
func (n *Node) identity() journal.Life {
	return journal.Life{Incarnation: n.core.Actor().Incarnation, Mark: n.core.Mark(), Floor: n.core.Floor()}
}

// captureDue begins a checkpoint if one is worth it and none is under way. The
// caller holds the lock.
func (n *Node) captureDue() *journal.Checkpoint {
	if !n.commits.idle || !n.warm.Load() {
		return nil
	}
	name, ok := n.journal.Due()
	if !ok {
		return nil
	}
	n.core.Commit(time.Now())
	d := n.core.View(name)
	if d == nil || d.State().IsPartial() {
		return nil
	}
	n.commits.subject = d
	return n.journal.Capture(name, d)
}

// checkpoint is the loop that writes checkpoints, beside the commits.
func (n *Node) checkpoint() {
	for c := range n.commits.writing {
		err := c.Write(func(look func(*crdt.Document)) {
			n.mu.RLock()
			defer n.mu.RUnlock()
			look(n.commits.subject)
		}, n.settleRecords)
		if err != nil {
			n.cfg.Logger.Error("joinery: checkpoint failed", "space", n.cfg.Space, "document", c.Doc(), "error", err)
		}
		select {
		case n.checkpointed <- struct{}{}:
		case <-n.life.Done():
		}
	}
}

// storeFailed stops all that could tell others of what is not on the disk.
func (n *Node) storeFailed(err error) {
	n.cfg.Logger.Error("joinery: the store failed; the replica is read-only and silent", "space", n.cfg.Space, "error", err)
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.ports {
		n.core.ConnectOn(time.Now(), i, false)
	}
	_ = n.core.Ready()
}

// settleRecords returns when all that was written until now is in the journal.
func (n *Node) settleRecords() error {
	n.lock()
	n.core.Commit(time.Now())
	round := n.commits.ticket()
	n.finish()
	return n.commits.wait(n.life, round)
}
