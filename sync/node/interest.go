package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/sync/message"
)

// ErrNotHandedOver means that documents were given up that no replica is known to
// hold as they are here. They are held still, and dropped when one is.
var ErrNotHandedOver = errors.New("node: what was given up is not known to be held by another replica that goes on holding it; it is kept until then")

// subscription is a pattern that the node subscribes to.
type subscription struct{ pattern, queue string }

// subscriptions returns what the node subscribes to: a few patterns for each of
// its interest, however many documents there are.
func (n *Node) subscriptions(p *port) (out []subscription) {
	n.mu.RLock()
	held := append(n.core.Held(), n.joining...)
	n.mu.RUnlock()
	s := &p.subjects
	out = []subscription{{s.Mine(), ""}, {s.Mine() + ".>", ""}}
	if slices.Contains(held, ">") {
		out = append(out, subscription{s.Beacons(), ""})
		if held = []string{">"}; !n.cfg.Replica.OwnOnly {
			out = append(out, subscription{s.Anys(), message.Queue}, subscription{s.Anys() + ".>", message.Queue})
		}
	}
	slices.Sort(held)
	for _, pattern := range slices.Compact(held) {
		for _, subject := range []string{s.Deltas(pattern), s.Relays(pattern), s.ScopeBeacons(pattern)} {
			out = append(out, subscription{subject, ""})
		}
	}
	return out
}

// subscribe makes a link's subscriptions those that the node needs now.
func (n *Node) subscribe(p *port, l *link) error {
	receive := func(m broker.Message) { n.receive(p, m) }
	wanted := n.subscriptions(p)
	for _, s := range wanted {
		if l.subs[s] != nil {
			continue
		}
		sub, err := l.broker.Subscribe(s.pattern, s.queue, receive)
		if err != nil {
			return fmt.Errorf("node: subscribe to %s: %w", s.pattern, err)
		}
		l.subs[s] = sub
	}
	for s, sub := range l.subs {
		if !slices.Contains(wanted, s) {
			_ = sub.Unsubscribe()
			delete(l.subs, s)
		}
	}
	return nil
}

// Interest returns the patterns of the documents that the node holds, sorted.
func (n *Node) Interest() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.core.Interest()
}

// SetInterest changes which documents the node holds; no pattern is all. It
// subscribes to what is new, which then comes from the others. What is given up
// can't be written from here on; SetInterest returns when another replica that goes
// on holding it is known to hold the same, and it is dropped. If ctx ends before, it
// returns ErrNotHandedOver.
func (n *Node) SetInterest(ctx context.Context, patterns []string) error {
	n.reentry.check()
	if err := n.settle(ctx); err != nil {
		return err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.prepare(ctx, patterns); err != nil {
		return err
	}
	n.lock()
	if n.closed {
		n.mu.Unlock()
		return ErrClosed
	}
	err := n.core.SetInterest(time.Now(), patterns)
	n.joining, n.parted = nil, make(chan struct{})
	parted := n.parted
	n.finish()
	n.poke()
	if err == nil {
		select {
		case <-parted:
		case <-ctx.Done():
			err = fmt.Errorf("%w: %w", ErrNotHandedOver, ctx.Err())
		case <-n.life.Done():
			err = ErrClosed
		}
	}
	return errors.Join(err, n.resubscribeAll())
}

// prepare subscribes to what is about to be held, before others are asked for it:
// nothing is then missed in between.
func (n *Node) prepare(ctx context.Context, patterns []string) error {
	if len(patterns) == 0 {
		patterns = []string{">"}
	}
	for _, pattern := range patterns {
		if err := message.CheckPattern(pattern); err != nil {
			return err
		}
	}
	n.lock()
	n.joining = patterns
	n.mu.Unlock()
	if err := n.resubscribeAll(); err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, openGrace)
	defer cancel()
	for _, p := range n.ports {
		if b := p.transport(); b != nil {
			_ = b.Flush(short) // a link that is down subscribes when it is up
		}
	}
	return ctx.Err()
}

// resubscribeAll makes the subscriptions of all links those that are needed now.
func (n *Node) resubscribeAll() (err error) {
	for _, p := range n.ports {
		p.rebinding.Lock()
		if l := p.link.Load(); l != nil {
			err = errors.Join(err, n.subscribe(p, l))
		}
		p.rebinding.Unlock()
	}
	return err
}

// noteParted tells who waits that nothing is being given up any more. The caller
// holds the lock.
func (n *Node) noteParted() {
	if n.parted != nil && n.core.Leaving() == 0 {
		close(n.parted)
		n.parted = nil
	}
}
