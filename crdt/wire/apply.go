package wire

import (
	"iter"
	"unsafe"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Apply merges the fragment into the state in one step. It costs O(fragment)
// and what dies by it, whatever the size of the state.
//
// A fragment of the form Kept may only be applied by a receiver that has seen
// all kept dots; see Fits.
func (f *Fragment) Apply(s *kernel.State) {
	if f.isOne {
		f.applyOne(s)
		return
	}
	for i := range f.sections {
		f.sections[i].apply(s)
	}
	s.Sweep()
}

// applyOne is Apply for a run of one event at the root.
func (f *Fragment) applyOne(s *kernel.State) {
	c := &f.single[0]
	a := s.Intern(c.actor)
	s.Learn(a, c.start+1, &f.one)
	s.Claim(a, c.first[0])
	s.Sweep() // if it replaced a payload elsewhere
}

// Fits reports whether the state has seen all the dots whose payloads were
// left out because the receiver was known to have them.
func (f *Fragment) Fits(s *kernel.State) bool {
	for i := range f.sections {
		if c := &f.sections[i]; len(c.kept) > 0 {
			a, ok := s.Lookup(c.actor)
			if !ok || !s.Seen(a).Covers(c.kept) {
				return false
			}
		}
	}
	return true
}

// LeavesOut reports whether payloads were left out, for a receiver that has
// seen their events.
func (f *Fragment) LeavesOut() bool {
	for i := range f.sections {
		if len(f.sections[i].kept) > 0 {
			return true
		}
	}
	return false
}

func (c *section) apply(s *kernel.State) {
	a := s.Intern(c.actor)
	s.Kill(a, c.deaths...)
	if c.knownTo(s, a) {
		held := c.held()
		for _, r := range c.claims {
			s.Supersede(a, r, held)
		}
	}
	c.learn(s, a)
	s.Claim(a, c.claims...)
}

// knownTo reports whether the state has seen any of the claimed events.
func (c *section) knownTo(s *kernel.State, a kernel.Index) bool {
	seen := s.Seen(a)
	if len(seen) == 0 {
		return false
	}
	for _, r := range c.claims {
		if seen.Overlaps(r) {
			return true
		}
	}
	return false
}

// held returns the numbers of the live dots of the section.
func (c *section) held() causal.Ranges {
	var out causal.Ranges
	w := c.walk(Reader{b: c.adds, valid: true}, nil)
	for range c.count {
		w.next()
		out = out.AddSeq(w.seq)
	}
	return out.Union(c.kept)
}

// learn merges the adds.
func (c *section) learn(s *kernel.State, a kernel.Index) {
	w := c.walk(Reader{b: c.adds, valid: true}, nil)
	var refs [kernel.MaxDepth]kernel.Ref // refs[i] is the container of i components
	for range c.count {
		w.next()
		for i := w.stay; i < w.depth; i++ {
			c := w.comp(i)
			refs[i+1] = s.Ensure(refs[i], c.tag, view(c.name))
		}
		p := w.payload(refs[w.depth])
		s.Learn(a, w.seq, &p)
	}
}

// view makes a string of bytes that will not change while it is in use,
// without a copy. The kernel copies what it keeps.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Latest returns the greatest timestamp of the payloads, 0 if there are none.
func (f *Fragment) Latest() (t hlc.Time) {
	for i := range f.sections {
		t = max(t, f.sections[i].latest)
	}
	return t
}

// Claims returns the events that the fragment claims.
func (f *Fragment) Claims() causal.Context {
	var c causal.Context
	for i := range f.sections {
		c.AddRanges(f.sections[i].actor, f.sections[i].claims)
	}
	return c
}

// Deaths returns the dots outside the claims that the fragment says are dead.
func (f *Fragment) Deaths() causal.Context {
	var c causal.Context
	for i := range f.sections {
		c.AddRanges(f.sections[i].actor, f.sections[i].deaths)
	}
	return c
}

// ClaimsOf yields each actor with the events claimed of it, in the actors'
// order, without building a context. The ranges are the fragment's own.
func (f *Fragment) ClaimsOf() iter.Seq2[causal.Actor, causal.Ranges] {
	return func(yield func(causal.Actor, causal.Ranges) bool) {
		for i := range f.sections {
			if c := &f.sections[i]; len(c.claims) > 0 && !yield(c.actor, c.claims) {
				return
			}
		}
	}
}

// Brings reports whether the fragment claims events that the state has not
// seen. If it does not, then merging it can only change the state if an identity
// was used twice, or somebody lost data: see [Fragment.Again].
func (f *Fragment) Brings(s *kernel.State) bool {
	for i := range f.sections {
		c := &f.sections[i]
		if len(c.claims) == 0 {
			continue
		}
		if a, ok := s.Lookup(c.actor); !ok || !s.Seen(a).Covers(c.claims) {
			return true
		}
	}
	return false
}

// Again merges a fragment that brings no events, and reports whether it changed
// the state even so. What dies by it without an explanation, and what has two
// payloads, is found in the state's conflicts.
func (f *Fragment) Again(s *kernel.State) (changed bool) {
	before := s.Fingerprint()
	changed = f.isAhead(s)
	s.Suspect(true)
	defer s.Suspect(false)
	f.Apply(s)
	return changed || s.Fingerprint() != before
}

// isAhead reports whether the fragment knows of deaths ahead that the state does not.
func (f *Fragment) isAhead(s *kernel.State) bool {
	for i := range f.sections {
		c := &f.sections[i]
		if len(c.deaths) == 0 {
			continue
		}
		if a, ok := s.Lookup(c.actor); !ok || !s.Ahead(a).Covers(c.deaths.Minus(s.Seen(a))) {
			return true
		}
	}
	return false
}

// DeathsOf yields each actor with its dots outside the claims that are dead.
// The ranges are the fragment's own.
func (f *Fragment) DeathsOf() iter.Seq2[causal.Actor, causal.Ranges] {
	return func(yield func(causal.Actor, causal.Ranges) bool) {
		for i := range f.sections {
			if c := &f.sections[i]; len(c.deaths) > 0 && !yield(c.actor, c.deaths) {
				return
			}
		}
	}
}

// Adds returns the number of payloads in the fragment.
func (f *Fragment) Adds() (n int) {
	for i := range f.sections {
		n += f.sections[i].count
	}
	return n
}

// Add is a payload as an iterator shows it. The slices are views of the
// fragment's bytes.
type Add struct {
	Dot    causal.Dot
	Path   []kernel.Component // of the container; valid until the next step
	Tag    kernel.Tag
	Key    []byte
	Value  []byte
	Marked bool
	Time   hlc.Time
	Expiry hlc.Time
}

// All yields the payloads by actor and sequence number.
func (f *Fragment) All() iter.Seq[Add] {
	return func(yield func(Add) bool) {
		for i := range f.sections {
			c := &f.sections[i]
			w := c.walk(Reader{b: c.adds, valid: true}, nil)
			for range c.count {
				w.next()
				a := Add{Dot: causal.Dot{Actor: c.actor, Seq: w.seq}, Tag: w.tag, Key: w.key, Value: w.value,
					Marked: w.op&opMark != 0, Time: w.time, Expiry: w.expiry}
				for i := range w.depth {
					p := w.comp(i)
					a.Path = append(a.Path, kernel.Component{Tag: p.tag, Name: string(p.name)})
				}
				if !yield(a) {
					return
				}
			}
		}
	}
}
