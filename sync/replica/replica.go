package replica

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/antientropy"
	"github.com/joinery-crdt/joinery/sync/catalog"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Replica is one replica of a space. It is not safe for concurrent use, but
// reads of documents may go on side by side while nothing else is called.
//
// Time is passed in and must not go back. What a call wants done waits in the
// Output that Ready returns.
type Replica struct {
	cfg   Config
	actor causal.Actor
	nonce uint64
	clock hlc.Clock
	now   time.Time

	docs    map[string]*document
	list    catalog.Catalog[*document] // all of docs; prints are as of their last settling
	log     delta.Log
	counted int // documents with events; those without might as well not be
	stale   []*document
	recent  []*document // to be named in the next beacons

	changed  time.Time // when any document was last changed
	online   bool      // any port is
	ports    []bool    // which are up
	via      via       // where the message came from that is being taken
	passing  passing
	budget   budget
	unsent   []*document // with pending events
	loose    []*document // with pending events that are in no record, in part
	flushed  time.Time
	flushAt  time.Time // zero: nothing waits
	beaconAt time.Time
	bustle   time.Time     // when a delta was last broadcast, here or by a peer
	differs  bool          // from what a beacon said since the own last one
	urgent   int           // beacons sent sooner than usual because of that, in a row
	crowd    int           // peers that are there, as of the last beacon
	usualAt  time.Time     // when a beacon is due that comes in any case; zero: one is due after a return
	planned  time.Duration // the pace when the next beacon was planned
	greets   bool          // the next beacon is a hello
	echo     struct {      // beacons of others that said the same
		digest uint64
		heard  int
	}
	tailAt    time.Time // of the beacon that follows a burst of writes; zero: none
	due       agenda
	noChase   chase // of all documents that lack nothing; only read
	trip      roundTrip
	pulls     map[pullKey]*pull
	pullOrder []pullKey
	peers     map[causal.ID]*peer
	outgoing  antientropy.Outgoing
	sessions  antientropy.Sessions
	opened    uint64                 // sessions, ever: the number of the last one
	incoming  map[offerKey]*document // by the transfer that is under way
	surveys   []*survey
	interest  interest
	sums      sums
	surveyed  map[string]time.Time // when the last one of a scope began
	quorums   quorums
	watching  bool
	drifting  map[causal.ID]Drifting
	expiring  expiries
	aside     quarantine

	collecting []*document // that have something to collect
	collectAt  time.Time   // zero: nothing to look at
	collected  time.Time   // when it was last looked at
	floor      uint64      // see Floor
	past       map[forgotten]time.Time
	pastUntil  time.Time     // of the last of them
	awake      time.Duration // for how long it has run, sleep left out, while it collected
	leaving    shelf         // what Aside of the next Output is made of
	out        Output
	stats      Stats
	members    members
}

// document is one document with what the protocol knows of it.
type document struct {
	name    string
	replica *Replica
	copy    *crdt.Document

	digest  uint64 // as counted in the replica's digest
	count   uint64 // events seen, as of the same moment as digest
	counted bool
	stale   bool
	unsent  bool
	loose   bool
	local   bool      // the change under way is a local write
	lapsed  bool      // all that was in it is hidden, see Expire
	hints   int8      // in how many beacons the document is still to be named
	odd     int32     // summaries in a row that differed without showing who is behind
	stuck   [2]uint64 // own digest and a peer's, of whom nothing is left to learn
	chase   *chase    // never nil, see hunt
	expiry  expiry

	inquiries []*inquiry // of this replica about it
	promises  []promise  // to others

	conflicts uint64 // of the state, that were settled

	collection *collection // nil: there is nothing to collect
	coverage   coverage
	dropped    map[causal.Actor]time.Time // see noteDropped
}

// New returns a replica that holds nothing yet and mints its dots under a
// fresh, random incarnation, unless cfg says otherwise.
func New(cfg Config, now time.Time) (*Replica, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Replica{
		cfg:      cfg,
		now:      now,
		actor:    causal.Actor{ID: cfg.ID, Incarnation: cmp.Or(cfg.Incarnation, nonZero(cfg.Rand.Uint64()))},
		nonce:    nonZero(cfg.Rand.Uint64()),
		clock:    hlc.Clock{Source: cfg.Clock, MaxDrift: cfg.MaxDrift},
		docs:     make(map[string]*document),
		peers:    make(map[causal.ID]*peer),
		pulls:    make(map[pullKey]*pull),
		incoming: make(map[offerKey]*document),
		surveyed: make(map[string]time.Time),
		floor:    cfg.Floor,
		noChase:  chase{index: -1},
		sums:     make(sums),
	}
	var err error
	if r.interest.patterns, err = r.ownInterest(cfg.Interest); err != nil {
		return nil, err
	}
	if cfg.Collect && cfg.Member != nil && cfg.Stability == nil {
		r.cfg.Stability = settled{r}
	}
	r.ports = make([]bool, cfg.Ports)
	r.budget = newBudget(cfg.Budget, now)
	r.clock.Restore(cfg.Mark)
	r.log.MaxBytes = max(cfg.LogBytes, 0)
	r.outgoing.MaxBytes = cfg.MaxTransfer
	r.sessions.MaxAge = sessionTurns * maxRetry * cfg.RetryAfter
	return r, nil
}

func nonZero(n uint64) uint64 { return max(n, 1) }

// Actor returns whom the replica mints dots as at present.
func (r *Replica) Actor() causal.Actor { return r.actor }

// Mark returns the greatest timestamp that the replica gave out or followed. Keep
// it with the records and hand it to the next start in Config.Mark.
func (r *Replica) Mark() hlc.Time { return r.clock.Last() }

// Minted returns how many events the replica has minted since it was made, with
// those that became part of one that was not final.
func (r *Replica) Minted() uint64 { return r.stats.Writes }

// Online reports whether any transport is up, as far as Connect was told.
func (r *Replica) Online() bool { return r.online }

// IsUp reports whether the transport at one port is up.
func (r *Replica) IsUp(port int) bool { return r.ports[port] }

// Digest returns the digest of all documents: equal at replicas that hold the same.
func (r *Replica) Digest() uint64 {
	r.settle()
	return r.list.Sum()
}

// Stats returns counters and sizes.
func (r *Replica) Stats() Stats {
	s := r.stats
	s.Docs, s.Pending = len(r.docs), len(r.unsent)
	s.LogUnits, s.LogBytes = r.log.Len()
	s.Ladder.Superseded, s.Ladder.Expired = r.sessions.Lost()
	return s
}

// Ready returns what is to be done and forgets it.
func (r *Replica) Ready() Output {
	out := r.out
	r.out, r.leaving = Output{}, shelf{}
	return out
}

// Watch says whether Output is to list Changes.
func (r *Replica) Watch(on bool) {
	if r.watching == on {
		return
	}
	r.watching = on
	for _, d := range r.docs {
		d.observe()
	}
}

// View returns a document for reading until the next call, nil if the replica
// does not hold it.
func (r *Replica) View(doc string) *crdt.Document {
	if d := r.docs[doc]; d != nil {
		return d.copy
	}
	return nil
}

// Names returns the names of all documents in byte order.
func (r *Replica) Names() []string {
	names := make([]string, 0, r.list.Len())
	for e := range r.list.From("") {
		names = append(names, e.Name)
	}
	return names
}

// List returns the names, in byte order, of the documents of a scope that come
// after a name and in which anything has ever happened; see [catalog.List]. It
// changes nothing, so that several may read at a time.
func (r *Replica) List(scope catalog.Scope, after string, limit, effort int) catalog.Page {
	return catalog.List(&r.list, scope, after, limit, effort, func(e *catalog.Entry[*document]) bool {
		return !e.Value.copy.State().IsEmpty()
	})
}

// Write runs fn on a document, which is created by need. The writes of fn are
// stamped and kept even if fn then returns an error; use the document's Update
// for all or nothing. It returns fn's error.
func (r *Replica) Write(now time.Time, doc string, fn func(*crdt.Document) error) error {
	if err := r.checkWrite(doc); err != nil {
		return err
	}
	if !r.wants(doc) {
		return fmt.Errorf("%w: %q", ErrInterest, doc)
	}
	r.advance(now)
	_, held := r.docs[doc]
	if limit := r.cfg.MaxOwnDocs; !held && limit > 0 && len(r.docs) >= limit {
		return fmt.Errorf("%w: the replica holds %d documents, the limit for making more is %d", crdt.ErrTooLarge, len(r.docs), limit)
	}
	d := r.open(doc)
	before, changes, amended := max(d.head(), d.copy.Floor()), len(r.out.Changes), d.copy.Amended()
	d.local = true
	defer func() { // also if fn panics
		r.written(d, max(d.head(), before)-before+d.copy.Amended()-amended, changes, held)
	}()
	return r.mint(d, d.renew(fn))
}

// written ends a local write that minted or amended n events. One that did
// neither, or was taken back, leaves no trace.
func (r *Replica) written(d *document, n uint64, changes int, held bool) {
	d.local = false
	if n > 0 {
		r.stats.Writes += n
		d.touch()
		r.queue(d)
		return
	}
	r.out.Changes = r.out.Changes[:changes]
	if !held && d.copy.State().IsEmpty() && d.chase.index < 0 {
		r.drop(d)
	}
}

// mint runs fn, once more under a new incarnation if the old one can mint no more.
func (r *Replica) mint(d *document, fn func(*crdt.Document) error) error {
	err := fn(d.copy)
	if errors.Is(err, crdt.ErrExhausted) {
		r.reincarnate(Alarm{Kind: Clone, Doc: d.name, Detail: "sequence numbers are exhausted"})
		err = fn(d.copy)
	}
	return err
}

// open returns a document, creating it by need.
func (r *Replica) open(name string) *document {
	if d := r.docs[name]; d != nil {
		return d
	}
	d := &document{name: name, replica: r, copy: crdt.NewDocument(r.actor, &r.clock), chase: &r.noChase}
	d.copy.SetFloor(r.floor)
	if r.collects() {
		d.copy.State().Notice(crdt.TagCounter)
	}
	d.observe()
	r.docs[name] = d
	r.list.Put(name, d)
	return d
}

// drop takes a document out of those that are there.
func (r *Replica) drop(d *document) {
	if d.counted {
		r.counted--
		r.sums.change(d.name, r.list.Get(d.name).Print, -1)
	}
	r.dropTransfer(d)
	r.forgetExpiry(d)
	r.sessions.CloseAll(d.name) // what they compared is gone
	delete(r.docs, d.name)
	r.list.Remove(d.name)
}

// admit is open for documents that others name. It returns nil for those that
// the replica takes no interest in, or has no room for.
func (r *Replica) admit(name string) *document {
	if d := r.docs[name]; d != nil {
		return d
	}
	if _, ok := r.scopeOf(name); !ok {
		return nil
	}
	if len(r.docs) >= r.cfg.MaxDocs {
		r.alarm(Alarm{Kind: Full, Doc: name, Detail: fmt.Sprintf("the limit of %d documents is reached", r.cfg.MaxDocs)})
		r.stats.Refused++
		return nil
	}
	return r.open(name)
}

// head returns the number of the own last event.
func (d *document) head() uint64 {
	return d.copy.State().Next(d.copy.Pending().Self) - 1
}

// touch notes that the document has changed, and lets others know.
func (d *document) touch() {
	r := d.replica
	d.unsettle()
	d.tellLater()
	if len(r.recent) > maxRecent {
		r.recent[0].hints = 0
		r.recent = r.recent[1:]
	}
	d.settleConflicts()
	r.notice(d)
	r.noteChange(d)
	if len(d.promises)+len(d.inquiries) > 0 {
		r.keepPromises(d)
	}
}

// tellLater lets the next beacons name the document.
func (d *document) tellLater() {
	if d.hints == 0 {
		d.replica.recent = append(d.replica.recent, d)
	}
	d.hints = hintBeacons
}

// unsettle notes that the document's digest is another one.
func (d *document) unsettle() {
	r := d.replica
	r.changed, d.odd = r.now, 0
	if !d.stale {
		d.stale = true
		r.stale = append(r.stale, d)
	}
	d.lapsed = d.lapsed && d.copy.Lapsed()
	r.planExpiry(d)
}

// settle brings the digests up to date.
func (r *Replica) settle() {
	r.view()
	for _, d := range r.stale {
		if r.docs[d.name] != d {
			continue // it was dropped
		}
		d.digest, d.count = d.copy.State().Digest(), d.copy.State().Events()
		d.stale = false
		counted := r.counted
		if was := d.counted; was != (d.count > 0) {
			d.counted = !was
			r.counted += map[bool]int{true: 1, false: -1}[d.counted]
		}
		print := uint64(0)
		if d.counted {
			print = message.DocDigest(d.name, d.digest)
		}
		if len(r.sums) > 0 {
			r.sums.change(d.name, r.list.Get(d.name).Print^print, r.counted-counted)
		}
		r.list.SetPrint(d.name, print)
	}
	clear(r.stale)
	r.stale = r.stale[:0]
}

// seen returns how many events the document has seen.
func (d *document) seen() uint64 {
	if d.stale {
		return d.copy.State().Events()
	}
	return d.count
}

func (d *document) observe() {
	if d.replica.watching {
		d.copy.State().Observe(d)
	} else {
		d.copy.State().Observe(nil)
	}
}

// Touch implements kernel.Observer.
func (d *document) Touch(parent kernel.Ref, tag kernel.Tag, key string) {
	r := d.replica
	if tag == crdt.TagRequest || tag == crdt.TagLapse {
		return // no field
	}
	r.out.Changes = append(r.out.Changes, Change{
		Doc: d.name, Path: d.copy.State().Path(nil, parent), Tag: tag, Key: string([]byte(key)), Local: d.local,
	})
}

// maxAlarms bounds the alarms that wait in an Output.
const maxAlarms = 64

func (r *Replica) alarm(a Alarm) {
	if len(r.out.Alarms) < maxAlarms {
		r.out.Alarms = append(r.out.Alarms, a)
	}
}

// reincarnate takes a new incarnation. Events that have left by no door, nor
// are on the disk, get new names under it; all others keep theirs.
func (r *Replica) reincarnate(why Alarm) {
	r.renew()
	r.alarm(why)
}

func (r *Replica) renew() {
	r.actor.Incarnation = nonZero(r.cfg.Rand.Uint64())
	r.floor = 0
	for _, name := range r.Names() {
		d := r.docs[name]
		r.sealKept(d)
		d.copy.SetFloor(0) // nobody has seen the new actor yet
		d.copy.Rename(r.actor)
		d.restartCollection()
		r.restartCoverage(d)
		d.touch()
	}
	r.join()
}

func (r *Replica) advance(now time.Time) {
	if now.After(r.now) {
		r.now = now
	}
}

func (r *Replica) header() message.Header { return message.Header{From: r.actor, Nonce: r.nonce} }

func (r *Replica) send(to To, o Outgoing, b message.Body) {
	if o.To = to; o.Scope == "" && (to == ToPeer || to == ToAny) {
		o.Scope = r.tag(r.interest.patterns[0]) // it names no document
	}
	o.Data = message.Append(nil, r.header(), b)
	o.Kind = message.Kind(o.Data[1])
	switch to {
	case ToAll, ToDoc:
		r.emitAll(o)
		return
	case ToPeer:
		o.Port = r.portOf(o.Peer)
	}
	r.emit(o)
}

// jitter returns a random duration of up to d.
func (r *Replica) jitter(d time.Duration) time.Duration {
	return time.Duration(r.cfg.Rand.Int64N(int64(max(d, 1))))
}
