package joinery

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/node"
)

// Event says what is at a place now that has changed.
type Event struct {
	Doc string
	Field
	// Old is what this watch showed last at the place, with Exists false if
	// nothing. It is nil without [OldValues], in a snapshot, and if it was forgotten.
	Old *Field
	// Local is set if only this replica wrote there since the last event.
	// Field.Origin says who wrote what stands.
	Local bool
	// Snapshot is set on what was there when the watch began, or after a Gap.
	Snapshot bool
	// Skipped is set if the place changed again before this event was read:
	// there were values in between that this watch does not show. Values that
	// arrived together, or that their writer replaced before it sent them, do
	// not count.
	Skipped bool
	// Gap is set on an event without a Field: the reader was so slow that even
	// the places that changed were too many to keep. What is there follows, as a
	// snapshot: what is not in it is not there any more.
	Gap bool
}

// WatchOption changes a watch.
type WatchOption func(*watchConfig)

type watchConfig struct {
	updatesOnly bool
	oldValues   bool
}

// UpdatesOnly leaves out what is there when the watch begins.
func UpdatesOnly() WatchOption { return func(c *watchConfig) { c.updatesOnly = true } }

// OldValues sets Old in events. The watch then keeps what it showed, a copy of
// the matching documents of up to 64 MiB; above that Old is nil where it does not
// know. With UpdatesOnly it reads them all in the call.
func OldValues() WatchOption { return func(c *watchConfig) { c.oldValues = true } }

// Watch yields what is in the documents that match a pattern, then what
// changes there, by writes here and by those that arrive, until ctx ends or
// the loop is left; it then yields nothing more. If the replica is closed it
// ends with ErrClosed, if the pattern is bad with ErrName.
//
// In a pattern "*" stands for one token of a name and a last ">" for one or
// more. Changes are collected from the call on, whether the loop has begun or
// not: none falls between the snapshot and the changes, though one may show in both.
//
// The events of one document come in the order in which its places changed here,
// each at its first change that was not read yet. Changes that come faster than
// they are read fall together: every event carries the value as of its reading,
// and what a group changed is never seen in part: its events follow one another,
// read in one view. A watch goes on through disconnects, reconnects and
// [Replica.Rebind]; what was missed shows when it has arrived.
//
// A slow loop holds up nobody: it is told of the newest values, with Skipped, and
// of at most 16,384 places, then of a Gap. The loop may use the replica in any
// way, and write to what it watches.
//
// The iterator is for one loop; a second one panics. Whoever never begins the
// loop has to end ctx.
func (r *Replica) Watch(ctx context.Context, pattern string, opts ...WatchOption) iter.Seq2[Event, error] {
	needs(ctx)
	var cfg watchConfig
	for _, o := range opts {
		o(&cfg)
	}
	all, _ := r.watch(ctx, pattern, cfg)
	return all
}

// watch is Watch, with what it goes by.
func (r *Replica) watch(ctx context.Context, pattern string, cfg watchConfig) (iter.Seq2[Event, error], *watch) {
	if err := message.CheckPattern(pattern); err != nil {
		return func(yield func(Event, error) bool) { yield(Event{}, fmt.Errorf("joinery: watch: %w", err)) }, nil
	}
	w := &watch{replica: r, ctx: ctx, pattern: pattern, changes: r.node.Watch(pattern)}
	stop := context.AfterFunc(ctx, w.changes.Stop)
	if cfg.oldValues {
		w.shown = newShown()
	}
	if cfg.oldValues && cfg.updatesOnly {
		w.snapshot(func(Event, error) bool { return true })
	}
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
	}, w
}

// watch is one call of Watch.
type watch struct {
	replica *Replica
	ctx     context.Context
	pattern string
	changes *node.Watcher
	shown   *shown // nil if old values are not asked for
	at      spot   // of the event that is being yielded
	used    atomic.Bool
}

// snapshot yields what is there and reports whether to go on.
func (w *watch) snapshot(yield func(Event, error) bool) bool {
	for name := range w.replica.node.Names(w.pattern, "", 0) {
		all := w.replica.Doc(name).readings()
		for i := range all {
			if w.at = all[i].spot; w.shown != nil {
				w.shown.swap(name, &all[i])
			}
			if w.ctx.Err() != nil || !yield(Event{Doc: name, Field: all[i].field(), Snapshot: true}, nil) {
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
	case gap && !w.afresh(yield):
		return false
	}
	for _, c := range byDocument(changes) {
		for i, r := range w.replica.lookAll(c) {
			w.at = r.spot
			if ev := w.event(&c[i], &r); w.ctx.Err() != nil || !yield(ev, nil) {
				return false
			}
		}
	}
	return true
}

// afresh begins again after a gap.
func (w *watch) afresh(yield func(Event, error) bool) bool {
	if w.shown != nil {
		w.shown = newShown()
	}
	return yield(Event{Gap: true}, nil) && w.snapshot(yield)
}

func (w *watch) event(p *node.Place, r *reading) Event {
	ev := Event{Doc: p.Doc, Local: p.Local, Skipped: p.Skipped, Field: r.field()}
	if w.shown == nil {
		return ev
	}
	if before, ok := w.shown.swap(p.Doc, r); ok {
		old := (&reading{r.spot, before}).field()
		ev.Old = &old
	}
	return ev
}

// byDocument sorts changes out by document, in the order of the first of each.
func byDocument(changes []node.Place) (out [][]node.Place) {
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
func (r *Replica) lookAll(changes []node.Place) []reading {
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
