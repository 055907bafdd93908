package replica

import (
	"errors"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// author is whose events a delta may bring: those of all incarnations of one
// identity, or anybody's. A server binds a replica to its id and says whether
// it may speak for others; this is the rule behind that.
type author causal.ID

// anybody is the author of what comes from a replica that may speak for others.
var anybody author

// authorOf returns whose the news in a message may be.
func authorOf(p *peer, m message.Body) author {
	switch m := m.(type) {
	case *message.Delta:
		if !m.Relayed {
			return author(p.id)
		}
	case *message.Push:
		if m.Own {
			return author(p.id)
		}
	}
	return anybody
}

// wrote reports whether all that a delta brings is the author's. A unit is kept
// for others and claims nothing else. A state may claim what is known here already,
// without payloads: its author has seen it, and may have removed it.
func (by author) wrote(f *delta.Frame, d *document, isUnit bool) bool {
	if by == anybody {
		return true
	}
	s, foreign := d.copy.State(), false
	for a, claims := range f.ClaimsOf() {
		if a.ID == causal.ID(by) {
			continue
		}
		foreign = true
		if i, ok := s.Lookup(a); !ok || isUnit || !s.Seen(i).Covers(claims) {
			return false
		}
	}
	return !foreign || !by.givesForeign(f)
}

// givesForeign reports whether a delta has payloads of others' events.
func (by author) givesForeign(f *delta.Frame) bool {
	for add := range f.All() {
		if add.Dot.Actor.ID != causal.ID(by) {
			return true
		}
	}
	return false
}

// noteForeign notes that a peer has events of others that it may not give: it is
// not asked for them again as long as both stay as they are. Who may has them, or
// will.
func (d *document) noteForeign(err error, theirs uint64) {
	if errors.Is(err, ErrForeign) {
		d.stuck = [2]uint64{d.copy.State().Digest(), theirs}
	}
}
