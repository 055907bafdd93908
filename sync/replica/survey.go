package replica

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/catalog"
	"github.com/joinery-crdt/joinery/sync/message"
)

// everything is the pattern of all documents.
const everything = ">"

// survey is a comparison of the documents of a scope with a peer's, as far as
// this replica has come with it.
type survey struct {
	peer  causal.ID
	scope catalog.Scope
	todo  []stretch // the next one last
	at    stretch   // that is being compared
	asked message.Survey
	says  []*message.Listing // what is to be said about it; the first was said
	until time.Time          // when what was said last is repeated
	tries int
	found bool // a difference that can be ended

	isBegun bool // the peer has answered
}

// stretch is the names from from to to, the latter excluded, and how hard to try.
type stretch struct {
	from, to string
	effort   uint64
}

const (
	// maxSurveys bounds the surveys under way at once.
	maxSurveys = 32
	// maxTries is how often a question is asked.
	maxTries = 4
	// maxTodo bounds what a survey puts off.
	maxTodo = 1024
	// maxScopes bounds the scopes whose last survey is remembered.
	maxScopes = 1024
	// groups is into how many stretches a survey is divided if too much differs.
	groups = 8
)

// beginSurvey begins to compare the documents of a scope with a peer's, by name,
// once in half a beacon time at most.
func (r *Replica) beginSurvey(p *peer, scope string) {
	recent := r.now.Add(-r.cfg.BeaconEvery / 2)
	if r.surveyed[scope].After(recent) || p.view(scope).surveyed.After(recent) || len(r.surveys) >= maxSurveys {
		return
	}
	for _, s := range r.surveys {
		if s.scope.Pattern() == scope {
			return
		}
	}
	r.noteSurvey(scope)
	s := &survey{peer: p.id, scope: catalog.NewScope(scope), todo: []stretch{{}}}
	r.surveys = append(r.surveys, s)
	r.surveyNext(s)
}

// noteSurvey notes that the documents of a scope are being surveyed.
func (r *Replica) noteSurvey(scope string) {
	if len(r.surveyed) >= maxScopes {
		clear(r.surveyed)
	}
	r.surveyed[scope] = r.now
}

// surveyNext asks about the next stretch, or ends the survey after the last.
func (r *Replica) surveyNext(s *survey) {
	if len(s.todo) == 0 {
		r.endSurvey(s)
		return
	}
	r.flush()
	r.settle()
	s.at, s.todo, s.says = s.todo[len(s.todo)-1], s.todo[:len(s.todo)-1], nil
	bounds := catalog.Cut(&r.list, s.scope, s.at.from, s.at.to)
	for boundsSize(bounds) > r.cfg.MaxMessage-2*overhead {
		bounds = everySecond(bounds)
	}
	parts := catalog.Parts(&r.list, s.scope, s.at.from, bounds, s.at.to)
	salt, docs := nonZero(r.cfg.Rand.Uint64()), 0
	for _, part := range parts {
		docs += part.Count
	}
	s.asked = message.Survey{
		Stretch: s.stretch(), Salt: salt, Effort: s.at.effort, Docs: uint64(docs),
		Bounds: bounds, Prints: catalog.AppendPrints(nil, parts, salt),
	}
	s.tries = 0
	r.ask(s)
}

func boundsSize(bounds []string) (n int) {
	for _, b := range bounds {
		n += 6 + message.PrintSize + len(b)
	}
	return n
}

func everySecond(bounds []string) (out []string) {
	for i := 1; i < len(bounds); i += 2 {
		out = append(out, bounds[i])
	}
	return out
}

func (s *survey) stretch() message.Stretch {
	return message.Stretch{Scope: s.scope.Pattern(), From: s.at.from, To: s.at.to}
}

// ask says what is to be said next.
func (r *Replica) ask(s *survey) {
	s.tries++
	s.until = r.now.Add(r.retryAfter(s.tries))
	var m message.Body = &s.asked
	if len(s.says) > 0 {
		m = s.says[0]
	}
	r.send(ToPeer, Outgoing{Peer: s.peer, Scope: r.tag(s.scope.Pattern())}, m)
}

// surveyAgain repeats what was not answered in time.
func (r *Replica) surveyAgain() {
	for i := 0; i < len(r.surveys); {
		s := r.surveys[i]
		switch {
		case s.until.After(r.now):
		case s.tries >= maxTries:
			r.surveys = slices.Delete(r.surveys, i, i+1)
			continue
		default:
			r.ask(s)
		}
		i++
	}
}

// endSurvey ends a survey that has come to its end.
func (r *Replica) endSurvey(s *survey) {
	r.surveys = slices.DeleteFunc(r.surveys, func(x *survey) bool { return x == s })
	if p := r.peers[s.peer]; p != nil {
		v := p.view(s.scope.Pattern())
		if v.odd = 0; !s.found {
			own, _ := r.sum(s.scope.Pattern())
			v.stuck = v.digest ^ own
		}
	}
}

// onListing takes an answer to what a survey said, or a peer's question.
func (r *Replica) onListing(p *peer, m *message.Listing) {
	if m.For != r.nonce || r.onParting(m) {
		return
	}
	if m.Finding == message.Differ {
		r.onDiffer(p, m)
		return
	}
	i := slices.IndexFunc(r.surveys, func(s *survey) bool { return s.peer == p.id && s.asked.Salt == m.Salt })
	if i < 0 || (m.Finding == message.Told) != (len(r.surveys[i].says) > 0) {
		return
	}
	s := r.surveys[i]
	s.isBegun = true
	r.flush()
	r.settle()
	switch m.Finding {
	case message.Ranges:
		s.divide(m.Differing)
	case message.Cells:
		r.onCells(s, p, m)
	case message.Page:
		r.onPage(s, p, m)
	case message.Told:
		r.compareAll(s, p, m.States)
		s.says = s.says[1:]
	}
	if s.tries = 0; len(s.says) > 0 {
		r.ask(s)
	} else {
		r.surveyNext(s)
	}
}

// divide puts the ranges that differ in place of the stretch that was compared.
func (s *survey) divide(differing []byte) {
	ranges := s.differing(differing)
	if len(s.asked.Bounds) == 0 || len(s.todo) >= maxTodo {
		s.again()
		return
	}
	size := (len(s.asked.Bounds) + groups) / groups
	for _, i := range slices.Backward(ranges) {
		from, to := catalog.Bounds(s.at.from, s.asked.Bounds, s.at.to, i)
		if last := len(s.todo) - 1; i%size != size-1 && last >= 0 && s.todo[last].from == to && to != "" {
			s.todo[last].from = from
			continue
		}
		s.todo = append(s.todo, stretch{from, to, 0})
	}
}

// differing returns the ranges of the survey that an answer names, in order.
func (s *survey) differing(set []byte) (out []int) {
	for i := range len(s.asked.Bounds) + 1 {
		if i/8 < len(set) && set[i/8]>>(i%8)&1 == 1 {
			out = append(out, i)
		}
	}
	return out
}

// again compares the stretch once more, and tries harder.
func (s *survey) again() {
	s.todo = append(s.todo, stretch{s.at.from, s.at.to, s.at.effort + 1})
}

// onCells takes the own documents out of a table of the peer's, and says what
// this replica holds of those that are left, and of which it wants to be told.
func (r *Replica) onCells(s *survey, p *peer, m *message.Listing) {
	t := catalog.ParseTable(m.Cells, m.Salt)
	if t == nil {
		s.again()
		return
	}
	ranges := s.differing(m.Differing)
	r.eachIn(s, ranges, "", func(e *entry) { t.Toggle(e.Print) })
	prints, ok := t.Read()
	if !ok {
		s.again()
		return
	}
	left := make(map[uint64]struct{}, len(prints))
	for _, x := range prints {
		left[x] = struct{}{}
	}
	var own []message.State
	r.eachIn(s, ranges, "", func(e *entry) {
		if _, ok := left[e.Print]; ok {
			own = append(own, e.Value.summary())
			delete(left, e.Print)
		}
	})
	theirs := slices.DeleteFunc(prints, func(x uint64) bool { _, ok := left[x]; return !ok })
	s.found = s.found || len(theirs)+len(own) > 0
	r.tell(s, p, own, theirs)
}

// entry is a document as the catalog has it.
type entry = catalog.Entry[*document]

// eachIn calls fn for the counted documents in ranges of a survey, below the
// name to if that is not empty.
func (r *Replica) eachIn(s *survey, ranges []int, to string, fn func(*entry)) {
	for _, i := range ranges {
		lo, hi := catalog.Bounds(s.at.from, s.asked.Bounds, s.at.to, i)
		if to != "" && (hi == "" || hi > to) {
			hi = to
		}
		if hi != "" && lo >= hi {
			return
		}
		for e := range catalog.In(&r.list, s.scope, lo, hi) {
			if e.Value.counted {
				fn(e)
			}
		}
	}
}

// onPage compares the peer's documents with the own ones, and says which of the
// own ones it lacks, or has otherwise.
func (r *Replica) onPage(s *survey, p *peer, m *message.Listing) {
	if m.To != s.at.to && (m.To <= s.at.from || s.at.to != "" && m.To > s.at.to) {
		return // a page of nothing would have no end
	}
	theirs := make(map[string]uint64, len(m.States))
	for i := range m.States {
		theirs[m.States[i].Doc] = m.States[i].Digest
	}
	r.compareAll(s, p, m.States)
	r.settle()
	var own []message.State
	r.eachIn(s, s.differing(m.Differing), m.To, func(e *entry) {
		if digest, ok := theirs[e.Name]; !ok || digest != e.Value.digest {
			own = append(own, e.Value.summary())
			s.found = s.found || !ok
		}
	})
	if m.To != s.at.to {
		s.todo = append(s.todo, stretch{m.To, s.at.to, s.at.effort})
	}
	r.tell(s, p, own, nil)
}

// compareAll goes after those of a peer's documents that differ. Those outside of
// what was asked for do not count.
func (r *Replica) compareAll(s *survey, p *peer, states []message.State) {
	for i := range states {
		if !message.Match(s.scope.Pattern(), states[i].Doc) {
			continue
		}
		if d := r.admitFor(&states[i]); d != nil && r.compare(d, p, &states[i]) {
			s.found = true
		}
	}
}

// tell prepares what a survey says next: as many messages as it takes, each of
// which is answered.
func (r *Replica) tell(s *survey, p *peer, own []message.State, theirs []uint64) {
	limit := r.cfg.MaxMessage - 2*overhead
	for len(own)+len(theirs) > 0 {
		m := &message.Listing{Stretch: s.stretch(), For: p.nonce, Salt: s.asked.Salt, Finding: message.Differ}
		n := min(len(theirs), limit/2/maxState)
		m.Prints, theirs = theirs[:n], theirs[n:]
		n = fitting(own, limit-n*printSize)
		m.States, own = own[:n], own[n:]
		s.says = append(s.says, m)
	}
}

const (
	printSize = 9                    // bytes of a print in a Listing, at most
	maxState  = message.MaxName + 30 // bytes of a state, at most
)

// fitting returns how many states fit into so many bytes.
func fitting(states []message.State, limit int) int {
	for i := range states {
		if limit -= stateSize(&states[i]); limit < 0 {
			return i
		}
	}
	return len(states)
}

func stateSize(s *message.State) int { return len(s.Doc) + 30 }
