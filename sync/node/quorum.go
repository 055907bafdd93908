package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/consistency"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// requests are the calls that wait for other replicas, by ticket. The node's
// lock guards them.
type requests map[replica.Ticket]chan replica.Outcome

// expect returns what brings the outcome of a ticket; nil for no ticket.
func (q *requests) expect(t replica.Ticket) chan replica.Outcome {
	if t == 0 {
		return nil
	}
	if *q == nil {
		*q = make(requests)
	}
	done := make(chan replica.Outcome, 1)
	(*q)[t] = done
	return done
}

// end hands outcomes to those who wait for them.
func (q requests) end(outcomes []replica.Outcome) {
	for _, o := range outcomes {
		if done, ok := q[o.Ticket]; ok {
			delete(q, o.Ticket)
			done <- o
		}
	}
}

// request is a call that waits for other replicas.
type request struct {
	ticket replica.Ticket
	done   chan replica.Outcome // nil: it waits for nobody
}

// WriteAt is Write that returns when as many owners of the document hold the
// write, as durably as the space asks, as level says. If they do not before ctx
// ends the error is a *consistency.Error with ctx's; the write stands then and
// spreads.
func (n *Node) WriteAt(ctx context.Context, level consistency.Level, doc string, fn func(*crdt.Document) error, places ...uint64) error {
	if err := n.ports[0].outbox.wait(ctx); err != nil {
		return err
	}
	if n.journal != nil {
		if err := errors.Join(n.commits.room(ctx), n.fetch(ctx, doc, places), n.fetchLapsed(ctx, doc)); err != nil {
			return err
		}
	}
	round, req, err := n.write(doc, level, fn)
	if round != 0 {
		err = errors.Join(err, n.late(ctx, round))
	}
	if req.done != nil {
		_, late := n.outcome(ctx, req)
		err = errors.Join(err, late)
	}
	return err
}

// Consult brings a document up to what as many of its owners hold as level
// says, and tells those that were behind. With repair it returns when they have
// caught up. If too few answer before ctx ends the error is a
// *consistency.Error with ctx's; what arrived is kept.
func (n *Node) Consult(ctx context.Context, level consistency.Level, doc string, repair bool) (replica.Outcome, error) {
	if n.journal != nil {
		if err := n.fetch(ctx, doc, nil); err != nil {
			return replica.Outcome{}, err
		}
	}
	n.lock()
	if n.closed {
		n.mu.Unlock()
		return replica.Outcome{}, ErrClosed
	}
	ticket, err := n.core.Consult(time.Now(), doc, level, repair)
	req := request{ticket, n.requests.expect(ticket)}
	n.finish()
	n.poke()
	if err != nil || req.done == nil {
		return replica.Outcome{}, err
	}
	return n.outcome(ctx, req)
}

// outcome waits for the end of a request.
func (n *Node) outcome(ctx context.Context, req request) (replica.Outcome, error) {
	var cause error
	select {
	case o := <-req.done:
		return o, nil
	case <-ctx.Done():
		cause = ctx.Err()
	case <-n.life.Done():
		cause = ErrClosed
	}
	n.lock()
	short := n.core.Abandon(req.ticket)
	delete(n.requests, req.ticket)
	n.finish()
	select {
	case o := <-req.done: // at the last moment
		return o, nil
	default:
		return replica.Outcome{}, fmt.Errorf("%w: %w", cause, short)
	}
}
