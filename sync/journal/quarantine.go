package journal

import (
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// maxQuarantine bounds the payloads that are kept in quarantine. More than that
// means that an identity is in use twice for good, and somebody was told.
const maxQuarantine = 1 << 16

// Quarantine keeps payloads that do not stand, which no document shows any more.
// What is appended later is not on the disk without them. Beyond 65,536 of them
// no more are kept.
func (j *Journal) Quarantine(all []replica.Quarantined) error {
	if len(all) == 0 {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var b store.Batch
	for i := range all {
		if j.quarantined >= maxQuarantine {
			break
		}
		put(&b, numbered(kindQuarantine, j.quarantined), appendQuarantined(make([]byte, sumSize, 128), &all[i]))
		j.quarantined++
	}
	return j.store.Apply(&b, false)
}

// Quarantined returns what is in quarantine, the first to come first. Damaged
// entries are left out and reported in err; the others are there all the same.
func (j *Journal) Quarantined() (all []replica.Quarantined, damaged []error) {
	for e, err := range each(j.store, []byte{kindQuarantine}, []byte{kindQuarantine + 1}) {
		var q replica.Quarantined
		if err == nil {
			q, err = parseQuarantined(&e)
		}
		if err != nil {
			damaged = append(damaged, fmt.Errorf("journal: quarantine: %w", err))
			continue
		}
		all = append(all, q)
	}
	return all, damaged
}

// Flags of a quarantined payload.
const (
	quarantinedMarked = 1 << iota
	quarantinedDead
)

func appendQuarantined(dst []byte, q *replica.Quarantined) []byte {
	flags := uint64(0)
	if q.Marked {
		flags |= quarantinedMarked
	}
	if q.Dead {
		flags |= quarantinedDead
	}
	dst = wire.AppendUint(wire.AppendBin(dst, q.Doc), flags)
	dst = wire.AppendUint(wire.AppendActor(dst, q.Dot.Actor), q.Dot.Seq)
	for _, n := range []uint64{uint64(q.Time), uint64(q.Expiry), uint64(max(q.When.Unix(), 0)), uint64(len(q.Path))} {
		dst = wire.AppendUint(dst, n)
	}
	for _, c := range q.Path {
		dst = wire.AppendBin(wire.AppendUint(dst, uint64(c.Tag)), c.Name)
	}
	return wire.AppendBin(wire.AppendBin(wire.AppendUint(dst, uint64(q.Tag)), q.Key), q.Value)
}

func parseQuarantined(e *store.Entry) (q replica.Quarantined, err error) {
	v, err := open(e.Key, e.Value)
	if err != nil {
		return q, err
	}
	r := wire.NewReader(v)
	q.Doc = string(r.Bin())
	flags := r.Uint()
	q.Marked, q.Dead = flags&quarantinedMarked != 0, flags&quarantinedDead != 0
	q.Dot = causal.Dot{Actor: wire.ReadActor(&r), Seq: r.Uint()}
	q.Time, q.Expiry = hlc.Time(r.Uint()), hlc.Time(r.Uint())
	q.When = time.Unix(int64(min(r.Uint(), 1<<40)), 0)
	n := r.Uint()
	if n >= kernel.MaxDepth {
		r.Fail("a path of %d components", n)
		n = 0
	}
	for range n {
		q.Path = append(q.Path, kernel.Component{Tag: kernel.Tag(r.Uint()), Name: string(r.Bin())})
	}
	q.Tag, q.Key, q.Value = kernel.Tag(r.Uint()), string(r.Bin()), string(r.Bin())
	if r.Err() != nil || r.Len() > 0 {
		return q, corrupt(e.Key, "no payload in quarantine: %v", r.Err())
	}
	return q, nil
}
