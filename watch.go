package joinery

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

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
// the replica is closed it ends with ErrClosed, if the pattern is bad with ErrName.
//
// In a pattern "*" stands for one token of a name and a last ">" for one or
// more. Changes are collected from the call on, whether the loop has begun or
// not: none falls between the snapshot and the changes, though one may show in both.
//
// The events of one document come in the order of their first change. Changes
// that come faster than they are read fall together: every event carries the
// value as of its reading, and what a group changed is never seen in part: its
// events follow one another, read in one view. The loop may write to
// what it watches. A slow loop holds up nobody.
//
// The iterator is for one loop; a second one panics. Whoever never begins the
// loop has to end ctx.
func (r *Replica) Watch(ctx context.Context, pattern string, opts ...WatchOption) iter.Seq2[Event, error] {
	var cfg watchConfig
	for _, o := range opts {
		o(&cfg)
	}
	if err := message.CheckPattern(pattern); err != nil {
		return func(yield func(Event, error) bool) { yield(Event{}, fmt.Errorf("joinery: watch: %w", err)) }
	}
	w := &watch{replica: r, ctx: ctx, pattern: pattern, changes: r.node.Watch(pattern)}
	stop := context.AfterFunc(ctx, w.changes.Stop)
	return func(yield func(Event, error) bool) {
		if w.used.Swap(true) {
			panic("joinery: a Watch is for one loop")
		}
		defer stop()
		defer w.changes.Stop()
		if !cfg.updatesOnly && !w.snapshot(yield) {
			return
		}
		for w.follow(yield) {
		}
	}
}

// watch is one call of Watch.
type watch struct {
	replica *Replica
	ctx     context.Context
	pattern string
	changes *node.Watcher
	used    atomic.Bool
}

func (w *watch) snapshot(yield func(Event, error) bool) bool {
	for _, name := range w.replica.node.Names(w.pattern) {
		for f := range w.replica.Doc(name).Fields() {
			if w.ctx.Err() != nil || !yield(Event{Doc: name, Field: f, Snapshot: true}, nil) {
				return false
			}
		}
	}
	return true
}

// follow yields one batch of changes and reports whether to go on.
func (w *watch) follow(yield func(Event, error) bool) bool {
	changes, gap, err := w.changes.Next(w.ctx)
	switch {
	case w.ctx.Err() != nil:
		return false
	case err != nil:
		yield(Event{}, fmt.Errorf("joinery: watch: %w", err))
		return false
	case gap && !yield(Event{Gap: true}, nil):
		return false
	}
	for _, c := range byDocument(changes) {
		for i, r := range w.replica.lookAll(c) {
			ev := Event{Doc: c[i].Doc, Local: c[i].Local, Field: r.field()}
			if w.ctx.Err() != nil || !yield(ev, nil) {
				return false
			}
		}
	}
	return true
}

// byDocument sorts changes out by document, in the order of the first of each.
func byDocument(changes []replica.Change) (out [][]replica.Change) {
	at := make(map[string]int)
	for _, c := range changes {
		i, ok := at[c.Doc]
		if !ok {
			i = len(out)
			at[c.Doc] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

// lookAll reads the places of changes of one document, in one view.
func (r *Replica) lookAll(changes []replica.Change) []reading {
	out := make([]reading, len(changes))
	r.node.Read(changes[0].Doc, func(d *crdt.Document) {
		if d == nil {
			d = &crdt.Document{}
		}
		for i, c := range changes {
			out[i] = lookAt(d, spot{c.Path, c.Tag, c.Key})
		}
	})
	return out
}
