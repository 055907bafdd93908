package joinery

import (
	"time"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Quarantined is something that was written and is shown by no replica any more,
// although no write replaced it. It comes of two replicas that wrote under one
// identity, for instance two copies of one disk that ran at a time: they gave
// two writes the same name, and all replicas end with the same one of them.
type Quarantined struct {
	Doc string
	// Field is what would be there if this write alone stood: of a counter its
	// increment, of a deletion or removal nothing.
	Field
	Replica ID        // whose identity it was written under
	Time    time.Time // when, by the writer's clock
	Added   time.Time // when this replica put it aside
	// Dead is set if nothing stands in its place, as the other write was a removal
	// or has been replaced.
	Dead bool
}

// Quarantined returns what this replica has put aside, with a Store ever, the
// first first: up to 1,024 values and 4 MiB. Whoever needs one of them writes it
// again. An alarm in the log and Quarantined in the Stats tell that there is
// something.
func (r *Replica) Quarantined() []Quarantined {
	all := r.node.Quarantine()
	out := make([]Quarantined, len(all))
	for i := range all {
		q := &all[i]
		out[i] = Quarantined{Doc: q.Doc, Field: alone(q), Replica: q.Dot.Actor.ID, Time: q.Time.Time(), Added: q.When, Dead: q.Dead}
	}
	return out
}

// alone reads what a payload means in a document that holds nothing else.
func alone(q *replica.Quarantined) Field {
	d := crdt.NewDocument(causal.Actor{ID: q.Dot.Actor.ID}, nil)
	at := spot{q.Path, q.Tag, q.Key}
	in, err := d.Ensure(q.Path)
	if err != nil {
		return Field{Err: err, Raw: []byte(q.Value)}
	}
	p := kernel.Payload{Parent: in, Tag: q.Tag, Key: q.Key, Value: q.Value, Time: q.Time, Expiry: q.Expiry}
	if q.Marked {
		p.Flags = kernel.Mark
	}
	d.State().Add(0, 1, &p)
	r := lookAt(d, at)
	return r.field()
}
