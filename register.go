package joinery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Register holds a value of any type that msgpack can carry. Concurrent values
// live side by side: [Get] returns the one with the latest timestamp,
// [Siblings] all of them. A write replaces all that this replica has observed.
type Register struct {
	field
}

// Set writes a value.
func (r Register) Set(ctx context.Context, value any, opts ...Option) error {
	v, err := r.encode(value)
	if err != nil {
		return err
	}
	return r.assign(ctx, v, false, opts)
}

// Remove removes the values that this replica has observed. A concurrent Set
// survives it.
func (r Register) Remove(ctx context.Context, opts ...Option) error { return r.remove(ctx, opts) }

// Cell is a place whose value Get can read: a Register or a field of an LWWMap.
type Cell interface {
	latest() (string, bool)
	place() field
}

func (f field) latest() (value string, ok bool) {
	f.look(func(d *crdt.Document, in kernel.Ref) {
		var l kernel.Live
		l, ok = d.Latest(in, f.tag, f.name)
		value = l.Value
	})
	return value, ok
}

func (f field) place() field { return f }

// Get returns the last-writer-wins value of a register or map field, false if
// there is none. A value of another type than T is ErrType; T may be any.
func Get[T any](c Cell) (value T, ok bool, err error) {
	b, ok := c.latest()
	if !ok {
		return value, false, nil
	}
	value, err = decode[T](b)
	return value, err == nil, c.place().wrap(err)
}

// Sibling is one of the concurrent values at a place.
type Sibling[T any] struct {
	Value   T
	Replica ID        // who wrote it
	Time    time.Time // when, by the writer's clock
	Expires time.Time // when it is not to be there any more; zero is never
	Deleted bool      // in an LWW map: it is a deletion
	// Context supersedes just this sibling in a write with Over.
	Context Context
}

// Siblings returns all concurrent values at a place; the one that Get returns
// comes first. More than one is a conflict, which the next write settles.
func Siblings[T any](c Cell) ([]Sibling[T], error) {
	f := c.place()
	var out []Sibling[T]
	for _, l := range f.live() {
		s := Sibling[T]{Replica: l.dot.Actor.ID, Time: l.Time.Time(), Deleted: l.Marked, Context: Context{[]causal.Dot{l.dot}}}
		if l.Expiry != 0 {
			s.Expires = l.Expiry.Time()
		}
		if !l.Marked {
			var err error
			if s.Value, err = decode[T](l.Value); err != nil {
				return nil, f.wrap(err)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// ReadContext returns a context of all siblings at a place: a write Over it
// supersedes what a reader saw now, even if it is made elsewhere and later.
func ReadContext(c Cell) Context {
	var ctx Context
	for _, l := range c.place().live() {
		ctx.dots = append(ctx.dots, l.dot)
	}
	return ctx
}

// liveDot is a live payload with its full name.
type liveDot struct {
	kernel.Live
	dot causal.Dot
}

// live returns the live payloads at a place, the latest first. Their dots may
// leave the process in a Context, so they are final, and as durable as the
// replica is.
func (f field) live() (out []liveDot) {
	collect := func(d *crdt.Document) {
		in, ok := d.Container(f.path)
		if !ok {
			return
		}
		s := d.State()
		for l := range d.Standing(in, f.tag, f.name) {
			out = append(out, liveDot{l, s.Dot(&l)})
		}
		slices.SortFunc(out, func(a, b liveDot) int {
			if s.Less(&a.Live, &b.Live) {
				return 1
			}
			return -1
		})
	}
	if f.tx != nil {
		collect(f.tx.open())
		return out
	}
	f.replica.node.ReadFinal(f.doc, func(d *crdt.Document) {
		if d != nil {
			collect(d)
		}
	}, f.at(f.path, f.tag, f.name)...)
	return out
}

// String returns the context's text form.
func (c Context) String() string {
	parts := make([]string, len(c.dots))
	for i, d := range c.dots {
		parts[i] = d.String()
	}
	return strings.Join(parts, ",")
}

// maxContext bounds the dots of a parsed context.
const maxContext = 1024

// ParseContext reads what Context.String writes.
func ParseContext(s string) (c Context, err error) {
	if s == "" {
		return c, nil
	}
	parts := strings.SplitN(s, ",", maxContext+1)
	if len(parts) > maxContext {
		return c, fmt.Errorf("%w: context of more than %d siblings", ErrTooLarge, maxContext)
	}
	for _, p := range parts {
		d, err := causal.ParseDot(p)
		if err != nil {
			return Context{}, fmt.Errorf("%w: context: %w", ErrValue, err)
		}
		c.dots = append(c.dots, d)
	}
	return c, nil
}
