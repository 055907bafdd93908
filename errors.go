package joinery

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/node"
)

// Errors to be tested for with errors.Is.
//
// Every error of a write means that nothing was written, but for two: with a
// Store, a write whose context ends while it waits for the disk stands and is
// ErrUncertain, and one that finds the disk failing is ErrStore. Drain may fail
// after the fact, too; the writes stand.
//
// Using a Tx after its Update or View has ended, writing in a View and using
// the replica inside an Update of its own are mistakes of the program; they panic.
var (
	// ErrConfig: a Config that makes no sense; the text says what to change.
	ErrConfig = errors.New("joinery: bad config")
	// ErrConnClosed: the connection was closed for good, by the program or
	// because nats.go gave up. Writes to a replica on it stand, and spread after
	// a [Replica.Rebind].
	ErrConnClosed = broker.ErrClosed
	// ErrTooLarge: a name, element, value, path or atomic group is above its
	// limit, or the document has too many fields.
	ErrTooLarge = crdt.ErrTooLarge
	// ErrSuperseded: a write with an explicit timestamp is older than what the
	// replica has observed there, or a request older than its client's last. It
	// was ignored.
	ErrSuperseded = crdt.ErrSuperseded
	// ErrExists: there is something in the document to copy to.
	ErrExists = errors.New("joinery: document exists")
	// ErrBehind: the replica has not seen yet what a reader has seen elsewhere.
	ErrBehind = errors.New("joinery: replica is behind what was read or written before")
	// ErrName: a document or space cannot have this name.
	ErrName = message.ErrName
	// ErrUncertain: the context ended before the write was on the disk. The write
	// stands in memory, and is durable a moment later unless the disk fails.
	ErrUncertain = node.ErrUncertain
	// ErrStore: the Store failed. Whether the last writes are on the disk is
	// unknown. The replica can be read, takes no more writes and tells nobody
	// anything until it is closed and opened again.
	ErrStore = node.ErrStore
	// ErrClosed: the replica was closed.
	ErrClosed = node.ErrClosed
	// ErrDisconnected: the connection is down. Writes stand and will spread.
	ErrDisconnected = broker.ErrDisconnected
	// ErrType: a stored value is not of the type asked for. The value stays as it is.
	ErrType = errors.New("joinery: value has another type")
	// ErrValue: a value cannot be encoded, or a stored one is damaged.
	ErrValue = errors.New("joinery: bad value")
	// ErrStruct: a Go type, or the tag of one of its fields, cannot be loaded
	// or stored; the text says which and why.
	ErrStruct = errors.New("joinery: bad struct")
)

// wrap adds the document's name, unless the Update around does.
func (t target) wrap(err error) error {
	if err == nil || t.tx != nil {
		return err
	}
	return fmt.Errorf("joinery: document %q: %w", t.doc, err)
}
