package replica

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// queue lets the pending events of a document be sent: at once after a pause,
// else together with what else is written in the next moment.
func (r *Replica) queue(d *document) {
	if !d.unsent {
		d.unsent = true
		r.unsent = append(r.unsent, d)
	}
	if !d.loose {
		d.loose = true
		r.loose = append(r.loose, d)
	}
	switch {
	case !r.online:
	case r.now.Sub(r.flushed) >= r.cfg.FlushAge:
		r.flush()
	case d.copy.Pending().Len() >= r.cfg.FlushCount && r.affordable():
		r.seal(d)
	case r.flushAt.IsZero():
		r.flushAt = r.flushed.Add(r.cfg.FlushAge)
	}
}

// flush seals and sends pending events: all, or as many as the budget has now.
func (r *Replica) flush() { r.flushWhile(r.affordable) }

func (r *Replica) flushWhile(may func() bool) {
	done := 0
	for _, d := range r.unsent {
		if !r.sealWhile(d, may) {
			break
		}
		d.unsent = false
		done++
	}
	r.unsent = slices.Delete(r.unsent, 0, done)
	if len(r.unsent) == 0 && may() {
		r.passOn()
	}
	r.noteKept()
	r.flushed, r.flushAt = r.now, zeroTime
	if len(r.unsent)+len(r.passing.units) > 0 {
		r.flushAt = r.budget.broadcastAt()
	}
	if r.online && len(r.quorums.fresh) > 0 {
		r.inquireFresh()
	}
}

// noteKept notes which documents have every event in a record.
func (r *Replica) noteKept() {
	r.loose = slices.DeleteFunc(r.loose, func(d *document) bool {
		d.loose = d.copy.Pending().Loose() > 0
		return !d.loose
	})
}

// Commit makes records of all writes, so that they may be made durable. What
// can be sent is sealed and sent. What cannot is recorded as it is and goes on
// coalescing with later writes as far as the records allow.
func (r *Replica) Commit(now time.Time) {
	r.advance(now)
	if len(r.loose) == 0 {
		return
	}
	if r.online {
		r.flush()
	}
	for _, d := range r.loose {
		for p := d.copy.Pending(); p.Loose() > 0; {
			unit, _ := p.Keep(nil, d.copy.State(), r.cfg.MaxMessage-2*overhead)
			r.out.Records = append(r.out.Records, Record{Doc: d.name, Delta: unit, Unit: true})
		}
	}
	r.noteKept()
}

// Guesses of bytes, for a first allocation that is seldom too small.
const (
	unitGuess  = 128
	eventGuess = 64
)

// seal makes units of a document's pending events and broadcasts them if the
// transport is up. It is called before anything of the document leaves by any
// other door, too: what others may see must not change any more.
func (r *Replica) seal(d *document) { r.sealWhile(d, always) }

func always() bool { return true }

// sealWhile seals as long as there is reason to, and reports whether it is done.
func (r *Replica) sealWhile(d *document, may func() bool) bool {
	p := d.copy.Pending()
	for p.Len() > 0 {
		if !may() {
			return false
		}
		loose := p.Loose()
		room := make([]byte, 0, min(unitGuess+eventGuess*p.Len(), r.cfg.MaxMessage))
		unit, own := p.Seal(room, d.copy.State(), r.cfg.MaxMessage-2*overhead)
		r.release(d, fitted(unit), own, p.Loose() < loose)
	}
	return true
}

// fitted returns a unit in memory of about its size: it is going to be kept in
// the log, whose bound counts what units are long. Of events that took each other's place
// little is left.
func fitted(unit delta.Delta) delta.Delta {
	if cap(unit) > 2*len(unit)+unitGuess {
		return slices.Clone(unit)
	}
	return unit
}

// sealKept seals what is in records already, with what it cannot go without.
func (r *Replica) sealKept(d *document) {
	p := d.copy.Pending()
	for p.Len() > p.Loose() {
		loose := p.Loose()
		unit, own := p.SealKept(nil, d.copy.State())
		r.release(d, unit, own, p.Loose() < loose)
	}
}

// release lets others have a unit of own events, some of which may be new to
// the records.
func (r *Replica) release(d *document, unit delta.Delta, own causal.Range, fresh bool) {
	r.log.Append(d.name, unit, unitClaims(d.copy.Actor(), own))
	if fresh {
		r.out.Records = append(r.out.Records, Record{Doc: d.name, Delta: unit, Unit: true})
	}
	if r.online && len(unit) <= r.cfg.MaxMessage-overhead {
		r.stats.UnitsSent++
		r.bustle = r.now
		r.tailAt = r.now.Add(r.cfg.BeaconEvery / tailShare)
		r.send(ToDoc, Outgoing{Doc: d.name}, &message.Delta{Doc: d.name, Unit: unit})
	} else if r.online {
		r.beaconAt = r.now // too large for a message: others hear of it and fetch it
	}
}

// Seal makes the pending events of a document final, for doors that are not
// the replica's own: an export, a backup, a copy.
func (r *Replica) Seal(doc string) {
	if d := r.docs[doc]; d != nil {
		r.seal(d)
	}
}

func unitClaims(a causal.Actor, own causal.Range) (c causal.Context) {
	c.AddRange(a, own)
	return c
}

// onDelta takes the units that their origin or a relay broadcast.
func (r *Replica) onDelta(p *peer, m *message.Delta) (err error) {
	d := r.admit(m.Doc)
	if d == nil {
		return nil
	}
	r.bustle, r.via.broadcast = r.now, true
	for unit, rest := m.Unit.Cut(); ; unit, rest = rest.Cut() {
		f, failed := r.accept(d, unit, true)
		if failed != nil {
			err = errors.Join(err, failed)
		} else if d.hasHole(f) {
			r.chaseHole(d, p)
		}
		if len(rest) == 0 {
			break
		}
	}
	if err != nil {
		r.forgetEmpty(d)
	}
	return err
}

// hasHole reports whether events before those that a unit claims are missing.
func (d *document) hasHole(f *delta.Frame) bool {
	s := d.copy.State()
	for id := range f.ClaimsOf() {
		if a, ok := s.Lookup(id); ok && s.Seen(a).Prefix() < s.Seen(a).Max() {
			return true
		}
	}
	return false
}

// accept validates and merges a delta from elsewhere. Units are kept in the
// log for others. What is news in it has to be by the author.
func (r *Replica) accept(d *document, b delta.Delta, isUnit bool) (*delta.Frame, error) {
	f, err := b.Open()
	if err != nil {
		return nil, fmt.Errorf("replica: delta of document %q: %w", d.name, err)
	}
	if by := r.via.by; !by.wrote(f, d, isUnit) {
		r.stats.Forged++
		return nil, fmt.Errorf("%w: delta of document %q from %v, which does not speak for others, has events of theirs", ErrForeign, d.name, causal.ID(by))
	}
	if !f.Fits(d.copy.State()) {
		return nil, fmt.Errorf("replica: delta of document %q: %w", d.name, delta.ErrUnfit)
	}
	if isUnit && r.keepsMembers() && !r.vouches(d, f) {
		return f, nil
	}
	r.guard(d, f)
	if changed, err := d.merge(f); err != nil {
		return nil, err
	} else if !changed {
		r.stats.Duplicates++
		r.passing.heard(d, b, r.via.port)
		return f, nil
	}
	r.stats.UnitsMerged++
	if isUnit {
		r.log.Append(d.name, b, f.Claims())
	}
	r.out.Records = append(r.out.Records, Record{Doc: d.name, Delta: b, Unit: isUnit})
	r.noteDrift(d, f)
	d.touch()
	if r.keepsMembers() {
		r.noteActors(d, f)
	}
	r.relay(d, b, isUnit)
	return f, nil
}

// merge merges a frame and reports whether it changed anything. One that brings
// no events is merged, too: a second payload under a known dot is noticed, and
// may replace the first.
func (d *document) merge(f *delta.Frame) (changed bool, err error) {
	s := d.copy.State()
	if f.Brings(s) {
		return true, d.copy.MergeFrame(f)
	}
	changed, err = d.copy.MergeAgain(f)
	if !changed && s.Conflicts() > d.conflicts {
		d.touch() // so that others are told that they differ
	}
	return changed, err
}

// guard watches for claims and deaths of events that this replica did not mint
// under its actor, or has not let out. Somebody else does, with the same
// identity; one of the two has to take another, and only this one can know.
func (r *Replica) guard(d *document, f *delta.Frame) {
	first := d.head() + 1
	if p := d.copy.Pending(); p.Len() > 0 {
		first = p.First()
	}
	first = max(first, d.copy.Floor()+1) // what is below was minted before the document was forgotten
	named := max(greatest(f.ClaimsOf(), r.actor), greatest(f.DeathsOf(), r.actor))
	if named >= first {
		r.reincarnate(Alarm{Kind: Clone, Doc: d.name,
			Detail: fmt.Sprintf("event %d is known elsewhere under this replica's actor, which has sent none from %d on; took a new incarnation", named, first)})
	}
}

// greatest returns the greatest number that is named of an actor, or 0.
func greatest(named iter.Seq2[causal.Actor, causal.Ranges], of causal.Actor) uint64 {
	for a, dots := range named {
		if a == of {
			return dots.Max()
		}
	}
	return 0
}

// Flush seals and sends what is pending, whatever the budget says.
func (r *Replica) Flush(now time.Time) {
	r.advance(now)
	r.flushWhile(always)
}
