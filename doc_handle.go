package joinery

import (
	"context"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Doc is a handle on a document.
type Doc struct {
	fields
}

// Name returns the document's name.
func (d *Doc) Name() string { return d.doc }

// Update runs fn, whose writes through tx become one atomic group: every
// replica and every watcher sees all of them or none. If fn returns an error
// or panics they are taken back, and Update returns the error. If fn ignores
// the error of a write, the other writes count.
//
// fn holds the replica's lock: it must be quick and use tx alone. Any other use
// of the replica in it would wait for itself, and panics where that is seen.
func (d *Doc) Update(ctx context.Context, fn func(tx *Tx) error) error {
	return d.write(ctx, func(c *crdt.Document) error { return d.group(c, fn) })
}

// group runs fn as one atomic group, under the lock.
func (d *Doc) group(c *crdt.Document, fn func(tx *Tx) error) error {
	return c.Update(func() (err error) {
		d.inside(&transaction{doc: c}, func(tx *Tx) { err = fn(tx) })
		return err
	})
}

// View runs fn with a consistent view of the document: no write falls between
// its reads. fn must use tx alone, and only read; it keeps writers waiting.
func (d *Doc) View(fn func(tx *Tx)) {
	d.replica.node.Read(d.doc, func(c *crdt.Document) {
		if c == nil {
			c = &crdt.Document{}
		}
		d.inside(&transaction{doc: c, readOnly: true}, fn)
	})
}

// inside runs fn in a transaction, under the lock.
func (d *Doc) inside(x *transaction, fn func(tx *Tx)) {
	defer x.end()
	d.replica.node.Guard(func() {
		fn(&Tx{fields{target: target{doc: d.doc, replica: d.replica, tx: x}}})
	})
}

// Tx is a document inside an Update or View. It is good only until that ends.
type Tx struct {
	fields
}

// Delete is [Doc.Delete] as part of the group, which bounds it to a document of
// some 40,000 fields.
func (tx *Tx) Delete(ctx context.Context) error {
	return tx.write(ctx, func(c *crdt.Document) error { return c.RemoveBelow(kernel.Root) })
}

// fields makes handles on what is in a document or map.
type fields struct {
	target
	path []kernel.Component
}

func (f fields) below(tag kernel.Tag, name string) []kernel.Component {
	return append(f.path[:len(f.path):len(f.path)], kernel.Component{Tag: tag, Name: name})
}

// Register returns a handle on the register of this name.
func (f fields) Register(name string) Register {
	return Register{field{f.target, f.path, crdt.TagRegister, name}}
}

// Counter returns a handle on the counter of this name.
func (f fields) Counter(name string) Counter {
	return Counter{field{f.target, f.path, crdt.TagCounter, name}}
}

// Set returns a handle on the add-wins set of this name.
func (f fields) Set(name string) Set {
	return Set{elements{f.target, f.below(crdt.TagSet, name), crdt.TagElem}}
}

// RemoveWinsSet returns a handle on the remove-wins set of this name.
func (f fields) RemoveWinsSet(name string) RemoveWinsSet {
	return RemoveWinsSet{elements{f.target, f.below(crdt.TagRWSet, name), crdt.TagRWElem}}
}

// Flag returns a handle on the enable-wins flag of this name.
func (f fields) Flag(name string) Flag {
	return Flag{field{f.target, f.path, crdt.TagEWFlag, name}}
}

// DisableWinsFlag returns a handle on the disable-wins flag of this name.
func (f fields) DisableWinsFlag(name string) DisableWinsFlag {
	return DisableWinsFlag{field{f.target, f.path, crdt.TagDWFlag, name}}
}

// Map returns a handle on the map of this name, which holds fields of any type.
func (f fields) Map(name string) Map {
	return Map{fields{f.target, f.below(crdt.TagMap, name)}}
}

// LWWMap returns a handle on the last-writer-wins map of this name.
func (f fields) LWWMap(name string) LWWMap {
	return LWWMap{f.target, f.below(crdt.TagLWWMap, name)}
}

// Map is an OR-map: fields of any type, maps among them, to a depth of 31.
// Removing it removes what this replica has observed in it; a concurrent
// update survives, alone.
type Map struct {
	fields
}

// Remove removes all that this replica has observed in the map. Deletions in
// LWW maps and removals in remove-wins sets below it stay recorded.
func (m Map) Remove(ctx context.Context) error { return clearBelow(ctx, m.target, m.path) }

func clearBelow(ctx context.Context, t target, path []kernel.Component) error {
	return t.write(ctx, func(d *crdt.Document) error {
		in, ok := d.Container(path)
		if !ok {
			return nil
		}
		return d.RemoveBelow(in)
	})
}

// field is a place in a document.
type field struct {
	target
	path []kernel.Component
	tag  kernel.Tag
	name string
}

// Name returns the field's name.
func (f field) Name() string { return f.name }

// Option qualifies one write.
type Option func(*crdt.Options)

// At gives the write a timestamp of its own. If it is older than what this
// replica has observed there, the write is ignored with ErrSuperseded. It means
// nothing to a Remove.
func At(t Time) Option {
	return func(o *crdt.Options) { o.Time, o.HasTime = t, true }
}

// Over makes the write supersede exactly the siblings that were read, here or
// on another replica, and nothing else; see Context in [Sibling] and
// [ReadContext].
func Over(c Context) Option {
	return func(o *crdt.Options) { o.Over, o.HasOver = c.dots, true }
}

// Time is a hybrid timestamp: physical milliseconds and a counter.
type Time = hlc.Time

// TimeAt returns the timestamp of a moment.
var TimeAt = hlc.At

func options(opts []Option) (o crdt.Options) {
	for _, f := range opts {
		f(&o)
	}
	return o
}

func (f field) assign(ctx context.Context, value string, mark bool, opts []Option) error {
	o := options(opts)
	return f.write(ctx, func(d *crdt.Document) error {
		if err := checkOver(d, o.Over); err != nil {
			return err
		}
		return f.put(d, f.path, f.component(), func(in kernel.Ref) error {
			return d.Assign(in, f.tag, f.name, value, mark, o)
		})
	}, f.at(f.path, f.tag, f.name)...)
}

func (f field) remove(ctx context.Context, opts []Option) error {
	o := options(opts)
	return f.write(ctx, func(d *crdt.Document) error {
		in, ok := d.Container(f.path)
		if !ok && !o.HasOver {
			return nil
		}
		if err := checkOver(d, o.Over); err != nil {
			return err
		}
		return d.Remove(in, f.tag, f.name, o)
	}, f.at(f.path, f.tag, f.name)...)
}

func (f field) component() kernel.Component { return kernel.Component{Tag: f.tag, Name: f.name} }

// checkOver refuses a context that names events of this replica which have not
// been: the death of one that is yet to come would kill a later write.
func checkOver(d *crdt.Document, dots []causal.Dot) error {
	if len(dots) > maxContext {
		return fmt.Errorf("%w: context of %d siblings, the limit is %d", ErrTooLarge, len(dots), maxContext)
	}
	for _, k := range dots {
		if a, ok := d.State().Lookup(k.Actor); k.Actor == d.Actor() && (!ok || k.Seq >= d.State().Next(a)) {
			return fmt.Errorf("%w: the context was not read from this space", ErrValue)
		}
	}
	return nil
}

// look calls fn with the field's container if anything lives in it.
func (f field) look(fn func(d *crdt.Document, in kernel.Ref)) {
	f.read(func(d *crdt.Document) {
		if in, ok := d.Container(f.path); ok {
			fn(d, in)
		}
	}, f.at(f.path, f.tag, f.name)...)
}

// Context names what a reader has seen at a field, for a write that supersedes
// just that; see [Over]. Its text form is opaque and can travel to a client and back.
type Context struct {
	dots []causal.Dot
}
