package replica

import (
	"slices"

	"github.com/joinery-crdt/joinery/sync/catalog"
	"github.com/joinery-crdt/joinery/sync/message"
)

// listEffort is the effort from which on documents are listed, however many there are.
const listEffort = 2

// meanState is about how many bytes a state takes.
const meanState = 32

// onSurvey answers with how the peer's documents differ from the own ones, in
// the shortest way.
func (r *Replica) onSurvey(p *peer, m *message.Survey) {
	if m.Effort == message.Custody {
		r.onCustody(p, m)
		return
	}
	if !r.holdsAllOf(m.Scope) || !r.makeWay(p, m.Scope) {
		return
	}
	r.flush()
	r.settle()
	scope := catalog.NewScope(m.Scope)
	parts := catalog.Parts(&r.list, scope, m.From, m.Bounds, m.To)
	differing := catalog.Differing(parts, m.Prints, m.Salt)
	out := &message.Listing{Stretch: m.Stretch, For: p.nonce, Salt: m.Salt}
	out.Differing = rangeSet(differing)
	docs, all := 0, 0
	for i := range parts {
		all += parts[i].Count
	}
	for _, i := range differing {
		docs += parts[i].Count
	}
	skew := max(all-int(min(m.Docs, 1<<31)), int(min(m.Docs, 1<<31))-all)
	cells := catalog.Cells(2 * max(catalog.Estimate(len(differing), len(parts)), skew) << min(m.Effort, listEffort))
	switch limit := r.cfg.MaxMessage / 2; {
	case len(differing) == 0:
		out.Finding = message.Equal
	case m.Effort >= listEffort || docs*meanState <= max(cells*catalog.CellSize, minPage):
		r.page(out, m, scope, differing, limit)
	case len(m.Bounds) > 0 && (cells*catalog.CellSize > limit || len(differing) > len(parts)*7/8 && docs > len(parts)*perTable):
		out.Finding = message.Ranges
	case cells*catalog.CellSize > limit:
		r.page(out, m, scope, differing, limit)
	default:
		r.tabulate(out, m, scope, differing, cells)
	}
	r.send(ToPeer, Outgoing{Peer: p.id, Scope: r.tag(m.Scope)}, out)
}

// makeWay sees to it that of two replicas that survey each other at the same
// moment only one does: both learn all that there is to learn from one survey. It
// reports whether the peer's is the one to go on.
func (r *Replica) makeWay(p *peer, scope string) bool {
	i := slices.IndexFunc(r.surveys, func(s *survey) bool { return s.peer == p.id && s.scope.Pattern() == scope })
	if i < 0 {
		p.view(scope).surveyed = r.now
		return true
	}
	if r.surveys[i].isBegun || p.id.Compare(r.cfg.ID) > 0 {
		return false
	}
	r.surveys = slices.Delete(r.surveys, i, i+1)
	p.view(scope).surveyed = r.now
	return true
}

const (
	// minPage is how many bytes of states are not worth a table.
	minPage = 1 << 10
	// perTable is with how many documents a range, of which nearly all differ, is
	// better divided than tabulated: how many documents differ is then unknown.
	perTable = 32
)

func rangeSet(ranges []int) (set []byte) {
	for _, i := range ranges {
		for len(set) <= i/8 {
			set = append(set, 0)
		}
		set[i/8] |= 1 << (i % 8)
	}
	return set
}

// tabulate answers with a table of the prints in the ranges that differ.
func (r *Replica) tabulate(out *message.Listing, m *message.Survey, scope catalog.Scope, differing []int, cells int) {
	t := catalog.NewTable(cells, m.Salt)
	for _, i := range differing {
		lo, hi := catalog.Bounds(m.From, m.Bounds, m.To, i)
		for e := range catalog.In(&r.list, scope, lo, hi) {
			if e.Value.counted {
				t.Toggle(e.Print)
			}
		}
	}
	out.Finding, out.Cells = message.Cells, t.Append(nil)
}

// page answers with the documents in the ranges that differ, as far as they fit.
func (r *Replica) page(out *message.Listing, m *message.Survey, scope catalog.Scope, differing []int, limit int) {
	out.Finding = message.Page
	for _, i := range differing {
		lo, hi := catalog.Bounds(m.From, m.Bounds, m.To, i)
		for e := range catalog.In(&r.list, scope, lo, hi) {
			if !e.Value.counted {
				continue
			}
			state := e.Value.summary()
			if limit -= stateSize(&state); limit < 0 {
				out.To = e.Name
				return
			}
			out.States = append(out.States, state)
		}
	}
}

// onDiffer goes after what a peer holds otherwise, and tells it what it asked for.
func (r *Replica) onDiffer(p *peer, m *message.Listing) {
	if !r.holdsAllOf(m.Scope) {
		return
	}
	r.flush()
	r.settle()
	out := &message.Listing{Stretch: m.Stretch, For: p.nonce, Salt: m.Salt, Finding: message.Told}
	wanted := make(map[uint64]struct{}, len(m.Prints))
	for _, x := range m.Prints {
		wanted[x] = struct{}{}
	}
	limit := r.cfg.MaxMessage - 2*overhead
	for e := range catalog.In(&r.list, catalog.NewScope(m.Scope), m.From, m.To) {
		if len(wanted) == 0 {
			break
		}
		if _, ok := wanted[e.Print]; !ok || !e.Value.counted {
			continue
		}
		delete(wanted, e.Print)
		state := e.Value.summary()
		if limit -= stateSize(&state); limit < 0 {
			break
		}
		out.States = append(out.States, state)
	}
	for i := range m.States {
		if !message.Match(m.Scope, m.States[i].Doc) {
			continue
		}
		if d := r.admitFor(&m.States[i]); d != nil {
			r.compare(d, p, &m.States[i])
		}
	}
	r.send(ToPeer, Outgoing{Peer: p.id, Scope: r.tag(m.Scope)}, out)
}
