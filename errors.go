package joinery

import (
	"context"
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/consistency"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/node"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Errors to be tested for with errors.Is. docs/errors.md has them all in a table,
// with what to do, and what a panic means.
//
// A call that writes wraps them in a [WriteError], which says what became of the
// write. Drain may fail after the fact; the writes stand.
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
	// ErrLevel: fewer owners answered than the level asks for before the context
	// ended; the *LevelError has the details. A write stands, and spreads.
	ErrLevel = consistency.ErrShort
	// ErrTooFew: there are fewer owners than the level asks for, so that nobody
	// was waited for. A write stands, and spreads.
	ErrTooFew = consistency.ErrTooFew
	// ErrBusy: too many calls wait for other replicas. A write stands, and spreads.
	ErrBusy = replica.ErrBusy
	// ErrBehind: the replica has not seen yet what a reader has seen elsewhere.
	ErrBehind = errors.New("joinery: replica is behind what was read or written before")
	// ErrName: a document or space cannot have this name.
	ErrName = message.ErrName
	// ErrLeft: the replica has left its space for good, see [Replica.Retire].
	ErrLeft = replica.ErrLeft
	// ErrObserver: the replica's role is to read.
	ErrObserver = replica.ErrObserver
	// ErrUncertain: the context ended before the write was on the disk. The write
	// stands in memory, and is durable a moment later unless the disk fails.
	ErrUncertain = node.ErrUncertain
	// ErrStore: the Store failed. Whether the last writes are on the disk is
	// unknown. The replica can be read, takes no more writes and tells nobody
	// anything until it is closed and opened again.
	ErrStore = node.ErrStore
	// ErrClosed: the replica was closed.
	ErrClosed = node.ErrClosed
	// ErrInterest: the document is outside of what the replica holds, see
	// [Config.Interest].
	ErrInterest = replica.ErrInterest
	// ErrNotHandedOver: documents were given up, and no replica that goes on holding
	// them is known to hold the same. They are held still, and dropped when one is.
	ErrNotHandedOver = node.ErrNotHandedOver
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

// Fate is what became of a write whose call returned an error.
type Fate uint8

// The fates of writes.
const (
	// NothingWritten: it is as if there had been no call.
	NothingWritten Fate = iota
	// WriteStands: it was made, can be read here and will spread, but is not known
	// to be on the disk, ErrUncertain, or on as many replicas as its level asks for:
	// ErrLevel, ErrTooFew, ErrBusy.
	WriteStands
	// WrittenInPart: of a [Doc.Copy] that takes several groups the first ones stand.
	WrittenInPart
	// FateUnknown: it was made in memory, and the Store failed: ErrStore. Whether
	// it is on the disk shows when the replica is opened again.
	FateUnknown
)

// String says it in a few words.
func (f Fate) String() string {
	names := [...]string{"nothing was written", "the write stands", "written in part", "unknown"}
	return names[min(int(f), len(names)-1)]
}

// WriteError is the error of every call that writes to a document. Err says why,
// and is one of the errors above, ctx's own, or what the program's function
// returned; Fate says what that means for the write.
type WriteError struct {
	Doc  string
	Fate Fate
	Err  error
}

func (e *WriteError) Error() string {
	fate := ""
	if canceled := errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded); e.Fate == WrittenInPart || canceled && e.Fate == NothingWritten || e.Fate == WriteStands {
		fate = e.Fate.String() + ": "
	}
	return fmt.Sprintf("joinery: document %q: %s%v", e.Doc, fate, e.Err)
}

// Unwrap returns why.
func (e *WriteError) Unwrap() error { return e.Err }

// unwritten makes the error of a write, unless the Update around does.
func (t target) unwritten(err error) error {
	if err == nil || t.tx != nil {
		return err
	}
	return writeError(t.doc, err)
}

func writeError(doc string, err error) error {
	if err == nil {
		return nil
	}
	fate := NothingWritten
	if late := (*node.LateError)(nil); errors.As(err, &late) {
		fate = WriteStands
		if errors.Is(err, ErrStore) {
			fate = FateUnknown
		}
	} else if errors.Is(err, ErrLevel) || errors.Is(err, ErrTooFew) || errors.Is(err, ErrBusy) {
		fate = WriteStands
	}
	return &WriteError{doc, fate, err}
}

// needs panics if there is no context, which is a mistake of the program.
func needs(ctx context.Context) {
	if ctx == nil {
		panic("joinery: nil context; use context.Background()")
	}
}

// wrap adds the document's name, unless the Update around does.
func (t target) wrap(err error) error {
	if err == nil || t.tx != nil {
		return err
	}
	return fmt.Errorf("joinery: document %q: %w", t.doc, err)
}
