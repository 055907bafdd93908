package joinery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Container is what holds fields, and so what a struct can be loaded from and
// stored in: a *Doc, a *Tx or a Map.
type Container interface {
	Load(dst any) error
	Store(ctx context.Context, src any) error
	here() fields
}

func (f fields) here() fields { return f }

// Load reads the struct that dst points to, each of its exported fields from a
// field of the document or map, all in one view. Field tags say which:
//
//	Name  string              `joinery:"name"`           // another name than the Go field's
//	Temp  string              `joinery:"-"`              // neither loaded nor stored
//	Nick  string              `joinery:"nick,omitempty"` // a zero or empty value is absent
//	Token string              `joinery:"token,ttl=15m"`  // what is stored expires, see TTL
//
//	tag       Go type                      in the document
//	(none)    struct, pointer to struct    Map, field by field
//	(none)    anything else                Register with the whole value
//	whole     anything                     Register with the whole value
//	counter   integers                     Counter
//	flag      bool                         Flag
//	dwflag    bool                         DisableWinsFlag
//	set       []T, map[T]struct{}          Set of T
//	rwset     []T, map[T]struct{}          RemoveWinsSet of T
//	lwwmap    map[string]T                 LWWMap of T
//	map       struct, pointer to struct    Map, field by field
//	map       map[string]T                 Map with a field for each key: what T is untagged,
//	                                       or by the tag that follows, as in "items,map,counter"
//
// A struct with an encoding of its own, as [time.Time] has, is a value like any
// other. Embedded structs are flattened as by encoding/json, and a struct may
// contain its own type by a pointer or map. Of two fields with one name the less
// deeply embedded counts; two at one depth are a mistake, as is a tag that does
// not suit its field: [ErrStruct], from every call.
//
// The option ttl is for registers, flags, sets, LWW maps and maps of these. As
// Store writes only what differs, a value that is stored again unchanged has the
// time that it had.
//
// What is absent in the document loads as the zero value; what is nil, or zero
// with omitempty, stores as absent. A pointer tells an absent value or Map from
// a zero one. Empty sets and maps are absent ones, and load as nil. Elements of
// a set come into a slice in the order of their encodings.
//
// Registers with siblings load as [Get] reads them. A value that is not of the
// field's type counts as absent: the rest is loaded, the document keeps it, and
// Load returns a [FieldError] of [ErrType] for each such field, joined. To store
// what was loaded so would remove them.
func (f fields) Load(dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return f.wrap(fmt.Errorf("%w: Load needs a pointer to a struct, not %T", ErrStruct, dst))
	}
	r, err := recordOf(v.Type().Elem())
	if err != nil {
		return f.wrap(err)
	}
	var c content
	f.view(func(f fields) { c = r.read(f) })
	return f.wrapAll(r.load(c, v.Elem(), f.top(r)))
}

// Store makes the document or map hold what the struct src, or the one it points
// to, says: [Doc.Load] has the tags. Only fields that differ from what is
// there now are written, in one atomic group, so that storing what was loaded
// writes nothing; of sets and maps only the elements and keys that differ, of
// counters the difference. A conflict stays one if its first sibling is what is
// stored. What the struct has no field for stays, but in a nested Map that
// becomes nil or whose key goes: that is removed whole.
//
// The struct counts as all that is to be: what others have written since it was
// loaded is written back. Use [Edit] to change what is there, and [StoreChanges]
// if the change takes longer.
//
// An error about a single field is a [FieldError]; nothing was written then. A
// Tx may hold writes of a Store that failed, as of any failed write: its Update
// should return the error.
func (f fields) Store(ctx context.Context, src any) error {
	v, r, err := structIn(src)
	if err != nil {
		return f.unwritten(err)
	}
	want, err := r.encode(f.target, v, f.top(r))
	if err != nil {
		return f.unwritten(err)
	}
	return f.update(ctx, func(f fields) error {
		return r.apply(ctx, f, r.read(f), want, f.top(r))
	})
}

// Edit loads a T, lets fn change it, and writes what fn changed, all of it in
// one atomic group: what fn leaves alone is not written, whatever others do to
// it. In sets and maps single elements and keys count as changed, in counters
// the difference. Nothing is written if fn changes nothing or returns an error,
// which Edit returns, or if the T cannot be loaded in full.
//
//	err := joinery.Edit(ctx, doc, func(u *User) error {
//		u.Visits++
//		return nil
//	})
//
// fn runs as in [Doc.Update], under the replica's lock: it must be quick and not
// use the replica, and so must encodings that fields have of their own. With a
// Tx it becomes part of the Update around.
func Edit[T any](ctx context.Context, in Container, fn func(*T) error) error {
	f := in.here()
	r, err := recordOf(reflect.TypeFor[T]())
	if err != nil {
		return f.unwritten(err)
	}
	return f.update(ctx, func(f fields) error {
		var value T
		v := reflect.ValueOf(&value).Elem()
		if err := errors.Join(r.load(r.read(f), v, f.top(r))...); err != nil {
			return err
		}
		before, err := r.encode(f.target, v, f.top(r))
		if err != nil {
			return err
		}
		if err := fn(&value); err != nil {
			return err
		}
		after, err := r.encode(f.target, v, f.top(r))
		if err != nil {
			return err
		}
		return r.apply(ctx, f, before, after, f.top(r))
	})
}

// StoreChanges writes the fields in which after differs from before, and no
// others, in one atomic group: [Edit] for a change that takes its time, such as
// a form that somebody fills in. The two must not share slices, maps or
// pointers that were changed: load each by itself.
func StoreChanges[T any](ctx context.Context, in Container, before, after *T) error {
	f := in.here()
	var both [2]content
	var r *record
	for i, src := range []*T{before, after} {
		v, of, err := structIn(src)
		if err != nil {
			return f.unwritten(err)
		}
		if both[i], err = of.encode(f.target, v, f.top(of)); err != nil {
			return f.unwritten(err)
		}
		r = of
	}
	return f.update(ctx, func(f fields) error { return r.apply(ctx, f, both[0], both[1], f.top(r)) })
}

// structIn returns the struct in src, or behind it, and how its type is stored.
func structIn(src any) (reflect.Value, *record, error) {
	v := reflect.ValueOf(src)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return v, nil, fmt.Errorf("%w: nil %T", ErrStruct, src)
	}
	r, err := recordOf(v.Type())
	return v, r, err
}

// FieldError says which field of a struct could not be loaded or stored.
type FieldError struct {
	Path  []string // from the document down
	Field string   // from the Go type down, for instance main.User.Address.City
	Err   error
}

func (e *FieldError) Error() string { return fmt.Sprintf("field %q (%s): %v", e.Path, e.Field, e.Err) }

// Unwrap returns what is wrong with the field.
func (e *FieldError) Unwrap() error { return e.Err }

// place is where a walk through a struct and a document is; see FieldError.
type place struct {
	up    *place
	name  string // in the document
	field string // in the Go type
}

func (p *place) key(k string) *place { return &place{p, k, fmt.Sprintf("[%q]", k)} }

// fail says at which place something went wrong.
func (p *place) fail(err error) error {
	var path, field []string
	for ; p.up != nil; p = p.up {
		path, field = append(path, p.name), append(field, p.field)
	}
	slices.Reverse(path)
	slices.Reverse(field)
	return &FieldError{Path: path, Field: p.field + strings.Join(field, ""), Err: err}
}

// depth is the number of containers around a place.
func (p *place) depth() (n int) {
	for ; p.up != nil; p = p.up {
		n++
	}
	return n
}

// top is the place of a struct that lies in f itself.
func (f fields) top(r *record) *place {
	p := &place{}
	for _, c := range f.path {
		p = &place{up: p, name: c.Name}
	}
	if p.field = r.typ.String(); r.typ.Name() == "" {
		p.field = "struct"
	}
	return p
}

// view calls fn with f in a consistent view.
func (f fields) view(fn func(fields)) {
	if f.tx != nil {
		fn(f)
		return
	}
	f.replica.Doc(f.doc).View(func(tx *Tx) { fn(fields{tx.target, f.path}) })
}

// update calls fn with f in an atomic group.
func (f fields) update(ctx context.Context, fn func(fields) error) error {
	if f.tx != nil {
		return fn(f)
	}
	return f.replica.Doc(f.doc).Update(ctx, func(tx *Tx) error { return fn(fields{tx.target, f.path}) })
}

func (t target) wrapAll(errs []error) error {
	for i := range errs {
		errs[i] = t.wrap(errs[i])
	}
	return errors.Join(errs...)
}

// names returns the names under which fields of one type lie in a container,
// in no order.
func (f fields) names(tag kernel.Tag) (out []string) {
	f.read(func(d *crdt.Document) {
		in, ok := d.Container(f.path)
		if !ok {
			return
		}
		for l := range d.Entries(in) {
			if l.Tag == tag {
				out = append(out, l.Key)
			}
		}
		for _, c := range d.Containers(in) {
			if c.Tag == tag {
				out = append(out, c.Name)
			}
		}
	})
	return out
}

// inhabited reports whether anything can be read in a container: the marks that
// deletions leave do not count.
func (f fields) inhabited() (ok bool) {
	f.read(func(d *crdt.Document) {
		in, found := d.Container(f.path)
		if !found {
			return
		}
		visit(d, in, f.path, func(in kernel.Ref, at spot) {
			r := look(d, in, at)
			ok = ok || r.exists && (at.tag != crdt.TagDWFlag || r.on)
		})
	})
	return ok
}

// there reports whether anything lives in a container, marks included.
func (f fields) there() (ok bool) {
	f.read(func(d *crdt.Document) { _, ok = d.Container(f.path) })
	return ok
}
