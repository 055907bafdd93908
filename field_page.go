package joinery

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// FieldRange says which fields of a document are wanted. The zero value is all.
type FieldRange struct {
	Path   []string // of a map or set, or a field; none is the document
	Prefix string   // only names directly there that begin so, with all that is in them
	After  string   // Next of the page before, "" for the first
	Limit  int      // at most so many fields; 0 is all
}

// FieldPage is a part of the fields of a document, in the order of [Doc.Fields].
type FieldPage struct {
	Fields []Field
	// Next is where the next page begins, "" if this is the last. It is opaque, good
	// at every replica and at any time, also if what it stands on has gone.
	Next string
}

// FieldPage returns a page of fields, as of one moment. What is there from the first
// page to the last is on one of them, once; what comes or goes meanwhile may be or
// not. A document keeps its fields in no order: each page is a look at every field
// of the map or set, under the lock that readers share, and takes O(Limit) of memory.
// To go through all of a large one, [Doc.Fields] looks once. An After that is no
// page's Next is refused with [ErrConfig].
func (d *Doc) FieldPage(q FieldRange) (p FieldPage, err error) {
	w := window{prefix: q.Prefix, at: len(q.Path)}
	if q.Limit > 0 {
		w.limit = q.Limit + 1 // to know whether there are more
	}
	if q.After != "" {
		if w.after, err = parseSpot(q.After); err != nil {
			return p, fmt.Errorf("joinery: document %q: %w", d.doc, err)
		}
	}
	d.read(func(c *crdt.Document) { w.fill(c, q.Path) })
	w.trim()
	if q.Limit > 0 && len(w.found) > q.Limit {
		w.found = w.found[:q.Limit]
		p.Next = w.found[q.Limit-1].text()
	}
	for i := range w.found {
		p.Fields = append(p.Fields, w.found[i].field())
	}
	return p, nil
}

// window keeps the first places of those that it is shown.
type window struct {
	prefix string
	at     int   // at which level prefix counts
	after  *spot // nil is the beginning
	limit  int   // 0 is none

	found []reading
	bound *spot // nothing from here on counts; nil as long as limit is not reached
}

// fill shows the window what is at and below a path.
func (w *window) fill(d *crdt.Document, path []string) {
	if len(path) > 0 {
		readAt(d, path, w.show(d))
		return
	}
	show := w.show(d)
	for l := range d.Entries(kernel.Root) {
		if l.Tag != crdt.TagLapse {
			show(kernel.Root, spot{nil, l.Tag, l.Key})
		}
	}
	for ref, c := range d.Containers(kernel.Root) {
		if c.Tag != crdt.TagRequests && strings.HasPrefix(c.Name, w.prefix) {
			visit(d, ref, []kernel.Component{c}, show)
		}
	}
}

// show returns what takes a place into the window, if it belongs there.
func (w *window) show(d *crdt.Document) func(kernel.Ref, spot) {
	return func(in kernel.Ref, at spot) {
		if !at.hasPrefix(w.at, w.prefix) || w.after != nil && at.compare(*w.after) <= 0 || w.bound != nil && at.compare(*w.bound) >= 0 {
			return
		}
		r := look(d, in, at)
		if !r.exists {
			return
		}
		if w.found = append(w.found, r); w.limit > 0 && len(w.found)/2 >= w.limit {
			w.trim()
			w.bound = &w.found[w.limit-1].spot
		}
	}
}

// trim sorts what was found, and drops what is above the limit.
func (w *window) trim() {
	slices.SortFunc(w.found, func(a, b reading) int { return a.compare(b.spot) })
	if w.limit > 0 && len(w.found) > w.limit {
		clear(w.found[w.limit:])
		w.found = w.found[:w.limit]
	}
}

// hasPrefix reports whether the name at a level begins so. Elements of sets are no
// names.
func (a spot) hasPrefix(level int, prefix string) bool {
	switch {
	case prefix == "":
		return true
	case level < len(a.path):
		return strings.HasPrefix(a.path[level].Name, prefix)
	}
	isElement := a.tag == crdt.TagElem || a.tag == crdt.TagRWElem
	return level == len(a.path) && !isElement && strings.HasPrefix(a.key, prefix)
}

// text returns the place as parseSpot reads it.
func (a spot) text() string {
	var b []byte
	for _, c := range append(a.path[:len(a.path):len(a.path)], kernel.Component{Tag: a.tag, Name: a.key}) {
		b = binary.AppendUvarint(append(b, byte(c.Tag)), uint64(len(c.Name)))
		b = append(b, c.Name...)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// maxCursor bounds the text form of a place, many times above what a document holds.
const maxCursor = 1 << 20

func parseSpot(text string) (*spot, error) {
	bad := fmt.Errorf("%w: After is not the Next of a page of fields: %.40q", ErrConfig, text)
	if len(text) > maxCursor {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, bad
	}
	var at spot
	for len(b) > 0 {
		if len(at.path) > kernel.MaxDepth {
			return nil, bad
		}
		n, size := binary.Uvarint(b[1:])
		if size <= 0 || n > uint64(len(b)-1-size) {
			return nil, bad
		}
		name := b[1+size:][:n]
		at.path = append(at.path, kernel.Component{Tag: kernel.Tag(b[0]), Name: string(name)})
		b = b[1+size+int(n):]
	}
	last := at.path[len(at.path)-1]
	return &spot{at.path[:len(at.path)-1], last.Tag, last.Name}, nil
}
