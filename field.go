package joinery

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
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
	// Origin is the replica that wrote what is there: of a register or an entry
	// the one whose value shows, or whose deletion stands. It is zero if nothing
	// is there, or if several replicas have their part in it, as in a counter.
	Origin ID
	// Expires is when what is there is not to be there any more; zero is never.
	// See [TTL]. Of concurrent elements and flags it is the last moment.
	Expires time.Time
	// Err says why Value could not be decoded, if it could not; Raw then holds
	// its encoding.
	Err error
	Raw []byte

	encoded string
}

// Encoded returns the encoding of Value, to be read with [Decode]; nil for
// counters, flags, and where nothing is.
func (f *Field) Encoded() []byte {
	if f.encoded == "" {
		return f.Raw
	}
	return []byte(f.encoded)
}

// spot is a place in a document in the kernel's terms.
type spot struct {
	path []kernel.Component
	tag  kernel.Tag
	key  string
}

// reading is what was at a place at one moment, not decoded yet: that is done
// without the lock.
type reading struct {
	spot
	found
}

// found is what was at a place, not what place it was.
type found struct {
	value    string // encoded
	expiry   hlc.Time
	origin   ID
	number   int64 // a counter's
	on       bool  // a flag's
	exists   bool
	siblings int
}

// look reads what is at a place.
func look(d *crdt.Document, in kernel.Ref, at spot) reading {
	r := reading{spot: at}
	switch kinds[at.tag] {
	case KindElement, KindRemoveWins:
		r.exists = d.Present(in, at.tag, at.key)
	case KindCounter:
		r.number, r.exists = d.Sum(in, at.key)
	case KindFlag, KindDisableWinsFlag:
		r.on, r.exists = d.Present(in, at.tag, at.key), d.Stands(in, at.tag, at.key)
	default:
		r.siblings = countSiblings(d, in, at)
		if l, ok := d.Winner(in, at.tag, at.key); ok {
			r.origin, r.exists = d.State().Dot(&l).Actor.ID, !l.Marked
			if r.exists {
				r.value, r.expiry = l.Value, l.Expiry
			}
		}
		return r
	}
	r.origin, r.expiry = soleWriter(d, in, at), lastExpiry(d, in, at)
	return r
}

// lastExpiry returns when nothing will be at a place any more, 0 if some of what
// is there stays.
func lastExpiry(d *crdt.Document, in kernel.Ref, at spot) (last hlc.Time) {
	for l := range d.Standing(in, at.tag, at.key) {
		if l.Expiry == 0 {
			return 0
		}
		last = max(last, l.Expiry)
	}
	return last
}

// soleWriter returns who wrote all that lives at a place, zero if nobody alone.
func soleWriter(d *crdt.Document, in kernel.Ref, at spot) (id ID) {
	for l := range d.Standing(in, at.tag, at.key) {
		switch writer := d.State().Dot(&l).Actor.ID; {
		case id.IsZero():
			id = writer
		case id != writer:
			return ID{}
		}
	}
	return id
}

func countSiblings(d *crdt.Document, in kernel.Ref, at spot) (n int) {
	for range d.Standing(in, at.tag, at.key) {
		n++
	}
	return n
}

// lookAt is look for a place whose container may be gone.
func lookAt(d *crdt.Document, at spot) reading {
	if in, ok := d.Container(at.path); ok {
		return look(d, in, at)
	}
	return reading{spot: at}
}

// field decodes a reading.
func (r *reading) field() Field {
	f := Field{Kind: kinds[r.tag], Exists: r.exists, Siblings: r.siblings, Origin: r.origin, Path: make([]string, 0, len(r.path)+1)}
	for _, c := range r.path {
		f.Path = append(f.Path, c.Name)
	}
	if r.expiry != 0 {
		f.Expires = r.expiry.Time()
	}
	switch f.Kind {
	case KindElement, KindRemoveWins:
		f.decode(r.key)
		return f
	case KindCounter:
		f.Value = r.number
	case KindFlag, KindDisableWinsFlag:
		f.Value = r.on
	default:
		if r.exists {
			f.decode(r.value)
		}
	}
	f.Path = append(f.Path, r.key)
	return f
}

func (f *Field) decode(s string) {
	f.encoded = s
	if f.Value, f.Err = decode[any](s); f.Err != nil {
		f.Raw = []byte(s)
	}
}

// visit calls fn for every field in which something lives, in no order.
func visit(d *crdt.Document, in kernel.Ref, path []kernel.Component, fn func(kernel.Ref, spot)) {
	for l := range d.Entries(in) {
		if l.Tag != crdt.TagLapse {
			fn(in, spot{path, l.Tag, l.Key})
		}
	}
	for ref, c := range d.Containers(in) {
		if c.Tag == crdt.TagRequests {
			continue
		}
		visit(d, ref, append(path[:len(path):len(path)], c), fn)
	}
}

// compare orders places by paths, names before types; what is in a container
// itself comes before what is in those below it.
func (a spot) compare(b spot) int {
	n := min(len(a.path), len(b.path))
	for i := range n {
		if c := compareComponents(a.path[i], b.path[i]); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(a.path), len(b.path)); c != 0 {
		return c
	}
	return compareComponents(kernel.Component{Tag: a.tag, Name: a.key}, kernel.Component{Tag: b.tag, Name: b.key})
}

func compareComponents(a, b kernel.Component) int {
	if c := cmp.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return cmp.Compare(a.Tag, b.Tag)
}

// Fields yields what is in the document, in the order of paths; what is in the
// document or a map itself comes before what is in maps and sets below it. It
// is a consistent view as of the call, in O(fields) of memory.
func (d *Doc) Fields() iter.Seq[Field] {
	all := d.readings()
	return func(yield func(Field) bool) {
		for i := range all {
			if !yield(all[i].field()) {
				return
			}
		}
	}
}

// readings returns what is in the document, sorted.
func (d *Doc) readings() (out []reading) {
	d.read(func(c *crdt.Document) {
		out = make([]reading, 0, c.State().Dots())
		visit(c, kernel.Root, nil, func(in kernel.Ref, at spot) {
			if r := look(c, in, at); r.exists {
				out = append(out, r)
			}
		})
	})
	slices.SortFunc(out, func(a, b reading) int { return a.compare(b.spot) })
	return out
}

// Conflict is a place with concurrent values.
type Conflict struct {
	Doc      string
	Path     []string
	Kind     Kind
	Siblings []Sibling[any] // the one that Get returns first
	// Context supersedes all these siblings in a write with Over.
	Context Context

	at spot
}

// Conflicts yields the places with more than one concurrent value in the
// documents that match a pattern, as of the moment in which each is yielded.
// An error is of the pattern, then it is the only one, or of a place whose
// values could not be decoded.
func (r *Replica) Conflicts(pattern string) iter.Seq2[Conflict, error] {
	return func(yield func(Conflict, error) bool) {
		if err := message.CheckPattern(pattern); err != nil {
			yield(Conflict{}, fmt.Errorf("joinery: conflicts: %w", err))
			return
		}
		for name := range r.node.Names(pattern, "", 0) {
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

// conflicts returns the places with siblings in a document, sorted.
func (r *Replica) conflicts(doc string) (out []spot) {
	r.Doc(doc).read(func(c *crdt.Document) {
		if c.State().Dots() < 2 {
			return
		}
		visit(c, kernel.Root, nil, func(in kernel.Ref, at spot) {
			isCell := at.tag == crdt.TagRegister || at.tag == crdt.TagLWWField
			if isCell && countSiblings(c, in, at) > 1 {
				out = append(out, at)
			}
		})
	})
	slices.SortFunc(out, spot.compare)
	return out
}

func (r *Replica) conflict(doc string, at spot) (Conflict, error) {
	c := Conflict{Doc: doc, Kind: kinds[at.tag], at: at}
	for _, p := range at.path {
		c.Path = append(c.Path, p.Name)
	}
	c.Path = append(c.Path, at.key)
	var err error
	c.Siblings, err = Siblings[any](Register{field{r.Doc(doc).target, at.path, at.tag, at.key}})
	if err != nil {
		err = fmt.Errorf("%w (field %q)", err, c.Path)
	}
	for i := range c.Siblings {
		c.Context.dots = append(c.Context.dots, c.Siblings[i].Context.dots...)
	}
	return c, err
}
