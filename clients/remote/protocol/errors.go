package protocol

import (
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery"
)

// Codes of errors, as in HTTP.
const (
	CodeBad      = "400"
	CodeMissing  = "404"
	CodeConflict = "409"
	CodeTooLarge = "413"
	CodeFailed   = "500"
	CodeClosed   = "503"
)

// Kinds of errors that have no sentinel in package joinery.
const (
	KindRequest  = "request"   // it makes no sense
	KindActor    = "actor"     // it was sent to another replica at first, or to this one in another life
	KindNoStream = "no-stream" // it has ended
	KindNoPlace  = "no-place"  // no conflict there, or no data on disk
	KindBusy     = "busy"      // the stream or the store, with another request
	KindFull     = "full"      // no more streams
	KindFailed   = "failed"    // otherwise
)

// Error is an answer that says no.
type Error struct {
	Code string // as in HTTP
	Kind string // what to do about it, for programs
	Text string // for people
}

func (e *Error) Error() string { return e.Text }

// Is makes errors.Is find the sentinel of package joinery that the replica met.
func (e *Error) Is(target error) bool {
	for _, k := range sentinels {
		if k.kind == e.Kind {
			return target == k.err
		}
	}
	return false
}

// Refuse returns an error.
func Refuse(code, kind, format string, args ...any) error {
	return &Error{code, kind, fmt.Sprintf(format, args...)}
}

// sentinels are the errors of package joinery that go over the wire.
var sentinels = []struct {
	kind, code string
	err        error
}{
	{"too-large", CodeTooLarge, joinery.ErrTooLarge},
	{"name", CodeBad, joinery.ErrName},
	{"value", CodeBad, joinery.ErrValue},
	{"type", CodeBad, joinery.ErrType},
	{"superseded", CodeConflict, joinery.ErrSuperseded},
	{"exists", CodeConflict, joinery.ErrExists},
	{"behind", CodeConflict, joinery.ErrBehind},
	{"store", CodeFailed, joinery.ErrStore},
	{"uncertain", CodeFailed, joinery.ErrUncertain},
	{"closed", CodeClosed, joinery.ErrClosed},
}

// ErrorOf returns what to answer for an error.
func ErrorOf(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	for _, k := range sentinels {
		if errors.Is(err, k.err) {
			return &Error{k.code, k.kind, err.Error()}
		}
	}
	return &Error{CodeFailed, KindFailed, err.Error()}
}

// Kinds returns all kinds of errors with their codes, for the docs to be
// compared with.
func Kinds() map[string]string {
	all := map[string]string{
		KindRequest: CodeBad, KindActor: CodeConflict, KindNoStream: CodeMissing, KindNoPlace: CodeMissing,
		KindBusy: CodeConflict, KindFull: CodeClosed, KindFailed: CodeFailed,
	}
	for _, k := range sentinels {
		all[k.kind] = k.code
	}
	return all
}
