package record

import (
	"iter"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
)

// MaxSize is the estimated size in bytes above which a document becomes
// several records. One field is never divided.
const MaxSize = 64 << 10

// line is a record as encoding/json writes it.
type line struct {
	Doc    string         `json:"doc"`
	Fields map[string]any `json:"fields"`
	// Expires is when the whole document does.
	Expires string `json:"expires,omitempty"`
}

// Append appends fields of a document as records, each with a newline; nothing
// if there are none. They must come in the order of [joinery.Doc.Fields].
func Append(dst []byte, d *joinery.Doc) []byte {
	for line := range Lines(d, d.Fields()) {
		dst = append(dst, line...)
	}
	return dst
}

// Lines is Append one record at a time, in O([MaxSize]) of memory.
func Lines(d *joinery.Doc, fields iter.Seq[joinery.Field]) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		out := line{Doc: d.Name()}
		if at, ok := d.Expires(); ok {
			out.Expires = formatMoment(at)
		}
		var t tree
		size := 0
		for f := range fields {
			restore(&f)
			n := sizeOf(f.Value)
			for _, name := range f.Path {
				n += len(name)
			}
			if size > 0 && size+n > MaxSize {
				if out.Fields = t.format(); !yield(AppendJSON(nil, out)) {
					return
				}
				t, size = nil, 0
			}
			size += n
			t.insert(&f)
		}
		if size > 0 {
			out.Fields = t.format()
			yield(AppendJSON(nil, out))
		}
	}
}

// restore gives a field whose value has no Go form its raw bytes as value.
func restore(f *joinery.Field) {
	if f.Err != nil {
		f.Value = msgpack.RawMessage(f.Raw)
	}
}

// tree is the fields of a document or map by name.
type tree map[string]*place

// place is all that lives under one name, by type.
type place struct {
	single [dwflag + 1][]any // at most one value each, formatted: register, counter, flag, dwflag
	sets   [2][]any          // elements of the add-wins and the remove-wins set
	lww    map[string]any
	below  tree
}

func (t *tree) at(name string) *place {
	if *t == nil {
		*t = make(tree)
	}
	p := (*t)[name]
	if p == nil {
		p = &place{}
		(*t)[name] = p
	}
	return p
}

// insert puts a field in its place.
func (t *tree) insert(f *joinery.Field) {
	owner := len(f.Path) - 1 // the index of the name that carries the type
	if f.Kind == joinery.KindEntry {
		owner--
	}
	for _, name := range f.Path[:owner] {
		t = &t.at(name).below
	}
	p := t.at(f.Path[owner])
	v := formatValue(f.Value)
	switch f.Kind {
	case joinery.KindRegister:
		p.single[register] = []any{ends(f.Expires, formatRegister(v))}
	case joinery.KindCounter:
		p.single[counter] = []any{map[string]any{"$counter": v}}
	case joinery.KindFlag:
		p.single[flag] = []any{ends(f.Expires, map[string]any{"$flag": v})}
	case joinery.KindDisableWinsFlag:
		p.single[dwflag] = []any{ends(f.Expires, map[string]any{"$dwflag": v})}
	case joinery.KindElement:
		p.sets[0] = append(p.sets[0], ends(f.Expires, v))
	case joinery.KindRemoveWins:
		p.sets[1] = append(p.sets[1], ends(f.Expires, v))
	case joinery.KindEntry:
		if p.lww == nil {
			p.lww = make(map[string]any)
		}
		p.lww[Escape(f.Path[owner+1])] = ends(f.Expires, v)
	}
}

func (t tree) format() map[string]any {
	out := make(map[string]any, len(t))
	for name, p := range t {
		if v, ok := p.format(); ok {
			out[Escape(name)] = v
		}
	}
	return out
}

// format returns what lives under one name; ok is false if this release knows
// none of it.
func (p *place) format() (v any, ok bool) {
	var all []any
	for _, v := range p.single {
		all = append(all, v...)
	}
	for i, name := range [...]string{"$set", "$rwset"} {
		if p.sets[i] != nil {
			all = append(all, map[string]any{name: p.sets[i]})
		}
	}
	if p.below != nil {
		all = append(all, p.below.format())
	}
	if p.lww != nil {
		all = append(all, map[string]any{"$lwwmap": p.lww})
	}
	switch len(all) {
	case 0:
		return nil, false
	case 1:
		return all[0], true
	}
	return map[string]any{"$all": all}, true
}

// formatRegister keeps an object that is a register's value apart from a map
// of fields.
func formatRegister(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if name, _, isForm, _ := form(object); isForm && isValueForm(name) {
		return v
	}
	return map[string]any{"$value": v}
}
