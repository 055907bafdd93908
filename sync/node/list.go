package node

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/catalog"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

const (
	// pageSize is how many names are read at a time.
	pageSize = 256
	// pageEffort is how many documents are looked at for them: some 0.2 ms under
	// the lock, which others may read under too.
	pageEffort = 4096
)

// Names yields the names, in byte order, of the documents that match a pattern
// and come after a name, "" for all, up to a limit, 0 for none. They are read page
// by page, each under the read lock for O(page + log documents), with no lock held
// while the loop runs: what is there from the beginning to the end of the loop is
// yielded once, what comes or goes meanwhile may be or not. A pattern that is none
// matches nothing.
func (n *Node) Names(pattern, after string, limit int) iter.Seq[string] {
	switch {
	case message.CheckPattern(pattern) != nil:
		return func(func(string) bool) {}
	case !strings.ContainsAny(pattern, "*>"):
		return func(yield func(string) bool) {
			if pattern > after && !replica.IsReserved(pattern) && n.happened(pattern) {
				yield(pattern)
			}
		}
	}
	return func(yield func(string) bool) {
		_ = n.settle(context.Background()) // fails after Close alone
		n.pages(catalog.NewScope(pattern), after, cmp.Or(max(limit, 0), math.MaxInt), yield)
	}
}

// pages yields names page by page.
func (n *Node) pages(scope catalog.Scope, after string, left int, yield func(string) bool) {
	for {
		p := n.page(scope, after, min(left, pageSize))
		names := slices.DeleteFunc(p.Names, replica.IsReserved)
		for _, name := range names {
			if !yield(name) {
				return
			}
		}
		if left, after = left-len(names), p.Next; after == "" || left == 0 {
			return
		}
	}
}

func (n *Node) page(scope catalog.Scope, after string, most int) catalog.Page {
	n.rlock()
	defer n.mu.RUnlock()
	return n.core.List(scope, after, most, pageEffort)
}

// happened reports whether anything has ever happened in a document.
func (n *Node) happened(doc string) (yes bool) {
	n.Read(doc, func(d *crdt.Document) { yes = d != nil && !d.State().IsEmpty() })
	return yes
}
