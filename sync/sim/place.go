package sim

import (
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// place is where an op writes.
type place struct {
	path []kernel.Component // of the container
	tag  kernel.Tag
	key  string
}

// leafTags are the tags of the payloads that each mutator writes.
var leafTags = map[OpVerb]kernel.Tag{
	Set: crdt.TagRegister, Clear: crdt.TagRegister, Add: crdt.TagElem, Remove: crdt.TagElem,
	RWAdd: crdt.TagRWElem, RWRemove: crdt.TagRWElem, Enable: crdt.TagEWFlag, Disable: crdt.TagEWFlag,
	DWEnable: crdt.TagDWFlag, DWDisable: crdt.TagDWFlag, Inc: crdt.TagCounter, Reset: crdt.TagCounter,
	Lapse: crdt.TagLapse, Put: crdt.TagLWWField, Delete: crdt.TagLWWField,
}

// containerTags are the tags of what the elements of collections are in.
var containerTags = map[kernel.Tag]kernel.Tag{
	crdt.TagElem: crdt.TagSet, crdt.TagRWElem: crdt.TagRWSet, crdt.TagLWWField: crdt.TagLWWMap,
}

func (o *Op) place() place {
	names := strings.Split(o.Path, "/")
	if o.Path == "" {
		names = nil
	}
	tag := leafTags[o.Do]
	p := place{tag: tag}
	switch o.Do {
	case Prune:
		p.path = maps(names)
		return p
	case Lapse:
		return p
	}
	last := names[len(names)-1]
	p.path, p.key = maps(names[:len(names)-1]), last
	if c := containerTags[tag]; c != 0 {
		p.path, p.key = append(p.path, kernel.Component{Tag: c, Name: last}), o.Elem
	}
	return p
}

func maps(names []string) []kernel.Component {
	out := make([]kernel.Component, 0, len(names)+1)
	for _, n := range names {
		out = append(out, kernel.Component{Tag: crdt.TagMap, Name: n})
	}
	return out
}

// isMark reports whether the op writes the negative of its tag.
func (o *Op) isMark() bool { return o.Do == RWRemove || o.Do == DWDisable || o.Do == Delete }

// isAssign reports whether the op puts a payload in place of what it observed.
func (o *Op) isAssign() bool {
	switch o.Do {
	case Set, Add, RWAdd, RWRemove, Enable, DWEnable, DWDisable, Put, Delete, Lapse:
		return true
	}
	return false
}

// value returns the payload's value; only even tags have one.
func (o *Op) value() string {
	if leafTags[o.Do]&1 != 0 || o.isMark() {
		return ""
	}
	if pad := o.Size - len(o.Value); pad > 0 {
		return o.Value + strings.Repeat(".", pad)
	}
	return o.Value
}

// options returns what qualifies the write. over is what the reader had seen.
func (o *Op) options(over []causal.Dot) (out crdt.Options) {
	if o.At != nil {
		out = crdt.At(hlc.At(epoch.Add(*o.At)))
	}
	if o.TTL != 0 {
		out = crdt.Combine(out, crdt.TTL(o.TTL))
	}
	if o.Over != nil {
		out = crdt.Combine(out, crdt.Over(over...))
	}
	return out
}

// apply runs the op on a real document.
func (o *Op) apply(d *crdt.Document, over []causal.Dot) error {
	p := o.place()
	if o.Do == Prune {
		if ref, ok := d.Container(p.path); ok {
			return d.RemoveBelow(ref)
		}
		return nil
	}
	if !o.isAssign() && o.Do != Inc && o.Over == nil {
		ref, ok := d.Container(p.path)
		if !ok {
			return nil
		}
		return d.Remove(ref, p.tag, p.key, o.options(over))
	}
	ref, err := d.Ensure(p.path)
	if err != nil {
		return err
	}
	switch {
	case o.Do == Inc:
		return d.Increment(ref, p.key, o.Amount)
	case o.isAssign():
		return d.Assign(ref, p.tag, p.key, o.value(), o.isMark(), o.options(over))
	}
	return d.Remove(ref, p.tag, p.key, o.options(over))
}

// read returns the dots that live at the op's place in a document: what a
// client that reads there has seen.
func (o *Op) read(d *crdt.Document) []causal.Dot {
	if d == nil {
		return nil
	}
	p := o.place()
	ref, ok := d.Container(p.path)
	if !ok {
		return nil
	}
	return d.Context(ref, p.tag, p.key)
}

// epoch is when every history begins.
var epoch = time.Unix(1_700_000_000, 0).UTC()
