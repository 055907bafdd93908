package store

import (
	"bytes"
	"hash/maphash"
)

// node is a node of a persistent treap: nodes are never changed once they can
// be reached, so that a root is a snapshot. A nil node is the empty tree.
//
// Invariants: keys left of a node are smaller and keys right of it larger; no
// child has a higher rank than its parent.
type node struct {
	key, value  []byte
	rank        uint64
	damaged     bool // its value cannot be read
	left, right *node
	size        int64 // bytes of keys and values in this tree
}

// rankSeed makes ranks that nobody can foresee, so that no choice of keys makes a
// deep tree.
var rankSeed = maphash.MakeSeed()

func newNode(key, value []byte) *node {
	n := &node{key: key, value: value, rank: maphash.Bytes(rankSeed, key)}
	return n.with(nil, nil)
}

func (n *node) bytes() int64 {
	if n == nil {
		return 0
	}
	return n.size
}

// with returns a copy of n that has these children.
func (n *node) with(left, right *node) *node {
	c := *n
	c.left, c.right = left, right
	c.size = int64(len(n.key)) + int64(len(n.value)) + left.bytes() + right.bytes()
	return &c
}

// find returns the node of a key, or nil.
func (n *node) find(key []byte) *node {
	for n != nil {
		switch c := bytes.Compare(key, n.key); {
		case c == 0:
			return n
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil
}

// split returns the trees of the keys below the given one, and of the rest.
func (n *node) split(key []byte) (below, rest *node) {
	if n == nil {
		return nil, nil
	}
	if bytes.Compare(n.key, key) < 0 {
		l, r := n.right.split(key)
		return n.with(n.left, l), r
	}
	l, r := n.left.split(key)
	return l, n.with(r, n.right)
}

// merge joins two trees, where all keys of l are below those of r.
func merge(l, r *node) *node {
	switch {
	case l == nil:
		return r
	case r == nil:
		return l
	case l.rank >= r.rank:
		return l.with(l.left, merge(l.right, r))
	default:
		return r.with(merge(l, r.left), r.right)
	}
}

// cut returns the tree without the keys of a range; an empty to means no bound.
func (n *node) cut(from, to []byte) *node {
	if len(to) > 0 && bytes.Compare(from, to) >= 0 {
		return n
	}
	below, rest := n.split(from)
	if len(to) == 0 {
		return below
	}
	_, above := rest.split(to)
	return merge(below, above)
}

// without returns the tree without a key.
func (n *node) without(key []byte) *node {
	if n.find(key) == nil {
		return n
	}
	return n.cut(key, after(key))
}

// put returns the tree with a node in the place of that of its key.
func (n *node) put(new *node) *node {
	below, rest := n.split(new.key)
	_, above := rest.split(after(new.key))
	return merge(merge(below, new), above)
}

// after returns the key that follows next.
func after(key []byte) []byte {
	return append(key[:len(key):len(key)], 0)
}

// ascend calls visit for the nodes from a key on, in order, until it returns
// false.
func (n *node) ascend(from []byte, visit func(*node) bool) bool {
	if n == nil {
		return true
	}
	if bytes.Compare(n.key, from) < 0 {
		return n.right.ascend(from, visit)
	}
	return n.left.ascend(from, visit) && visit(n) && n.right.ascend(from, visit)
}
