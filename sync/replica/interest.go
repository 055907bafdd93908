package replica

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/catalog"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
)

// MaxInterest bounds the patterns that a replica takes an interest in.
const MaxInterest = 256

const (
	// beaconScopes is how many patterns beacons are sent of at a time; more take turns.
	beaconScopes = 8
	// partAtOnce is how many stretches are given up at a time.
	partAtOnce = 8
	// maxSums bounds the patterns whose digest is kept up to date.
	maxSums = 64
	// assureEvery is after how many beacon times a peer that hears no beacons of
	// this replica is told once more that it holds the same.
	assureEvery = 2
)

// ErrInterest means that a document is outside of what the replica takes an
// interest in.
var ErrInterest = errors.New("replica: document is outside of this replica's interest")

// interest is which documents a replica holds.
type interest struct {
	patterns []string  // sorted; none covers another
	leaving  []parting // given up, and held until somebody else is known to hold the same
	turn     int       // of beacons
}

// parting is a pattern that was given up. Whoever gives up documents keeps them
// until a replica that goes on holding them has said, twice and asked since, that
// it holds the same: two that give up at the same time must not rely on each other.
type parting struct {
	scope string
	sum   uint64 // of its documents, as was asked
	salt  uint64 // of the question
	equal int    // answers so far
	until time.Time
	tries int
}

// partings is how many answers it takes: each is a hash of 32 bits.
const partings = 2

// canonical returns patterns sorted, without those that others cover; all
// documents if there are none.
func canonical(patterns []string) (out []string, err error) {
	if len(patterns) > MaxInterest {
		return nil, fmt.Errorf("%w: interest in %d patterns, the limit is %d", ErrConfig, len(patterns), MaxInterest)
	}
	for _, p := range patterns {
		if err := message.CheckPattern(p); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		if !slices.ContainsFunc(patterns, func(q string) bool { return q != p && message.Covers(q, p) }) {
			out = append(out, p)
		}
	}
	if len(patterns) == 0 {
		out = []string{everything}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Interest returns the patterns of the documents that the replica holds, sorted.
func (r *Replica) Interest() []string { return slices.Clone(r.interest.patterns) }

// Held returns the patterns of all that is held: the interest, and what is being
// given up.
func (r *Replica) Held() []string {
	out := r.Interest()
	for i := range r.interest.leaving {
		out = append(out, r.interest.leaving[i].scope)
	}
	return out
}

// Leaving returns how many patterns were given up whose documents are still
// held, since nobody else is known to hold the same.
func (r *Replica) Leaving() int { return len(r.interest.leaving) }

// holdsAll reports whether the replica holds every document of the space.
func (r *Replica) holdsAll() bool { return r.holdsAllOf(everything) }

// holdsAllOf reports whether the replica holds all documents that match a pattern.
func (r *Replica) holdsAllOf(scope string) bool {
	return r.keeps(scope) || slices.ContainsFunc(r.interest.leaving, func(x parting) bool { return message.Covers(x.scope, scope) })
}

// keeps is holdsAllOf without what is being given up.
func (r *Replica) keeps(scope string) bool {
	return slices.ContainsFunc(r.interest.patterns, func(p string) bool { return message.Covers(p, scope) })
}

// scopeOf returns the pattern under which the replica speaks of a document: ""
// if it holds all. It reports whether it holds the document at all.
func (r *Replica) scopeOf(doc string) (string, bool) {
	for _, p := range r.interest.patterns {
		if message.Match(p, doc) {
			return r.tag(p), true
		}
	}
	for i := range r.interest.leaving {
		if p := r.interest.leaving[i].scope; message.Match(p, doc) {
			return r.tag(p), true
		}
	}
	return "", false
}

// tag returns the pattern as it marks messages: those of a replica that holds
// all bear none.
func (r *Replica) tag(scope string) string {
	if r.holdsAll() {
		return ""
	}
	return scope
}

// Wants reports whether the replica takes an interest in a document: whether it may
// be written here.
func (r *Replica) Wants(doc string) bool { return r.wants(doc) }

// Holds reports whether the replica holds a document, or would if there were one.
func (r *Replica) Holds(doc string) bool {
	_, ok := r.scopeOf(doc)
	return ok
}

// HoldsAllOf reports whether the replica holds all documents that match a pattern.
func (r *Replica) HoldsAllOf(pattern string) bool { return r.holdsAllOf(pattern) }

// wants reports whether the replica takes an interest in a document.
func (r *Replica) wants(doc string) bool {
	return slices.ContainsFunc(r.interest.patterns, func(p string) bool { return message.Match(p, doc) })
}

// SetInterest changes which documents the replica holds; none is all. What is new
// comes from the others. What is given up cannot be written any more, and is
// dropped once another replica that goes on holding it is known to hold the same:
// see Leaving.
func (r *Replica) SetInterest(now time.Time, patterns []string) error {
	next, err := r.ownInterest(patterns)
	if err != nil {
		return err
	}
	r.advance(now)
	r.flush()
	old := r.interest.patterns
	r.interest.patterns = next
	for _, p := range old {
		if !r.keeps(p) {
			r.partFrom(p)
		}
	}
	r.interest.leaving = slices.DeleteFunc(r.interest.leaving, func(x parting) bool { return r.keeps(x.scope) })
	if r.online {
		r.beacon(true)
		r.part()
	}
	return nil
}

// ownInterest is canonical with what every replica holds.
func (r *Replica) ownInterest(patterns []string) ([]string, error) {
	next, err := canonical(patterns)
	if err == nil && r.keepsMembers() && !slices.ContainsFunc(next, func(p string) bool { return message.Match(p, membership.Document) }) {
		next, err = canonical(append(next, membership.Document))
	}
	return next, err
}

func (r *Replica) partFrom(scope string) {
	if !slices.ContainsFunc(r.interest.leaving, func(x parting) bool { return x.scope == scope }) {
		r.interest.leaving = append(r.interest.leaving, parting{scope: scope})
	}
}

// leaveStored gives up what an earlier start left behind outside of the interest.
func (r *Replica) leaveStored() {
	if r.holdsAll() {
		return
	}
	for e := range r.list.From("") {
		if _, ok := r.scopeOf(e.Name); !ok {
			r.partFrom(e.Name)
		}
	}
}

// part asks whether others hold what was given up.
func (r *Replica) part() {
	for i := 0; i < min(len(r.interest.leaving), partAtOnce); i++ {
		x := &r.interest.leaving[i]
		if x.until.After(r.now) {
			continue
		}
		if r.isGone(x.scope) {
			r.letGo(i)
			i--
			continue
		}
		r.askParting(x)
	}
}

// isGone reports whether nothing is held for the sake of a pattern that was given up.
func (r *Replica) isGone(scope string) bool {
	for e := range catalog.In(&r.list, catalog.NewScope(scope), "", "") {
		if !r.wants(e.Name) {
			return false
		}
	}
	return true
}

// askParting asks any replica that holds all, and known peers in turn.
func (r *Replica) askParting(x *parting) {
	r.flush()
	r.settle()
	x.tries++
	x.until = r.now.Add(r.retryAfter(x.tries))
	x.salt = nonZero(r.cfg.Rand.Uint64())
	x.sum, _ = r.sum(x.scope)
	parts := []catalog.Part{{Sum: x.sum}}
	m := &message.Survey{
		Stretch: message.Stretch{Scope: x.scope}, Salt: x.salt, Effort: message.Custody,
		Prints: catalog.AppendPrints(nil, parts, x.salt),
	}
	out := Outgoing{Scope: r.tag(x.scope)}
	if peer := r.anotherPeer(causal.ID{}, x.scope); x.tries%2 == 0 && peer != (causal.ID{}) {
		out.Peer = peer
		r.send(ToPeer, out, m)
		return
	}
	r.send(ToAny, out, m)
}

// onCustody answers one that gives up documents if this replica holds the same and
// goes on holding it. If it does not hold the same it catches up.
func (r *Replica) onCustody(p *peer, m *message.Survey) {
	if r.cfg.OwnOnly || !r.keeps(m.Scope) {
		return // what it holds is not enough if it gives that to nobody
	}
	r.flush()
	sum, _ := r.sum(m.Scope)
	if len(catalog.Differing([]catalog.Part{{Sum: sum}}, m.Prints, m.Salt)) > 0 {
		r.beginSurvey(p, m.Scope)
		return
	}
	r.send(ToPeer, Outgoing{Peer: p.id, Scope: r.tag(m.Scope)}, &message.Listing{Stretch: m.Stretch, For: p.nonce, Salt: m.Salt})
}

// onParting takes the answer of one that holds the same, and reports whether it is one.
func (r *Replica) onParting(m *message.Listing) bool {
	i := slices.IndexFunc(r.interest.leaving, func(x parting) bool { return x.salt == m.Salt && x.scope == m.Scope })
	if i < 0 || m.Finding != message.Equal {
		return false
	}
	x := &r.interest.leaving[i]
	r.flush()
	if sum, _ := r.sum(x.scope); sum != x.sum {
		x.equal = 0
		return true
	}
	if x.equal++; x.equal < partings {
		x.tries = 0
		r.askParting(x)
		return true
	}
	r.letGo(i)
	return true
}

// letGo drops what is held for the sake of a pattern alone. Whoever takes the
// documents again must not mint their events anew, so it goes on under a new
// incarnation.
func (r *Replica) letGo(i int) {
	scope := r.interest.leaving[i].scope
	r.interest.leaving = slices.Delete(r.interest.leaving, i, i+1)
	var gone []*document
	for e := range catalog.In(&r.list, catalog.NewScope(scope), "", "") {
		if _, held := r.scopeOf(e.Name); !held {
			gone = append(gone, e.Value)
		}
	}
	minted := false
	for _, d := range gone {
		minted = minted || d.head() > 0
		r.log.Drop(d.name, d.actors())
		r.remove(d)
		r.out.Records = append(r.out.Records, Record{Doc: d.name, Forget: true})
	}
	if minted {
		r.renew()
	}
	r.surveys = slices.DeleteFunc(r.surveys, func(s *survey) bool { return !r.holdsAllOf(s.scope.Pattern()) })
}

// checkScope returns an error if a message that came on the subject of a pattern
// speaks of other documents. Transfers and sessions are known by numbers that only
// those learn who were told on such a subject.
func (r *Replica) checkScope(body message.Body) error {
	scope := r.via.scope
	if scope == "" {
		return nil
	}
	ok := true
	switch m := body.(type) {
	case *message.Delta:
		ok = false
	case *message.Beacon:
		ok = message.Covers(scope, m.Scope)
	case *message.Survey:
		ok = message.Covers(scope, m.Scope)
	case *message.Listing:
		ok = message.Covers(scope, m.Scope)
	case *message.Pull:
		ok = !slices.ContainsFunc(m.Wants, func(w message.Want) bool { return !message.Match(scope, w.Doc) })
	case *message.Ask:
		ok = message.Match(scope, m.Doc)
	case *message.Push:
		ok = !slices.ContainsFunc(m.Gifts, func(g message.Gift) bool { return !message.Match(scope, g.Doc) })
	}
	if !ok {
		return fmt.Errorf("%w: it speaks of more than the documents %q, on whose subject it came", ErrForeign, scope)
	}
	return nil
}

// sums is the digests of patterns that are no stretch of names.
type sums map[string]*partial

// partial is the digest of a part of the documents.
type partial struct {
	sum   uint64
	count int
}

// sum returns the digest of the documents that match a pattern, and how many
// there are.
func (r *Replica) sum(pattern string) (uint64, int) {
	r.settle()
	if pattern == everything {
		return r.list.Sum(), r.counted
	}
	if s := r.sums[pattern]; s != nil {
		return s.sum, s.count
	}
	scope := catalog.NewScope(pattern)
	sum, count := catalog.Sum(&r.list, scope, "", "")
	if !scope.IsStretch() {
		if len(r.sums) >= maxSums {
			clear(r.sums)
		}
		r.sums[pattern] = &partial{sum, count}
	}
	return sum, count
}

// change keeps the digests of patterns up to date.
func (s sums) change(doc string, print uint64, count int) {
	for pattern, x := range s {
		if message.Match(pattern, doc) {
			x.sum ^= print
			x.count += count
		}
	}
}
