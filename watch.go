package joinery

import (
	"context"
	"errors"
	"iter"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/node"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Event says what is at a place now that has changed.
type Event struct {
	Doc string
	Field
	// Local is set if only this replica wrote there since the last event.
	Local bool
	// Snapshot is set on what was there when the watch began.
	Snapshot bool
	// Gap is set on an event without a Field: the reader was so slow that even
	// the places that changed were too many to keep. Read the documents anew.
	Gap bool
}

// WatchOption changes a watch.
type WatchOption func(*watchConfig)

type watchConfig struct {
	updatesOnly bool
}

// UpdatesOnly leaves out what is there when the watch begins.
func UpdatesOnly() WatchOption { return func(c *watchConfig) { c.updatesOnly = true } }

// Watch yields what is in the documents that match a pattern, then what
// changes there, by writes here and by those that arrive, until ctx ends or
// the loop is left; it then yields nothing more. It survives reconnects. If
// the replica is closed it ends with ErrClosed.
//
// The events of one document come in the order of their first change. Changes
// that come faster than they are read fall together: every event carries the
// value as of its reading, and what a group changed is never seen in part.
// The loop may write to what it watches. The iterator is for one use.
func (r *Replica) Watch(ctx context.Context, pattern string, opts ...WatchOption) iter.Seq2[Event, error] {
	var cfg watchConfig
	for _, o := range opts {
		o(&cfg)
	}
	if err := message.CheckPattern(pattern); err != nil {
		return func(yield func(Event, error) bool) { yield(Event{}, err) }
	}
	w := r.node.Watch(pattern)
	stop := context.AfterFunc(ctx, w.Stop)
	return func(yield func(Event, error) bool) {
		defer stop()
		defer w.Stop()
		if !cfg.updatesOnly && !r.snapshot(pattern, yield) {
			return
		}
		for r.follow(ctx, w, yield) {
		}
	}
}

func (r *Replica) snapshot(pattern string, yield func(Event, error) bool) bool {
	for _, name := range r.node.Names(pattern) {
		for f := range r.Doc(name).Fields() {
			if !yield(Event{Doc: name, Field: f, Snapshot: true}, nil) {
				return false
			}
		}
	}
	return true
}

// follow yields one batch of changes and reports whether to go on.
func (r *Replica) follow(ctx context.Context, w *node.Watcher, yield func(Event, error) bool) bool {
	changes, gap, err := w.Next(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return false
	case err != nil:
		if !errors.Is(err, ErrClosed) {
			err = errors.Join(ErrClosed, err)
		}
		yield(Event{}, err)
		return false
	case gap && !yield(Event{Gap: true}, nil):
		return false
	}
	for len(changes) > 0 {
		events := r.read(&changes)
		for i := range events {
			if !yield(events[i], nil) {
				return false
			}
		}
	}
	return true
}

// read reads the first changes that are all of one document, in one view.
func (r *Replica) read(changes *[]replica.Change) (events []Event) {
	all := *changes
	n := 1
	for n < len(all) && all[n].Doc == all[0].Doc {
		n++
	}
	*changes = all[n:]
	r.node.Read(all[0].Doc, func(d *crdt.Document) {
		if d == nil {
			d = &crdt.Document{}
		}
		for _, c := range all[:n] {
			events = append(events, Event{Doc: c.Doc, Local: c.Local, Field: describe(d, spot{c.Path, c.Tag, c.Key})})
		}
	})
	return events
}
