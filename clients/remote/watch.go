package remote

import (
	"context"
	"errors"
	"iter"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// WatchOption changes a watch.
type WatchOption func(*protocol.Query)

// UpdatesOnly leaves out what is there when the watch begins.
func UpdatesOnly() WatchOption { return func(q *protocol.Query) { q.UpdatesOnly = true } }

// OldValues sets Old in events: what this watch showed last at the place. The
// replica keeps that; see joinery.OldValues.
func OldValues() WatchOption { return func(q *protocol.Query) { q.OldValues = true } }

// Watch yields what is in the documents that match a pattern, then what changes
// there, until ctx ends or the loop is left. Events are as those of
// joinery.Replica.Watch; Local is not set, and Raw is. A slow loop holds up nobody:
// it is told of the newest values, with Skipped, and after too many changes of a
// Gap.
//
// If its replica goes away it goes on at another one, after an event with Gap and
// what is there then; other than within one replica that may be older than what
// was shown before, for a moment. An error ends it: nobody answered the first
// question in time, or a replica refused.
func (c *Client) Watch(ctx context.Context, pattern string, opts ...WatchOption) iter.Seq2[joinery.Event, error] {
	q := protocol.Query{Pattern: pattern, Raw: true}
	for _, o := range opts {
		o(&q)
	}
	return func(yield func(joinery.Event, error) bool) {
		for line, err := range c.WatchLines(ctx, q) {
			ev, err := eventOf(&line, err)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

func eventOf(line *protocol.Field, err error) (ev joinery.Event, _ error) {
	if err != nil || line.Gap {
		return joinery.Event{Gap: line.Gap}, err
	}
	ev = joinery.Event{Doc: line.Doc, Snapshot: line.Snapshot, Skipped: line.Skipped}
	if ev.Field, err = fieldOf(line, nil); err != nil || line.Old == nil {
		return ev, err
	}
	line.Old.Field, line.Old.Kind = line.Field, line.Kind
	old, err := fieldOf(line.Old, nil)
	ev.Old = &old
	return ev, err
}

// WatchLines is Watch as the replicas say it. q.Kind is set here.
func (c *Client) WatchLines(ctx context.Context, q protocol.Query) iter.Seq2[protocol.Field, error] {
	q.Kind = protocol.Watch
	return func(yield func(protocol.Field, error) bool) {
		begun, w := false, wait{}
		for ctx.Err() == nil {
			for f, err := range c.FieldLines(ctx, q) {
				if err == nil {
					begun, w = true, wait{}
					if !yield(f, nil) {
						return
					}
					continue
				}
				begun = begun || errors.Is(err, ErrBroken)
				if ctx.Err() != nil {
					return
				}
				if !begun || !errors.Is(err, ErrBroken) && !passing(err) {
					yield(f, err)
					return
				}
			}
			q.UpdatesOnly = false // what was missed meanwhile shows in what is there
			if w.pause(ctx) != nil || !yield(protocol.Field{Gap: true}, nil) {
				return
			}
		}
	}
}
