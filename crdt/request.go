package crdt

import (
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// Request is a client's name for a write, by which a second try is known for one.
// The client is sequential: its numbers go up, and it names no further write of
// a document before it knows, or does not care any more, what became of the last.
type Request struct {
	Client causal.ID
	Number uint64
}

// RequestWindow is how long a request is remembered.
const RequestWindow = time.Hour

// Requested reports whether a request has been carried out, as far as this
// replica has seen, and the greatest number that its client has come to.
func (d *Document) Requested(r Request) (done bool, last uint64) {
	in, ok := d.state.Find(kernel.Root, TagRequests, "")
	if !ok {
		return false, 0
	}
	for l := range d.state.Siblings(in, TagRequest, string(r.Client[:])) {
		n := requestNumber(l.Value)
		done, last = done || n == r.Number, max(last, n)
	}
	return done, last
}

// RecordRequest writes, in the group that is under way, that a request is carried
// out. The record takes the place of the client's last one, spreads with the
// group, is no field, outlives what removes a whole document, and expires.
func (d *Document) RecordRequest(r Request) error {
	in, err := d.Ensure([]kernel.Component{{Tag: TagRequests}})
	if err != nil {
		return err
	}
	now := d.clock.Now()
	if d.group != nil {
		now = d.group.time
	}
	value := string(wire.AppendUint(nil, r.Number))
	o := Options{Expiry: now + hlc.Time(RequestWindow.Milliseconds())<<16}
	return d.Assign(in, TagRequest, string(r.Client[:]), value, false, o)
}

// requestNumber reads a record; what is none counts 0.
func requestNumber(value string) uint64 {
	r := wire.NewReader([]byte(value))
	return r.Uint()
}

// IsEmpty reports whether nothing is in the document that a reader could see,
// the records of deletions among it, but records of requests.
func (d *Document) IsEmpty() bool { return !d.IsInhabited(kernel.Root) }
