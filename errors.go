package joinery

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/node"
)

// Errors to be tested for with errors.Is. All errors of writes mean that
// nothing was written, unless they say otherwise.
var (
	// ErrTooLarge: a key, value, path or group is above its limit.
	ErrTooLarge = crdt.ErrTooLarge
	// ErrSuperseded: a write with an explicit timestamp is older than what the
	// replica has observed there. It was ignored.
	ErrSuperseded = crdt.ErrSuperseded
	// ErrName: a document or space cannot have this name.
	ErrName = message.ErrName
	// ErrClosed: the replica was closed.
	ErrClosed = node.ErrClosed
	// ErrDisconnected: the connection is down. Writes stand and will spread.
	ErrDisconnected = broker.ErrDisconnected
	// ErrType: a stored value is not of the type asked for. The value stays as it is.
	ErrType = errors.New("joinery: value has another type")
	// ErrValue: a value cannot be encoded, or a stored one is damaged.
	ErrValue = errors.New("joinery: bad value")
)

func (t target) wrap(err error) error {
	if err == nil || t.tx != nil {
		return err
	}
	return fmt.Errorf("joinery: document %q: %w", t.doc, err)
}
