package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// ErrUnknown means that a write was sent, and that nobody who could say so said
// whether it was carried out: it may stand.
var ErrUnknown = errors.New("remote: the write may stand, or not")

// UnknownError is a write of which it is unknown whether it stands. errors.Is
// finds ErrUnknown, and why there was no answer. Client.Settle asks again.
type UnknownError struct {
	Doc     string
	Replica string // that got it
	err     error
	write   writing
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%v: document %q: replica %s got it and did not answer: %v", ErrUnknown, e.Doc, e.Replica, e.err)
}

// Unwrap makes errors.Is find ErrUnknown and the cause.
func (e *UnknownError) Unwrap() []error { return []error{ErrUnknown, e.err} }

// lane is a name for requests, one at a time.
type lane struct {
	client joinery.ID
	number uint64
}

// take returns a lane that no write under way has.
func (c *Client) take() lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := lane{client: joinery.NewID()}
	if n := len(c.free); n > 0 {
		l, c.free = c.free[n-1], c.free[:n-1]
	}
	l.number++
	return l
}

// giveBack ends a write whose fate is known.
func (c *Client) giveBack(l lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = append(c.free, l)
}

// writing is a write under way.
type writing struct {
	client *Client
	group  protocol.Group
	peer   peer      // that it was sent to
	doubt  bool      // it may have been carried out
	begun  time.Time // the first try
	last   error
}

// Write carries out a group of writes as this package's handles do, of which
// group is the common form. The results are missing if another replica than the
// one that was asked said that the group stands. group.Request and
// group.Position are set here.
func (c *Client) Write(ctx context.Context, group protocol.Group) (protocol.Written, error) {
	l := c.take()
	group.Request = &protocol.Named{Client: l.client.String(), Number: l.number}
	w := writing{client: c, group: group}
	out, err := w.run(ctx)
	if !w.doubt || err == nil {
		c.giveBack(l)
	}
	return out, err
}

// Settle goes on with a write of which it is unknown whether it stands, and
// returns nil if it does now. It must be called within half an hour.
func (c *Client) Settle(ctx context.Context, unknown *UnknownError) error {
	w := unknown.write
	_, err := w.run(ctx)
	return err
}

// run tries until the fate of the write is known, or ctx ends.
func (w *writing) run(ctx context.Context) (out protocol.Written, err error) {
	ctx, cancel := w.client.bound(ctx)
	defer cancel()
	for pauses := (wait{}); ; {
		out, err = w.try(ctx)
		failFast := w.client.cfg.FailFast && !w.doubt && errors.Is(err, ErrNoReplica)
		if err == nil || !passing(err) || failFast {
			return out, w.end(err)
		}
		w.last = telling(w.last, err)
		if err := pauses.pause(ctx); err != nil {
			return out, w.end(fmt.Errorf("%w: %w", w.last, err))
		}
	}
}

// end says how it ended.
func (w *writing) end(err error) error {
	if err == nil || !w.doubt {
		return err
	}
	return &UnknownError{Doc: w.group.Doc, Replica: w.peer.replica, err: err, write: *w}
}

// again bounds how long a write may be asked for again: well within the time
// that replicas remember it for.
const again = joinery.RequestWindow / 2

// try asks once: as long as nobody got the write anybody, then whoever got it,
// and, if that one is gone, anybody whether it has been seen.
func (w *writing) try(ctx context.Context) (out protocol.Written, err error) {
	c := w.client
	if !w.doubt {
		if w.peer, err = c.peer(ctx); err != nil {
			return out, err
		}
		w.begun, w.group.Request.Actor = time.Now(), w.peer.actor
	}
	if time.Since(w.begun) < again {
		err = c.try(ctx, w.peer.replica, protocol.OpWrite, &w.group, &out)
	} else {
		err = errLost
	}
	switch {
	case errors.Is(err, errLost):
		w.doubt = true
	case passing(err):
		c.forget(w.peer)
	}
	if w.doubt && err != nil {
		return w.ask(ctx, err)
	}
	return out, err
}

// ask asks any replica whether it has seen the write, which spreads with it.
func (w *writing) ask(ctx context.Context, err error) (out protocol.Written, _ error) {
	var s protocol.Seen
	q := protocol.Question{Doc: w.group.Doc, Request: *w.group.Request, Position: w.group.Position}
	if e := w.client.try(ctx, w.client.who(), protocol.OpSeen, &q, &s); e != nil || !s.Seen {
		return out, err
	}
	return protocol.Written{Repeated: true, Position: s.Position}, nil
}
