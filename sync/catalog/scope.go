package catalog

import (
	"iter"
	"strings"

	"github.com/joinery-crdt/joinery/sync/message"
)

// Scope is the documents of a catalog that match a pattern.
type Scope struct {
	pattern string
	lo, hi  string // all of them are from lo to hi, hi excluded; "" is the end
	exact   bool   // and nothing else is
}

// NewScope returns the scope of a pattern that [message.CheckPattern] allows.
func NewScope(pattern string) Scope {
	tokens := strings.Split(pattern, ".")
	wild := 0
	for wild < len(tokens) && tokens[wild] != "*" && tokens[wild] != ">" {
		wild++
	}
	if wild == len(tokens) {
		return Scope{pattern, pattern, pattern + "\x00", true}
	}
	s := Scope{pattern: pattern, exact: tokens[wild] == ">"}
	if wild > 0 {
		stem := strings.Join(tokens[:wild], ".")
		s.lo, s.hi = stem+".", stem+"/" // "/" is the byte behind "."
	}
	return s
}

// Pattern returns the pattern.
func (s Scope) Pattern() string { return s.pattern }

// IsStretch reports whether the scope is a stretch of names, so that its print
// need not be added up.
func (s Scope) IsStretch() bool { return s.exact }

// within narrows a stretch of names to those that the scope can have. It
// reports whether any are left.
func (s Scope) within(lo, hi string) (string, string, bool) {
	lo = max(lo, s.lo)
	if hi == "" || s.hi != "" && s.hi < hi {
		hi = s.hi
	}
	return lo, hi, hi == "" || lo < hi
}

// In yields the entries of c in the scope from lo to hi, hi excluded, in order;
// an empty hi is the end. It costs O(1) each, or as much as it skips. The catalog
// must not be changed meanwhile, but for prints.
func In[V any](c *Catalog[V], s Scope, lo, hi string) iter.Seq[*Entry[V]] {
	return func(yield func(*Entry[V]) bool) {
		lo, hi, ok := s.within(lo, hi)
		if !ok {
			return
		}
		for e := range c.From(lo) {
			if hi != "" && e.Name >= hi {
				return
			}
			if (s.exact || message.Match(s.pattern, e.Name)) && !yield(e) {
				return
			}
		}
	}
}

// Sum returns the XOR of the prints in a scope from lo to hi, and how many
// documents there are. For a stretch of names it costs O(log n + n/256).
func Sum[V any](c *Catalog[V], s Scope, lo, hi string) (sum uint64, count int) {
	if s.exact {
		lo, hi, ok := s.within(lo, hi)
		if !ok {
			return 0, 0
		}
		return c.Range(lo, hi)
	}
	for e := range In(c, s, lo, hi) {
		sum, count = sum^e.Print, count+1
	}
	return sum, count
}
