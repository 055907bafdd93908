package kernel

import (
	"iter"
	"slices"
	"strings"
)

// Tag is the type part of a path component: two types under one name are two
// different places. Even tags carry a value, odd tags none, so that a replica
// that does not know a tag can still store and relay its events.
type Tag uint8

// Ref refers to a container: a place that other places are below. It is valid
// until the next mutation of the state, as empty containers are dropped.
type Ref uint32

// Root is the container at the empty path; it always exists.
const Root Ref = 0

// MaxDepth bounds the components of a path.
const MaxDepth = 32

// container is an inner node of the path tree. It exists as long as there are
// live dots below it.
type container struct {
	name   string
	print  uint64 // hash of the whole path, the same on every replica
	parent Ref
	child  Ref // first container below; 0 is none, as Root is below nothing
	next   Ref // neighbours in the parent's list of containers
	prev   Ref
	first  leafID // heads directly below, in the order of their insertion
	last   leafID
	heads  int32 // how many
	depth  uint8
	tag    Tag
	used   bool
}

type place struct {
	name   string
	parent Ref
	tag    Tag
}

// tree holds the containers.
type tree struct {
	nodes []container // nodes[0] is the root once there is any other
	at    map[place]Ref
	free  Ref   // chain of freed nodes through next
	empty []Ref // nodes that lost their last leaf or child, to be swept
}

// node returns the container for reading and writing. The root is created by need.
func (t *tree) node(r Ref) *container {
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, container{used: true, print: rootPrint})
	}
	return &t.nodes[r]
}

// ensure returns the container (tag, name) below parent, creating it by need.
func (t *tree) ensure(parent Ref, tag Tag, name string) Ref {
	if r, ok := t.at[place{name, parent, tag}]; ok {
		return r
	}
	name = strings.Clone(name)
	p := t.node(parent)
	n := container{
		name: name, tag: tag, parent: parent, used: true, depth: p.depth + 1,
		print: containerPrint(p.print, tag, name), next: p.child,
	}
	r := t.alloc(n)
	t.node(parent).child = r
	if n.next != 0 {
		t.nodes[n.next].prev = r
	}
	if t.at == nil {
		t.at = make(map[place]Ref)
	}
	t.at[place{name, parent, tag}] = r
	t.empty = append(t.empty, r) // swept again unless something comes to stand in it
	return r
}

func (t *tree) alloc(n container) Ref {
	if r := t.free; r != 0 {
		t.free = t.nodes[r].next
		t.nodes[r] = n
		return r
	}
	t.nodes = append(t.nodes, n)
	return Ref(len(t.nodes) - 1)
}

// sweep frees the containers that turned out empty, and then their parents.
func (t *tree) sweep() {
	for len(t.empty) > 0 {
		r := t.empty[len(t.empty)-1]
		t.empty = t.empty[:len(t.empty)-1]
		n := &t.nodes[r]
		if r == Root || !n.used || n.heads > 0 || n.child != 0 {
			continue
		}
		t.unlink(r, n)
		t.empty = append(t.empty, n.parent)
		*n = container{next: t.free}
		t.free = r
	}
	t.empty = t.empty[:0]
}

func (t *tree) unlink(r Ref, n *container) {
	delete(t.at, place{n.name, n.parent, n.tag})
	if n.next != 0 {
		t.nodes[n.next].prev = n.prev
	}
	if n.prev != 0 {
		t.nodes[n.prev].next = n.next
	} else {
		t.nodes[n.parent].child = n.next
	}
}

// Find returns the container (tag, name) below parent if anything lives in it.
func (s *State) Find(parent Ref, tag Tag, name string) (Ref, bool) {
	r, ok := s.tree.at[place{name, parent, tag}]
	return r, ok
}

// Ensure returns the container (tag, name) below parent, creating it by need.
// One that is still empty when the mutation ends is dropped. It panics if the
// path gets deeper than MaxDepth.
func (s *State) Ensure(parent Ref, tag Tag, name string) Ref {
	if s.Depth(parent) >= MaxDepth-1 {
		panic("kernel: path deeper than MaxDepth")
	}
	return s.tree.ensure(parent, tag, name)
}

// Depth returns the number of components in the container's path.
func (s *State) Depth(r Ref) int {
	if r == Root {
		return 0
	}
	return int(s.tree.nodes[r].depth)
}

// Component is one step of a path.
type Component struct {
	Tag  Tag
	Name string
}

// Parent returns the container's own component and the container above it.
// The root has none.
func (s *State) Parent(r Ref) (Ref, Component) {
	n := &s.tree.nodes[r]
	return n.parent, Component{n.tag, n.name}
}

// Path appends the components from the root to the container.
func (s *State) Path(dst []Component, r Ref) []Component {
	if r == Root {
		return dst
	}
	up, c := s.Parent(r)
	return append(s.Path(dst, up), c)
}

// Containers yields the containers directly below r, in no particular order.
func (s *State) Containers(r Ref) iter.Seq2[Ref, Component] {
	return func(yield func(Ref, Component) bool) {
		if int(r) >= len(s.tree.nodes) {
			return
		}
		for c := s.tree.nodes[r].child; c != 0; c = s.tree.nodes[c].next {
			if n := &s.tree.nodes[c]; (n.heads > 0 || n.child != 0) && !yield(c, Component{n.tag, n.name}) {
				return
			}
		}
	}
}

// Len returns the number of different keys with live dots directly below r.
func (s *State) Len(r Ref) int {
	if int(r) >= len(s.tree.nodes) {
		return 0
	}
	return int(s.tree.nodes[r].heads)
}

func (t *tree) clone() tree {
	out := tree{nodes: slices.Clone(t.nodes), free: t.free, empty: slices.Clone(t.empty)}
	if t.at != nil {
		out.at = make(map[place]Ref, len(t.at))
		for k, v := range t.at {
			out.at[k] = v
		}
	}
	return out
}
