package joinery

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// content is what a field holds, encoded: in a document, or by a Go value. Two
// are compared to find out what to write. The zero content is of a field that
// is absent.
type content struct {
	exists bool
	value  string             // of a register
	number int64              // of a counter
	below  map[string]content // by field, key or, of a set, encoded element
}

// holding returns the content of what lives if anything in it does.
func holding(below map[string]content) content { return content{exists: len(below) > 0, below: below} }

// read reads what f holds of a struct's fields.
func (r *record) read(f fields) content {
	c := content{below: make(map[string]content, len(r.members))}
	for _, m := range r.members {
		if in := m.read(f, m.name); in.exists {
			c.below[m.name] = in
		}
	}
	c.exists = len(c.below) > 0
	return c
}

// read reads the field of this name.
func (s *shape) read(f fields, name string) (c content) {
	switch s.form {
	case asRegister:
		c.value, c.exists = f.Register(name).latest()
	case asCounter:
		c.number, c.exists = f.Counter(name).sum()
	case asFlag:
		c.exists = f.Flag(name).Enabled()
	case asDisableWinsFlag:
		c.exists = f.DisableWinsFlag(name).Enabled()
	case asSet:
		return elementsOf(f.Set(name))
	case asRemoveWinsSet:
		return elementsOf(f.RemoveWinsSet(name))
	case asLWWMap:
		return entriesOf(f.LWWMap(name))
	case asMap:
		return s.readKeys(f.Map(name).fields)
	case asStruct:
		m := f.Map(name).fields
		if !m.there() { // where a type that contains itself ends
			return c
		}
		c = s.record.read(m)
		c.exists = c.exists || m.inhabited()
	}
	return c
}

func (s *shape) readKeys(m fields) content {
	below := make(map[string]content)
	for _, key := range m.names(s.elem.form.tag()) {
		if c := s.elem.read(m, key); c.exists {
			below[key] = c
		}
	}
	return holding(below)
}

func elementsOf(s Collection) content {
	below := make(map[string]content)
	for _, key := range s.members() {
		below[key] = content{exists: true}
	}
	return holding(below)
}

func entriesOf(m LWWMap) content {
	below := make(map[string]content)
	for _, key := range m.Keys() {
		v, ok := m.Entry(key).latest()
		below[key] = content{exists: ok, value: v}
	}
	return holding(below)
}

// sum is Value, and whether there is anything to add up.
func (c Counter) sum() (n int64, ok bool) {
	c.look(func(d *crdt.Document, in kernel.Ref) { n, ok = d.Sum(in, c.name) })
	return n, ok
}

// apply writes to f, which is in a transaction, in what want differs from have.
func (r *record) apply(ctx context.Context, f fields, have, want content, at *place) error {
	for i := range r.members {
		m := &r.members[i]
		if err := m.apply(ctx, f, m.name, have.below[m.name], want.below[m.name], m.place(at)); err != nil {
			return err
		}
	}
	return nil
}

// apply writes the field of this name if want differs from have.
func (s *shape) apply(ctx context.Context, f fields, name string, have, want content, at *place) error {
	switch {
	case s.form == asMap:
		m := f.Map(name).fields
		for _, key := range keysOf(have, want) {
			if err := s.elem.apply(ctx, m, key, have.below[key], want.below[key], at.key(key)); err != nil {
				return err
			}
		}
		return nil
	case s.form == asStruct && want.exists:
		return s.record.apply(ctx, f.Map(name).fields, have, want, at)
	}
	if err := s.write(ctx, f, name, have, want); err != nil {
		return at.fail(err)
	}
	return nil
}

// write is apply for what has no fields below it, or loses them all.
func (s *shape) write(ctx context.Context, f fields, name string, have, want content) error {
	var opts []Option
	if s.ttl != nil {
		opts = append(opts, s.ttl)
	}
	switch s.form {
	case asRegister:
		return writeRegister(ctx, f.Register(name), have, want, opts)
	case asCounter:
		return writeCounter(ctx, f.Counter(name), have, want)
	case asFlag:
		return writeFlag(ctx, f.Flag(name), have, want, opts)
	case asDisableWinsFlag:
		return writeFlag(ctx, f.DisableWinsFlag(name), have, want, opts)
	case asSet:
		return writeSet(ctx, f.Set(name), have, want, opts)
	case asRemoveWinsSet:
		return writeSet(ctx, f.RemoveWinsSet(name), have, want, opts)
	case asLWWMap:
		return writeEntries(ctx, f.LWWMap(name), have, want, opts)
	default:
		if !have.exists {
			return nil
		}
		return f.Map(name).Remove(ctx)
	}
}

func writeRegister(ctx context.Context, r Register, have, want content, opts []Option) error {
	switch {
	case want.exists && (!have.exists || have.value != want.value):
		return r.Set(ctx, msgpack.RawMessage(want.value), opts...)
	case have.exists && !want.exists:
		return r.Remove(ctx)
	}
	return nil
}

func writeCounter(ctx context.Context, c Counter, have, want content) error {
	if have.exists && !want.exists {
		return c.Remove(ctx)
	}
	n := want.number - have.number
	switch {
	case n == 0:
		return nil
	case (n > 0) != (want.number > have.number):
		return fmt.Errorf("%w: a counter cannot go from %d to %d at once", ErrTooLarge, have.number, want.number)
	}
	return c.Inc(ctx, n)
}

func writeFlag(ctx context.Context, f interface {
	Enable(context.Context, ...Option) error
	Disable(context.Context) error
}, have, want content, opts []Option) error {
	switch {
	case want.exists && !have.exists:
		return f.Enable(ctx, opts...)
	case have.exists && !want.exists:
		return f.Disable(ctx)
	}
	return nil
}

func writeSet(ctx context.Context, s interface {
	AddWith(context.Context, []any, ...Option) error
	Remove(context.Context, ...any) error
}, have, want content, opts []Option) error {
	var added, removed []any
	for _, key := range keysOf(have, want) {
		switch h, w := have.below[key].exists, want.below[key].exists; {
		case w && !h:
			added = append(added, msgpack.RawMessage(key))
		case h && !w:
			removed = append(removed, msgpack.RawMessage(key))
		}
	}
	if len(removed) > 0 {
		if err := s.Remove(ctx, removed...); err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
	return s.AddWith(ctx, added, opts...)
}

func writeEntries(ctx context.Context, m LWWMap, have, want content, opts []Option) error {
	for _, key := range keysOf(have, want) {
		h, w := have.below[key], want.below[key]
		var err error
		switch {
		case w.exists && (!h.exists || h.value != w.value):
			err = m.Put(ctx, key, msgpack.RawMessage(w.value), opts...)
		case h.exists && !w.exists:
			err = m.Delete(ctx, key)
		}
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
	}
	return nil
}

// keysOf returns the keys below either, in byte order.
func keysOf(a, b content) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a.below)), maps.Keys(b.below))
	slices.Sort(keys)
	return slices.Compact(keys)
}
