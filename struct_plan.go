package joinery

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// form is how a Go value lies in a document.
type form uint8

const (
	asRegister form = iota
	asCounter
	asFlag
	asDisableWinsFlag
	asSet
	asRemoveWinsSet
	asLWWMap
	asMap    // a Map with a field for each key of a Go map
	asStruct // a Map with a field for each field of a Go struct
)

// forms are the options of tags that choose a form.
var forms = map[string]form{
	"whole": asRegister, "counter": asCounter, "flag": asFlag, "dwflag": asDisableWinsFlag,
	"set": asSet, "rwset": asRemoveWinsSet, "lwwmap": asLWWMap, "map": asMap,
}

// tag is the document's type for a form.
func (f form) tag() kernel.Tag {
	return [...]kernel.Tag{
		crdt.TagRegister, crdt.TagCounter, crdt.TagEWFlag, crdt.TagDWFlag, crdt.TagSet, crdt.TagRWSet,
		crdt.TagLWWMap, crdt.TagMap, crdt.TagMap,
	}[f]
}

// shape is how values of a Go type lie in a document.
type shape struct {
	form    form
	typ     reflect.Type
	pointer bool    // the Go value is a *typ, nil if absent
	elem    *shape  // of what is in a set or map
	ttl     Option  // of what is written, nil if it stays
	record  *record // of asStruct
}

// record is how structs of a type lie in a container. It is never changed once
// recordOf has returned it.
type record struct {
	typ     reflect.Type
	members []member
}

// member is a field of a struct.
type member struct {
	*shape
	name      string // in the document
	goName    string
	index     []int // through the embedded structs around
	omitEmpty bool
}

// records keeps what recordOf found out: a finding for each reflect.Type.
var records sync.Map

type finding struct {
	record *record
	err    error
}

// recordOf returns how structs of type t are stored.
func recordOf(t reflect.Type) (*record, error) {
	if f, ok := records.Load(t); ok {
		return f.(finding).record, f.(finding).err
	}
	var f finding
	if t.Kind() != reflect.Struct {
		f.err = fmt.Errorf("%w: %v is not one", ErrStruct, t)
	} else {
		f.record, f.err = planner{}.record(t)
	}
	records.Store(t, f)
	return f.record, f.err
}

// planner holds the records on the way to one, which may contain itself.
type planner map[reflect.Type]*record

func (p planner) record(t reflect.Type) (*record, error) {
	if r := p[t]; r != nil {
		return r, nil
	}
	r := &record{typ: t}
	p[t] = r
	if err := p.collect(r, t, nil, nil); err != nil {
		return nil, err
	}
	return r, r.settle()
}

// collect adds the fields of t, which lies embedded in the structs around.
func (p planner) collect(r *record, t reflect.Type, index []int, around []reflect.Type) error {
	around = append(around[:len(around):len(around)], t)
	for i := range t.NumField() {
		f := t.Field(i)
		err := p.field(r, f, append(index[:len(index):len(index)], i), around)
		if errors.Is(err, ErrStruct) { // of the struct in this field, which it names
			return err
		}
		if err != nil {
			return fmt.Errorf("%w: %v.%s: %w", ErrStruct, t, f.Name, err)
		}
	}
	return nil
}

func (p planner) field(r *record, f reflect.StructField, index []int, around []reflect.Type) error {
	tag, tagged := f.Tag.Lookup("joinery")
	inner, pointer := pointee(f.Type)
	switch {
	case tag == "-":
		return nil
	case f.Anonymous && tag == "" && isRecord(inner):
		if pointer && !f.IsExported() {
			return fmt.Errorf("an embedded pointer to an unexported struct cannot be set; embed the struct itself")
		}
		if slices.Contains(around, inner) {
			return nil // every name in it is taken further up
		}
		return p.collect(r, inner, index, around)
	case !f.IsExported() && tagged:
		return fmt.Errorf("an unexported field has no tag but %q", "-")
	case !f.IsExported():
		return nil
	}
	name, options, _ := strings.Cut(tag, ",")
	m := member{name: name, goName: f.Name, index: index}
	if name == "" {
		m.name = f.Name
	}
	err := p.options(&m, f.Type, options)
	r.members = append(r.members, m)
	return err
}

func (p planner) options(m *member, t reflect.Type, options string) (err error) {
	var words []string
	if options != "" {
		words = strings.Split(options, ",")
	}
	n := len(words)
	words = slices.DeleteFunc(words, func(w string) bool { return w == "omitempty" })
	m.omitEmpty = len(words) < n
	words, ttl, err := ttlOf(words)
	if err != nil {
		return err
	}
	if m.shape, err = p.shape(t, words); err == nil && m.omitEmpty && m.form != asRegister {
		err = fmt.Errorf("omitempty is for registers: empty sets, maps, flags and counters are absent anyway, structs have pointers")
	}
	if err == nil && ttl != nil {
		err = m.shape.expire(ttl)
	}
	return err
}

// ttlOf takes the option that begins with "ttl=" out of the words of a tag.
func ttlOf(words []string) (rest []string, ttl Option, err error) {
	for _, w := range words {
		text, ok := strings.CutPrefix(w, "ttl=")
		if !ok {
			rest = append(rest, w)
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return nil, nil, fmt.Errorf("%q is no duration above 0, such as ttl=90m", w)
		}
		ttl = TTL(d)
	}
	return rest, ttl, nil
}

// expire gives what is written a time to live.
func (s *shape) expire(ttl Option) error {
	switch s.form {
	case asCounter, asStruct:
		return fmt.Errorf("ttl is for registers, flags, sets, LWW maps and maps of these")
	case asMap:
		return s.elem.expire(ttl)
	}
	s.ttl = ttl
	return nil
}

// shape returns how a t lies in a document by the words of a tag.
func (p planner) shape(t reflect.Type, words []string) (*shape, error) {
	inner, pointer := pointee(t)
	if len(words) == 0 {
		if isRecord(inner) {
			return p.nested(inner, pointer)
		}
		return whole(t)
	}
	form, ok := forms[words[0]]
	switch {
	case !ok:
		return nil, fmt.Errorf("unknown option %q in the tag", words[0])
	case len(words) > 1 && (form != asMap || t.Kind() != reflect.Map):
		return nil, fmt.Errorf("option %q after %q, which has room for none", words[1], words[0])
	case form == asRegister:
		return whole(t)
	case form == asMap && inner.Kind() == reflect.Struct:
		return p.nested(inner, pointer)
	}
	s := &shape{form: form, typ: t}
	needs, err := p.within(s, words[1:])
	if needs != "" {
		return nil, fmt.Errorf("%q is for %s, not for %v", words[0], needs, t)
	}
	return s, err
}

func (p planner) nested(t reflect.Type, pointer bool) (*shape, error) {
	r, err := p.record(t)
	return &shape{form: asStruct, typ: t, pointer: pointer, record: r}, err
}

// within finds out what is in the values of a shape, and says what Go type it
// needs if that is another one.
func (p planner) within(s *shape, words []string) (needs string, err error) {
	kind := s.typ.Kind()
	switch {
	case s.form == asCounter:
		if kind < reflect.Int || kind > reflect.Uintptr {
			return "integers", nil
		}
	case s.form == asFlag || s.form == asDisableWinsFlag:
		if kind != reflect.Bool {
			return "bool", nil
		}
	case s.form == asSet || s.form == asRemoveWinsSet:
		switch {
		case kind == reflect.Slice:
			s.elem, err = whole(s.typ.Elem())
		case kind == reflect.Map && s.typ.Elem().Kind() == reflect.Struct && s.typ.Elem().NumField() == 0:
			s.elem, err = whole(s.typ.Key())
		default:
			return "[]T and map[T]struct{}", nil
		}
	case kind != reflect.Map || s.typ.Key().Kind() != reflect.String:
		if s.form == asMap {
			return "structs and map[string]T", nil
		}
		return "map[string]T", nil
	case s.form == asLWWMap:
		s.elem, err = whole(s.typ.Elem())
	default:
		s.elem, err = p.shape(s.typ.Elem(), words)
	}
	return "", err
}

// whole is the shape of a value that is encoded as one.
func whole(t reflect.Type) (*shape, error) {
	inner, pointer := pointee(t)
	switch inner.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		if !encodesItself(inner) {
			return nil, fmt.Errorf("%v cannot be encoded; tag it %q", t, "-")
		}
	}
	return &shape{form: asRegister, typ: inner, pointer: pointer}, nil
}

func pointee(t reflect.Type) (inner reflect.Type, pointer bool) {
	if t.Kind() == reflect.Pointer {
		return t.Elem(), true
	}
	return t, false
}

// isRecord reports whether values of type t are stored field by field.
func isRecord(t reflect.Type) bool { return t.Kind() == reflect.Struct && !encodesItself(t) }

// encodesItself reports whether msgpack leaves the encoding to the type.
func encodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	for _, own := range []reflect.Type{
		reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.Marshaler](),
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler](),
	} {
		if p.Implements(own) {
			return true
		}
	}
	return false
}

// settle leaves one member of each name: the one that is least embedded.
func (r *record) settle() error {
	slices.SortStableFunc(r.members, func(a, b member) int { return len(a.index) - len(b.index) })
	seen := make(map[string]*member)
	kept := r.members[:0]
	for _, m := range r.members {
		first := seen[m.name]
		if first != nil && len(first.index) == len(m.index) {
			return fmt.Errorf("%w: %v: the fields %s and %s have one name, %q", ErrStruct, r.typ, first.goName, m.goName, m.name)
		}
		if first == nil {
			seen[m.name] = &m
			kept = append(kept, m)
		}
	}
	r.members = kept
	return nil
}
