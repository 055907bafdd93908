package joinery

import (
	"iter"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// FieldsAt yields what [Doc.Fields] would of a field, map or set, whichever the
// path names; of all if it names several. It costs O(what is there).
func (d *Doc) FieldsAt(path ...string) iter.Seq[Field] {
	if len(path) == 0 {
		return d.Fields()
	}
	var all []reading
	d.read(func(c *crdt.Document) {
		readAt(c, path, func(in kernel.Ref, at spot) {
			if r := look(c, in, at); r.exists {
				all = append(all, r)
			}
		})
	})
	slices.SortFunc(all, func(a, b reading) int { return a.compare(b.spot) })
	return func(yield func(Field) bool) {
		for i := range all {
			if !yield(all[i].field()) {
				return
			}
		}
	}
}

// The types that a path's last name may stand for.
var (
	single = [...]kernel.Tag{crdt.TagRegister, crdt.TagCounter, crdt.TagEWFlag, crdt.TagDWFlag}
	groups = [...]kernel.Tag{crdt.TagSet, crdt.TagRWSet, crdt.TagMap, crdt.TagLWWMap}
)

// readAt calls fn for what may be at and below a path, in no order.
func readAt(d *crdt.Document, path []string, fn func(kernel.Ref, spot)) {
	last := len(path) - 1
	around := make([]kernel.Component, last, last+1)
	for i := range around {
		around[i] = kernel.Component{Tag: crdt.TagMap, Name: path[i]}
	}
	if in, ok := d.Container(around); ok {
		for _, tag := range single {
			fn(in, spot{around, tag, path[last]})
		}
	}
	for _, tag := range groups {
		at := append(around[:last:last], kernel.Component{Tag: tag, Name: path[last]})
		if in, ok := d.Container(at); ok {
			visit(d, in, at, fn)
		}
	}
	if last == 0 {
		return
	}
	entries := slices.Clone(around)
	entries[last-1].Tag = crdt.TagLWWMap
	if in, ok := d.Container(entries); ok {
		fn(in, spot{entries, crdt.TagLWWField, path[last]})
	}
}
