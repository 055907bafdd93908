package catalog

import "github.com/joinery-crdt/joinery/sync/message"

// Page is a part of a listing.
type Page struct {
	Names []string
	// Next is the name after which the next page begins, "" if this is the last.
	// It need not be that of a document.
	Next string
}

// List returns the names, in order, of the documents of a scope that come after
// a name and that keep wants: at most limit of them, after a look at no more than
// effort documents. So a page may be short, even empty, and not be the last. It
// costs O(log n + effort).
func List[V any](c *Catalog[V], s Scope, after string, limit, effort int, keep func(*Entry[V]) bool) (p Page) {
	lo := after
	if after != "" {
		lo += "\x00" // the first name above it
	}
	lo, hi, ok := s.within(lo, "")
	if !ok {
		return p
	}
	last := ""
	for e := range c.From(lo) {
		switch {
		case hi != "" && e.Name >= hi:
			return p
		case len(p.Names) == limit || effort == 0:
			p.Next = last
			return p
		}
		last = e.Name
		effort--
		if (s.exact || message.Match(s.pattern, e.Name)) && keep(e) {
			p.Names = append(p.Names, e.Name)
		}
	}
	return p
}
