package joinery

import "iter"

// ListOption says which part of a list is wanted.
type ListOption func(*list)

type list struct {
	after string
	limit int // 0: none
}

// After begins a list behind a name, for which there need be no document: give
// the last name of a page to have the next one. No state is kept in between.
func After(name string) ListOption { return func(l *list) { l.after = name } }

// Limit ends a list after so many names; 0 is no limit.
func Limit(n int) ListOption { return func(l *list) { l.limit = max(n, 0) } }

// Docs yields the names of the documents that match a pattern, in byte order.
// In a pattern "*" stands for one token and a last ">" for one or more; ">"
// alone is all documents. One that is none matches nothing.
//
// The names are read 256 at a time, and nothing is held while the loop runs: it
// may write, and others may. A document that is there from the beginning of the
// loop to its end is yielded once; one that comes or goes meanwhile may be
// yielded or not, and one that was deleted is for as long as it is remembered. A
// page costs O(log documents), and O(1) for each document that begins as the
// pattern does before its first wildcard, up to the last one of the page.
func (r *Replica) Docs(pattern string, opts ...ListOption) iter.Seq[string] {
	var l list
	for _, o := range opts {
		o(&l)
	}
	return r.node.Names(pattern, l.after, l.limit)
}
