package replica

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/membership"
)

// Deletions in LWW maps, removals in remove-wins sets and disabled flags live on
// as marks, so that what they beat does not show again. A mark goes once nothing
// can come that it would have to beat, and by an ordinary event: a death that
// only some replicas knew of would give equal contexts different meanings.
//
// What is to go passes through two rounds. When every member covers what lives
// at the place, it is stable: whatever is concurrent with it is here. But
// another member may just be writing over it. So the replica remembers
// what it knows at that moment, and when every member covers that, too, and the
// place is as it was, one event kills all that lives there.
//
// Rounds are made with many places at once, and with what a document has gained
// since the last ones: they cost as much as there is to collect, not as there is.

// Stability says what the members of a document are known to hold.
type Stability interface {
	// Covers reports whether every member that holds the document is known to have
	// all of c durably, and this replica has all that each of them had when it
	// said so. What it once said of a context stays true.
	Covers(doc string, c causal.Context) bool
	// Members returns the ids of the members of a document, in their order.
	Members(doc string) []causal.ID
}

// collects reports whether the replica can know what is stable.
func (r *Replica) collects() bool { return r.cfg.Stability != nil }

// covers reports whether all have what the document's collection waits for.
func (r *Replica) covers(d *document) bool {
	return r.cfg.Stability.Covers(d.name, d.collection.context)
}

func (r *Replica) memberIDs(d *document) (ids []causal.ID) {
	return r.cfg.Stability.Members(d.name)
}

const (
	// collectShare is how much sooner than a beacon the next round is looked at.
	collectShare = 4
	// maxCollecting bounds the documents that are looked at then.
	maxCollecting = 1024
	// maxBatch bounds the places of one round.
	maxBatch = 1 << 15
	// adoptEvery is after how many looks what belongs to others is looked through
	// for what has become this replica's, as members go, and what is beaten for
	// what is not any more.
	adoptEvery = 64
	// leastFold is the default of Config.FoldFrom.
	leastFold = 8
)

// stage is what a document's collection waits for.
type stage uint8

const (
	idle   stage = iota
	stable       // for all to cover what lives at the places of the batch
	known        // for all to cover what was known when that was so
	dead         // for all to cover the whole of a document in which nothing lives
)

// collection is what a replica is about to take away from a document.
type collection struct {
	stage   stage
	context causal.Context // that all have to cover
	batch   []candidate
	folds   []kernel.Dot // own announcements
	pairs   []kernel.Dot // confirmations, whose announcement may have died meanwhile
	fresh   []kernel.Dot // for the next batch
	others  []kernel.Dot // of which others take care, or that values beat
	looks   int

	covered bool          // dead: all cover it
	again   bool          // dead: that was so for long enough, and is asked a last time
	from    time.Duration // dead: since when that has been so, or not; of Replica.awake
}

// candidate is a marked dot and what lives at its place.
type candidate struct {
	dot   kernel.Dot
	print uint64
}

// notice lists a document that has something to collect.
func (r *Replica) notice(d *document) {
	if !r.collects() || d.name == membership.Document {
		return
	}
	s := d.copy.State()
	if s.Dots() == 0 && !s.IsPartial() {
		r.forgetUnits(d)
	}
	if d.collection == nil && (s.Noticed() > 0 || s.Dots() == 0) {
		d.collection = &collection{}
		r.collecting = append(r.collecting, d)
		if r.collectAt.IsZero() {
			r.collectAt = r.now.Add(r.cfg.BeaconEvery / collectShare)
		}
	}
}

// collect goes on with the documents that have something to collect.
func (r *Replica) collect() {
	r.awake += min(r.now.Sub(r.collected), r.cfg.BeaconEvery) // a process that slept has not listened
	r.collected = r.now
	n := min(len(r.collecting), maxCollecting)
	if !r.mayCollect() {
		n = 0
	}
	turn := r.collecting[:n:n]
	r.collecting = append([]*document(nil), r.collecting[n:]...)
	for _, d := range turn {
		if r.docs[d.name] != d {
			continue
		}
		if r.collectFrom(d) {
			r.collecting = append(r.collecting, d)
		} else {
			d.collection = nil
		}
	}
	r.collectAt = zeroTime
	if len(r.collecting) > 0 {
		r.collectAt = r.now.Add(r.cfg.BeaconEvery / collectShare)
	}
}

// collectFrom takes one step with a document and reports whether there is more
// to do.
func (r *Replica) collectFrom(d *document) bool {
	c := d.collection
	s := d.copy.State()
	if s.IsPartial() {
		return true
	}
	d.sort()
	switch c.stage {
	case idle:
		if s.Dots() == 0 {
			return r.beginDrop(d)
		}
		r.beginBatch(d)
	case stable:
		if r.covers(d) {
			r.confirm(d)
		}
	case known:
		if r.covers(d) {
			r.takeBatch(d)
		}
	case dead:
		return r.goOnDropping(d)
	}
	return c.stage != idle || len(c.fresh)+len(c.others) > 0 || s.Dots() == 0
}

// sort tells what was noticed apart: what this replica takes care of, and what others do.
func (d *document) sort() {
	c := d.collection
	c.looks++
	all := d.copy.State().TakeNoticed(nil)
	if c.looks%adoptEvery == 0 || len(c.others) > 4*maxBatch {
		all = append(all, c.others...)
		c.others = c.others[:0]
	}
	if len(all) == 0 {
		return
	}
	members := d.replica.memberIDs(d)
	for _, dot := range all {
		switch l, ok := d.copy.State().LiveAt(dot); {
		case !ok:
		case d.replica.isOwner(members, d.copy.State().Actor(l.Actor).ID):
			c.fresh = append(c.fresh, dot)
		default:
			c.others = append(c.others, dot)
		}
	}
}

// isOwner reports whether this replica takes care of what another one wrote: if
// it is its own, or if that one left and this is the lowest member.
func (r *Replica) isOwner(members []causal.ID, id causal.ID) bool {
	return id == r.cfg.ID || len(members) > 0 && members[0] == r.cfg.ID && !slices.Contains(members, id)
}

// beginBatch begins the first round with what is fresh, and announces folds.
func (r *Replica) beginBatch(d *document) {
	c, s := d.collection, d.copy.State()
	n := min(len(c.fresh), maxBatch)
	c.batch, c.folds, c.pairs = c.batch[:0], c.folds[:0], c.pairs[:0]
	done := make(map[share]struct{})
	for _, dot := range c.fresh[:n] {
		switch l, ok := s.LiveAt(dot); {
		case !ok:
		case l.Tag == crdt.TagCounter:
			r.foldOn(d, dot, &l, done)
		case d.isGone(&l):
			c.batch = append(c.batch, candidate{dot: dot})
		default:
			c.others = append(c.others, dot) // a value beats it; that may go
		}
	}
	c.fresh = append(c.fresh[:0], c.fresh[n:]...)
	if len(c.batch)+len(c.folds)+len(c.pairs) == 0 {
		return
	}
	r.seal(d)
	c.stage, c.context = stable, s.Context()
}

// share is an actor's part of a counter.
type share struct {
	place uint64
	actor kernel.Index
}

// foldOn goes on with a counter as a live dot of it demands. Shares that are done
// need no other look.
func (r *Replica) foldOn(d *document, dot kernel.Dot, l *kernel.Live, done map[share]struct{}) {
	c := d.collection
	switch step := d.copy.FoldStep(l); {
	case step == crdt.Announced:
		if dot.Actor == d.copy.Pending().Self && !slices.Contains(c.folds, dot) {
			c.folds = append(c.folds, dot)
		}
		return
	case step == crdt.Orphaned, step == crdt.Confirmed && crdt.IsConfirmation(l.Value):
		c.pairs = append(c.pairs, dot)
	}
	x := share{d.copy.State().Place(l), dot.Actor}
	if _, twice := done[x]; !twice {
		done[x] = struct{}{}
		r.announce(d, l)
	}
}

// announce begins to fold the dots of the actor of one of a counter's.
func (r *Replica) announce(d *document, l *kernel.Live) {
	before := d.head()
	dot, err := d.copy.Announce(l.Parent, l.Key, l.Actor, r.cfg.FoldFrom)
	if err == nil && dot != (kernel.Dot{}) {
		d.collection.folds = append(d.collection.folds, dot)
	}
	r.housekept(d, before)
}

// housekept notes the events that this replica has minted on its own since one.
func (r *Replica) housekept(d *document, before uint64) {
	if n := d.head() - before; n > 0 {
		r.stats.Upkeep.Events += n
		d.touch()
		r.queue(d)
	}
}

// isGone reports whether the reader of a place sees nothing there because of a
// mark: of the last writer in an LWW map, of anybody in the other views.
func (d *document) isGone(l *kernel.Live) bool {
	if !l.Marked {
		return false
	}
	if l.Tag != crdt.TagLWWField {
		return l.Tag == crdt.TagRWElem || l.Tag == crdt.TagDWFlag
	}
	w, ok := d.copy.State().Winner(l.Parent, l.Tag, l.Key)
	return ok && w.Marked
}

// confirm ends the first round: folds are settled, and the second begins.
func (r *Replica) confirm(d *document) {
	c, s := d.collection, d.copy.State()
	before := d.head()
	for _, dot := range c.folds {
		if ok, _ := d.copy.Settle(dot); ok {
			r.stats.Upkeep.Folded++
		}
	}
	var orphans []kernel.Dot
	for _, dot := range c.pairs {
		if l, ok := s.LiveAt(dot); ok && d.copy.FoldStep(&l) == crdt.Orphaned {
			orphans = append(orphans, dot)
		}
	}
	_ = d.copy.Take(orphans)
	c.folds, c.pairs = c.folds[:0], c.pairs[:0]
	r.housekept(d, before)
	rest := c.batch[:0]
	for _, x := range c.batch {
		if print, ok := d.placePrint(x.dot, &c.context); ok {
			rest = append(rest, candidate{x.dot, print})
		} else {
			c.fresh = append(c.fresh, x.dot)
		}
	}
	c.batch, c.stage = rest, idle
	if len(rest) > 0 {
		r.seal(d)
		c.stage, c.context = known, s.Context()
	}
}

// placePrint returns a fingerprint of all that lives at the place of a marked
// dot, and whether it may go: nobody sees anything there, and all of it is in
// the context.
func (d *document) placePrint(dot kernel.Dot, within *causal.Context) (print uint64, ok bool) {
	s := d.copy.State()
	l, ok := s.LiveAt(dot)
	if !ok || !d.isGone(&l) {
		return 0, false
	}
	for x := range s.Siblings(l.Parent, l.Tag, l.Key) {
		if !within.Contains(s.Dot(&x)) {
			return 0, false
		}
		print ^= s.Print(&x)
	}
	return print, true
}

// takeBatch ends the second round: the places that are as they were are cleared.
func (r *Replica) takeBatch(d *document) {
	c := d.collection
	var dots []kernel.Dot
	for _, x := range c.batch {
		if print, ok := d.placePrint(x.dot, &c.context); !ok || print != x.print {
			c.fresh = append(c.fresh, x.dot)
			continue
		}
		dots = d.appendPlace(dots, x.dot)
		r.stats.Upkeep.Collected++
	}
	c.batch, c.stage, c.context = c.batch[:0], idle, causal.Context{}
	before := d.head()
	if err := d.copy.Take(dots); err != nil {
		return // the actor can mint no more; the next write takes another
	}
	r.housekept(d, before)
}

// appendPlace appends what lives at the place of a dot, marked dots last: if
// an event can't hold all, what is left is a mark.
func (d *document) appendPlace(dots []kernel.Dot, at kernel.Dot) []kernel.Dot {
	s := d.copy.State()
	l, _ := s.LiveAt(at)
	for _, marked := range [2]bool{false, true} {
		for x := range s.Siblings(l.Parent, l.Tag, l.Key) {
			if x.Marked == marked {
				dots = append(dots, kernel.Dot{Actor: x.Actor, Seq: x.Seq})
			}
		}
	}
	return dots
}

// restartCollection lets a document begin anew, after its events have got other
// names: what all had to cover may never be.
func (d *document) restartCollection() {
	c := d.collection
	if c == nil {
		return
	}
	if c.stage == stable || c.stage == known {
		for _, x := range c.batch {
			c.fresh = append(c.fresh, x.dot)
		}
		c.batch, c.folds, c.pairs = c.batch[:0], c.folds[:0], c.pairs[:0]
	}
	c.stage, c.covered, c.again, c.context = idle, false, false, causal.Context{}
}
