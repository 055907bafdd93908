package joinery

import (
	"context"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
)

// Request names a write of a client that may have to ask twice, so that it is
// carried out once. Client is the client's own, for instance from [NewID], and
// Number goes up from one request of the client to the next. A client is
// sequential in each document: before it makes a further request there it knows
// what became of the last, or takes another Client.
type Request = crdt.Request

// RequestWindow is how long a replica remembers a request.
const RequestWindow = crdt.RequestWindow

// Once is [Doc.Update] for a request: fn is run unless this replica has seen that
// the request was carried out, here or elsewhere; repeated then says so, and
// everything is as if it were the first answer that had got lost. A record of
// the request is part of the group, so whoever sees its writes sees the record.
// It is no field of the document, outlives its [Doc.Delete], takes some 100 bytes
// for each client until the client's next request to the document, and expires
// after [RequestWindow].
//
// A replica that has not heard of what another one did carries the request out
// again. So a request that may have reached a replica is to be asked of that one
// again, in the same incarnation, and of others only whether they have [Doc.Seen]
// it. Package clients/remote does so.
//
// If the client has come to a greater number the error is ErrSuperseded.
func (d *Doc) Once(ctx context.Context, req Request, fn func(tx *Tx) error) (repeated bool, err error) {
	err = d.write(ctx, func(c *crdt.Document) error {
		done, last := c.Requested(req)
		if repeated = done; done {
			return nil
		}
		if last > req.Number {
			return fmt.Errorf("%w: request %d, the client has come to %d", ErrSuperseded, req.Number, last)
		}
		return c.Update(func() (err error) {
			d.inside(&transaction{doc: c}, func(tx *Tx) { err = fn(tx) })
			if err != nil {
				return err
			}
			return c.RecordRequest(req)
		})
	})
	if err == nil && repeated {
		_, err = d.Seen(req)
	}
	return repeated, err
}

// Seen reports whether this replica has seen that a request was carried out. What
// it has seen is as durable as a write.
func (d *Doc) Seen(req Request) (seen bool, err error) {
	d.replica.node.ReadFinal(d.doc, func(c *crdt.Document) {
		if c != nil {
			seen, _ = c.Requested(req)
		}
	})
	if failed := d.replica.node.Status().Failed; failed != nil {
		return false, d.wrap(failed)
	}
	return seen, nil
}
