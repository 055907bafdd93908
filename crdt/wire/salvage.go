package wire

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Salvage puts the payloads that stand whole in the beginning of a fragment of a
// state into s, each with its event and nothing else: what the events killed is not
// among it. So s is no state that anybody may merge, but a shelf of payloads by their
// dots. Bytes that make no sense end it. It costs O(len(beginning)).
func Salvage(s *kernel.State, form Form, beginning []byte) {
	if form&^Kept != 0 {
		return
	}
	r := NewReader(beginning)
	n := r.Uint()
	if n > uint64(r.Len())/17 {
		return
	}
	actors := make([]causal.Actor, n)
	for i := range actors {
		actors[i] = readActor(&r)
	}
	for _, a := range actors {
		if r.Err() != nil || !salvage(s, &r, form, a) {
			return
		}
	}
}

// salvage reads one actor's section and reports whether all of it was there.
func salvage(s *kernel.State, r *Reader, form Form, actor causal.Actor) bool {
	c := section{actor: actor, claims: ReadRanges(r)}
	if form&Kept != 0 {
		ReadRanges(r)
	}
	ReadRanges(r)
	n := r.Uint()
	if r.Err() != nil {
		return false
	}
	if len(c.claims) > 0 {
		c.start = c.claims[0].Lo - 1
	}
	w, found := c.walk(*r, nil), causal.Ranges(nil)
	a := s.Intern(actor)
	var refs [kernel.MaxDepth]kernel.Ref
	for ; n > 0 && w.next(); n-- {
		for i := w.stay; i < w.depth; i++ {
			p := w.comp(i)
			refs[i+1] = s.Ensure(refs[i], p.tag, view(p.name))
		}
		if c.claims.Contains(w.seq) {
			p := w.payload(refs[w.depth])
			s.Learn(a, w.seq, &p)
			found = found.AddSeq(w.seq)
		}
	}
	s.Claim(a, found...)
	s.Sweep()
	*r = w.r
	return n == 0
}
