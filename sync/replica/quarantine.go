package replica

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Quarantined is a payload that does not stand although no write replaced it:
// its event has another, greater payload too, or is dead elsewhere and no event
// explains it. An identity was used twice, or somebody has lost data. No replica
// shows it any more; whoever needs it has to write it again.
type Quarantined struct {
	Doc    string
	Dot    causal.Dot
	Path   []kernel.Component // the container's
	Tag    kernel.Tag
	Key    string
	Value  string
	Marked bool
	Time   hlc.Time
	Expiry hlc.Time  // 0 is never
	Dead   bool      // nothing stands in its place
	When   time.Time // it was put aside
}

// Bounds of the quarantine in memory, and of what one Output puts aside. The
// first to come stay.
const (
	maxQuarantine      = 1024
	maxQuarantineBytes = 4 << 20
	maxKnown           = 1 << 16 // hashes of what was met; then it is forgotten and may be told again
)

// quarantine is what was put aside.
type quarantine struct {
	held  shelf
	known map[uint64]struct{} // hashes of what is there, or was told of
	full  bool
}

// shelf is a bounded list.
type shelf struct {
	list  []Quarantined
	bytes int
}

func (s *shelf) put(q *Quarantined) bool {
	size := len(q.Doc) + len(q.Key) + len(q.Value)
	for _, c := range q.Path {
		size += len(c.Name)
	}
	if len(s.list) >= maxQuarantine || s.bytes+size > maxQuarantineBytes {
		return false
	}
	s.list = append(s.list, *q)
	s.bytes += size
	return true
}

// isNew notes a hash and reports whether it was not known.
func (q *quarantine) isNew(hash uint64) bool {
	if _, ok := q.known[hash]; ok {
		return false
	}
	if len(q.known) >= maxKnown || q.known == nil {
		q.known = make(map[uint64]struct{})
	}
	q.known[hash] = struct{}{}
	return true
}

// Quarantine returns what was put aside, the first to come first: up to 1,024
// payloads and 4 MiB.
func (r *Replica) Quarantine() []Quarantined { return slices.Clone(r.aside.held.list) }

// Recall puts back what an earlier Output put aside. It is meant for the time
// before documents are loaded, so that nothing is put aside again.
func (r *Replica) Recall(q Quarantined) {
	if r.aside.isNew(q.hash()) {
		r.aside.isNew(hashDot(q.Doc, q.Dot))
		r.aside.held.put(&q)
		r.stats.Quarantined++
	}
}

// hash is the same for the same payload, whenever it was put aside.
func (q *Quarantined) hash() uint64 {
	var b []byte
	for _, c := range q.Path {
		b = appendText(append(b, byte(c.Tag)), c.Name)
	}
	b = appendText(appendText(append(b, byte(q.Tag)), q.Key), q.Value)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(q.Time)), uint64(q.Expiry))
	return xxhash.Sum64(b) ^ hashDot(q.Doc, q.Dot) + map[bool]uint64{true: 1}[q.Marked]
}

func hashDot(doc string, d causal.Dot) uint64 {
	b := append(appendText(nil, doc), d.Actor.ID[:]...)
	return xxhash.Sum64(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, d.Actor.Incarnation), d.Seq))
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// settleConflicts reports the conflicts that merging has met, each dot once, and
// puts aside what does not stand. Whoever meets another payload under an event
// of its own actor takes a new incarnation: somebody else has the same one.
func (d *document) settleConflicts() {
	r, s := d.replica, d.copy.State()
	met := s.Conflicts() - d.conflicts
	if met == 0 {
		return
	}
	d.conflicts += met
	twin := false
	taken := s.TakeConflicts()
	for i := range taken {
		c := &taken[i]
		r.putAside(d, s.NameOf(c.Dot), c)
		twin = twin || !c.Dead && s.Actor(c.Actor) == r.actor
	}
	if left := met - uint64(len(taken)); left > 0 {
		r.alarm(Alarm{Kind: Full, Doc: d.name, Detail: fmt.Sprintf("%d payloads more than the quarantine takes at once do not stand, and are not kept", left)})
	}
	if twin {
		r.reincarnate(Alarm{Kind: Clone, Doc: d.name, Detail: "an event of this replica's actor has another payload elsewhere; took a new incarnation"})
	}
}

// putAside puts what lost a conflict into quarantine, unless it is there.
func (r *Replica) putAside(d *document, dot causal.Dot, c *kernel.Conflict) {
	v := &c.Other
	q := Quarantined{
		Doc: d.name, Dot: dot, Path: v.Path, Tag: v.Tag, Key: v.Key, Value: v.Value, Marked: v.Flags&kernel.Mark != 0,
		Time: v.Time, Expiry: v.Expiry, Dead: c.Dead, When: r.now,
	}
	if r.aside.isNew(hashDot(d.name, dot)) {
		r.stats.Conflicts++
		r.alarm(Alarm{Kind: Conflict, Doc: d.name, Detail: tell(dot, c)})
	}
	if !r.aside.isNew(q.hash()) {
		return
	}
	r.stats.Quarantined++
	if !r.aside.held.put(&q) && !r.aside.full {
		r.aside.full = true
		r.alarm(Alarm{Kind: Full, Doc: d.name, Detail: "the quarantine in memory is full; what comes next is not listed"})
	}
	r.leaving.put(&q)
	r.out.Aside = r.leaving.list
}

// tell describes a conflict.
func tell(dot causal.Dot, c *kernel.Conflict) string {
	if c.Dead {
		return fmt.Sprintf("event %d of %v is dead elsewhere, and no event explains it; %s died and is in quarantine", dot.Seq, dot.Actor, place(&c.Other))
	}
	return fmt.Sprintf("event %d of %v came with two payloads; %s stands, %s is in quarantine", dot.Seq, dot.Actor, place(&c.Stands), place(&c.Other))
}

// place describes a payload without showing its value.
func place(v *kernel.Version) string {
	at := ""
	for _, c := range v.Path {
		at += fmt.Sprintf("%.64q/", c.Name)
	}
	return fmt.Sprintf("%s%.64q (tag %d, %d bytes, hash %016x)", at, v.Key, v.Tag, len(v.Value), xxhash.Sum64String(v.Value))
}
