package joinery

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Kind is the type of a field.
type Kind uint8

// The kinds of fields.
const (
	KindUnknown         Kind = iota // written by a newer release
	KindRegister                    // Value is the last-writer-wins value
	KindCounter                     // Value is an int64
	KindElement                     // an element of a Set; Value is the element
	KindRemoveWins                  // an element of a RemoveWinsSet; Value is the element
	KindFlag                        // Value is true
	KindDisableWinsFlag             // Value is a bool
	KindEntry                       // an entry of an LWWMap; Value is its value
)

// String names the kind in lower case.
func (k Kind) String() string {
	names := [...]string{"unknown", "register", "counter", "set", "remove-wins-set", "flag", "disable-wins-flag", "lww-map"}
	if int(k) >= len(names) {
		k = KindUnknown
	}
	return names[k]
}

var kinds = map[kernel.Tag]Kind{
	crdt.TagRegister: KindRegister, crdt.TagCounter: KindCounter, crdt.TagElem: KindElement,
	crdt.TagRWElem: KindRemoveWins, crdt.TagEWFlag: KindFlag, crdt.TagDWFlag: KindDisableWinsFlag,
	crdt.TagLWWField: KindEntry,
}

// Field is a place in a document with what is there.
type Field struct {
	// Path is the names from the document down to the field. Of a set's
	// elements it ends with the set's name.
	Path []string
	Kind Kind
	// Value is what is there, as any msgpack value decodes; see the kinds.
	Value any
	// Exists is false if nothing is there: never in a listing, but in an Event.
	Exists bool
	// Siblings is the number of concurrent values; more than 1 is a conflict.
	Siblings int
	// Err says why Value could not be decoded, if it could not; Raw then holds
	// its encoding.
	Err error
	Raw []byte
}

// spot is a place in a document in the kernel's terms.
type spot struct {
	path []kernel.Component
	tag  kernel.Tag
	key  string
}

// spots calls yield for every place in which something lives, in the order of
// names, then of types.
func spots(d *crdt.Document, in kernel.Ref, path []kernel.Component, yield func(spot) bool) bool {
	s := d.State()
	for _, e := range sortedEntries(s, in) {
		if !yield(spot{path, e.Tag, e.Name}) {
			return false
		}
	}
	type child struct {
		ref kernel.Ref
		kernel.Component
	}
	var below []child
	for r, c := range s.Containers(in) {
		below = append(below, child{r, c})
	}
	slices.SortFunc(below, func(a, b child) int { return compareComponents(a.Component, b.Component) })
	for _, c := range below {
		if !spots(d, c.ref, append(path[:len(path):len(path)], c.Component), yield) {
			return false
		}
	}
	return true
}

func sortedEntries(s *kernel.State, in kernel.Ref) []kernel.Component {
	out := make([]kernel.Component, 0, s.Len(in))
	for l := range s.Entries(in) {
		out = append(out, kernel.Component{Tag: l.Tag, Name: l.Key})
	}
	slices.SortFunc(out, compareComponents)
	return out
}

func compareComponents(a, b kernel.Component) int {
	if c := cmp.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return cmp.Compare(a.Tag, b.Tag)
}

// describe reads what is at a place.
func describe(d *crdt.Document, at spot) Field {
	f := Field{Kind: kinds[at.tag]}
	for _, c := range at.path {
		f.Path = append(f.Path, c.Name)
	}
	isElement := f.Kind == KindElement || f.Kind == KindRemoveWins
	if !isElement {
		f.Path = append(f.Path, at.key)
	}
	in, ok := d.Container(at.path)
	if isElement {
		f.decode(at.key)
		f.Exists = ok && d.Present(in, at.tag, at.key)
		return f
	}
	if ok {
		f.fill(d, in, at)
	}
	return f
}

// fill reads the value of a field that is no element.
func (f *Field) fill(d *crdt.Document, in kernel.Ref, at spot) {
	switch f.Kind {
	case KindCounter:
		f.Value, f.Exists = d.Sum(in, at.key)
	case KindFlag, KindDisableWinsFlag:
		on := d.Present(in, at.tag, at.key)
		f.Value, f.Exists = on, d.State().Has(in, at.tag, at.key)
	default:
		for range d.State().Siblings(in, at.tag, at.key) {
			f.Siblings++
		}
		l, ok := d.Latest(in, at.tag, at.key)
		if f.Exists = ok; ok {
			f.decode(l.Value)
		}
	}
}

func (f *Field) decode(s string) {
	if f.Value, f.Err = decode[any](s); f.Err != nil {
		f.Raw = []byte(s)
	}
}

// Fields yields what is in the document, in the order of paths. It is a
// consistent view as of the call.
func (d *Doc) Fields() iter.Seq[Field] {
	var out []Field
	d.read(func(c *crdt.Document) { out = fieldsOf(c) })
	return slices.Values(out)
}

func fieldsOf(c *crdt.Document) (out []Field) {
	spots(c, kernel.Root, nil, func(at spot) bool {
		if f := describe(c, at); f.Exists {
			out = append(out, f)
		}
		return true
	})
	return out
}

// Conflict is a place with concurrent values.
type Conflict struct {
	Doc      string
	Path     []string
	Kind     Kind
	Siblings []Sibling[any] // the one that Get returns first
}

// Conflicts yields the places with more than one concurrent value in the
// documents that match a pattern.
func (r *Replica) Conflicts(pattern string) iter.Seq2[Conflict, error] {
	return func(yield func(Conflict, error) bool) {
		for _, name := range r.node.Names(pattern) {
			for _, at := range r.conflicts(name) {
				c, err := r.conflict(name, at)
				if len(c.Siblings) < 2 && err == nil {
					continue // settled meanwhile
				}
				if !yield(c, err) {
					return
				}
			}
		}
	}
}

// conflicts returns the places with siblings in a document.
func (r *Replica) conflicts(doc string) (out []spot) {
	r.Doc(doc).read(func(c *crdt.Document) {
		spots(c, kernel.Root, nil, func(at spot) bool {
			if at.tag == crdt.TagRegister || at.tag == crdt.TagLWWField {
				if in, ok := c.Container(at.path); ok && len(c.Siblings(in, at.tag, at.key)) > 1 {
					out = append(out, at)
				}
			}
			return true
		})
	})
	return out
}

func (r *Replica) conflict(doc string, at spot) (Conflict, error) {
	c := Conflict{Doc: doc, Kind: kinds[at.tag]}
	for _, p := range at.path {
		c.Path = append(c.Path, p.Name)
	}
	c.Path = append(c.Path, at.key)
	var err error
	c.Siblings, err = Siblings[any](Register{field{r.Doc(doc).target, at.path, at.tag, at.key}})
	if err != nil {
		err = fmt.Errorf("%w (field %q)", err, c.Path)
	}
	return c, err
}
