package node

import (
	"context"
	"errors"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
)

// DocWrite is a write to one document.
type DocWrite struct {
	Doc string
	Do  func(*crdt.Document) error
}

// writesAtOnce bounds the documents that are written under one lock: readers and
// writers wait meanwhile.
const writesAtOnce = 128

// WriteAll is Write for several documents, one after the other: each stands or
// fails by itself, and the errors say which. With a store they are waited for
// together, so that writesAtOnce of them share one sync. If ctx ends nothing of
// what comes then is written.
func (n *Node) WriteAll(ctx context.Context, writes []DocWrite) []error {
	errs := make([]error, len(writes))
	made := make([]bool, len(writes))
	round := uint64(0)
	for lo := 0; lo < len(writes); lo += writesAtOnce {
		hi := min(lo+writesAtOnce, len(writes))
		if err := n.makeRoom(ctx, writes[lo:hi]); err != nil {
			fill(errs[lo:], err)
			break
		}
		round = max(round, n.writeSome(writes[lo:hi], errs[lo:hi], made[lo:hi]))
	}
	if round == 0 {
		return errs
	}
	if err := n.late(ctx, round); err != nil {
		for i := range errs {
			if made[i] {
				errs[i] = errors.Join(errs[i], err)
			}
		}
	}
	return errs
}

func fill(errs []error, err error) {
	for i := range errs {
		errs[i] = err
	}
}

// makeRoom waits until writes can be made.
func (n *Node) makeRoom(ctx context.Context, writes []DocWrite) error {
	err := n.ports[0].outbox.wait(ctx)
	if n.journal == nil || err != nil {
		return err
	}
	err = n.commits.room(ctx)
	for i := 0; i < len(writes) && err == nil; i++ {
		err = n.fetch(ctx, writes[i].Doc, nil)
	}
	return err
}

// writeSome makes writes under one lock, and returns the round that makes them
// durable, 0 if there is nothing to wait for.
func (n *Node) writeSome(writes []DocWrite, errs []error, made []bool) (round uint64) {
	n.lock()
	if err := n.refuses(); err != nil {
		n.mu.Unlock()
		fill(errs, err)
		return 0
	}
	before := n.moment()
	defer func() { round = n.wrote(before) }() // also if a function panics
	for i := range writes {
		minted := n.core.Minted()
		errs[i] = n.core.Write(time.Now(), writes[i].Doc, writes[i].Do)
		made[i] = n.core.Minted() != minted
	}
	return 0
}
