package record

import (
	"context"
	"fmt"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Container is a document in an Update, or a map in it.
type Container interface {
	Register(string) joinery.Register
	Counter(string) joinery.Counter
	Set(string) joinery.Set
	RemoveWinsSet(string) joinery.RemoveWinsSet
	Flag(string) joinery.Flag
	DisableWinsFlag(string) joinery.DisableWinsFlag
	Map(string) joinery.Map
	LWWMap(string) joinery.LWWMap
}

// Within returns the map at a path below a document.
func Within(c Container, path []string) Container {
	for _, name := range path {
		c = c.Map(name)
	}
	return c
}

// Apply writes the record as one atomic group. An error means that nothing of
// it was written, but for those of a store; a disconnected replica is none.
// It calls written when the record is in the replica's memory, maybe twice:
// what is applied from then on is behind it. It then waits for the disk.
func (r *Record) Apply(ctx context.Context, to *joinery.Replica, written func()) error {
	return to.Doc(r.Doc).Update(ctx, func(tx *joinery.Tx) error {
		for i := range r.writes {
			w := &r.writes[i]
			if err := w.apply(ctx, Within(tx, w.path)); err != nil {
				return fmt.Errorf("field %q: %w", protocol.JoinPath(append(w.path[:len(w.path):len(w.path)], w.name)), err)
			}
		}
		if !r.expires.IsZero() {
			if err := tx.ExpireAt(ctx, r.expires); err != nil {
				return err
			}
		}
		written() // under the lock: the next one waits until the group is closed
		return nil
	})
}

func (w *write) apply(ctx context.Context, c Container) error {
	var opts []joinery.Option
	if !w.expires.IsZero() {
		opts = append(opts, joinery.ExpireAt(w.expires))
	}
	switch w.kind {
	case counter:
		f := c.Counter(w.name)
		return f.Inc(ctx, w.value.(int64)-f.Value())
	case flag:
		if f := c.Flag(w.name); !w.value.(bool) {
			return f.Disable(ctx)
		} else {
			return f.Enable(ctx, opts...)
		}
	case dwflag:
		if f := c.DisableWinsFlag(w.name); !w.value.(bool) {
			return f.Disable(ctx)
		} else {
			return f.Enable(ctx, opts...)
		}
	case set:
		return c.Set(w.name).AddWith(ctx, w.elems, opts...)
	case rwset:
		return c.RemoveWinsSet(w.name).AddWith(ctx, w.elems, opts...)
	case entry:
		return c.LWWMap(w.name).Put(ctx, w.key, w.value, opts...)
	}
	return c.Register(w.name).Set(ctx, w.value, opts...)
}
