package crdt

import "github.com/joinery-crdt/joinery/crdt/kernel"

// The tags of path components. A field's name and its tag together are its
// place: a counter and a register of one name coexist. The numbers are part of
// the wire format; even leaf tags carry a value.
const (
	TagElem     kernel.Tag = 1  // element of an add-wins set
	TagRegister kernel.Tag = 2  // register, LWW or multi-value as it is read
	TagRWElem   kernel.Tag = 3  // element of a remove-wins set; marked: removed
	TagCounter  kernel.Tag = 4  // counter
	TagEWFlag   kernel.Tag = 5  // enable-wins flag
	TagLWWField kernel.Tag = 6  // field of an LWW map; marked: deleted
	TagDWFlag   kernel.Tag = 7  // disable-wins flag; marked: disabled
	TagLapse    kernel.Tag = 9  // at the root, without a name: when the document expires
	TagSet      kernel.Tag = 16 // add-wins set, a container of TagElem
	TagRWSet    kernel.Tag = 18 // remove-wins set, a container of TagRWElem
	TagMap      kernel.Tag = 20 // OR-map, a container of anything
	TagLWWMap   kernel.Tag = 22 // LWW map, a container of TagLWWField
	TagRequest  kernel.Tag = 32 // the last request of a client; no field
	TagRequests kernel.Tag = 34 // the container of TagRequest, at the top
)

// isTombstone reports whether a payload has to survive the removal of the map
// that it is in: it is the negative of an older payload that another replica
// may still bring, and that would show again without it; or it keeps a request
// from being carried out again.
func isTombstone(l *kernel.Live) bool { return l.Marked || l.Tag == TagRequest }

// The tags that one name in a map may carry.
var (
	leafTags      = [...]kernel.Tag{TagRegister, TagCounter, TagEWFlag, TagDWFlag}
	containerTags = [...]kernel.Tag{TagSet, TagRWSet, TagMap, TagLWWMap}
)
