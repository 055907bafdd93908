package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Limits of the protocol.
const (
	// ChunkSize is the aimed size of chunks and import batches, in bytes.
	ChunkSize = 128 << 10
	// MaxCursors bounds the streams that one replica has open.
	MaxCursors = 64
	// maxWrites bounds the writes that are under way at a time; further ones wait.
	maxWrites = 256
	// linesAtOnce bounds the lines of one import that wait for the disk together.
	linesAtOnce = 1024
	// idleCursor is how long a cursor is kept that nobody asks for.
	idleCursor = time.Minute
	// longPoll is how long a watch waits for something to say.
	longPoll = 5 * time.Second
	// closing bounds what ending a server takes.
	closing = 5 * time.Second
	// maxErrors bounds the errors that an answer to import lists.
	maxErrors = 100
)

const (
	serviceName     = "joinery"
	protocolVersion = "1.0.0"
	anyone          = "any"

	headerReplica   = "Joinery-Replica"
	headerCursor    = "Joinery-Cursor"
	headerDone      = "Joinery-Done"
	headerKeepGoing = "Joinery-Keep-Going"
)

// subject returns where an operation of a space is asked for, of one replica
// or of anyone.
func subject(space, who, op string) string {
	token := strings.ReplaceAll(string(message.AppendToken(nil, space)), ".", "%2E")
	return "joinery-api." + token + "." + who + "." + op
}

// Kinds of streams.
const (
	Documents = "documents" // records: of documents that match Pattern, by name, or of Doc at Field
	Fields    = "fields"    // Field lines of Doc at and below Field
	Conflicts = "conflicts" // Field lines with siblings in documents that match Pattern
	Watch     = "watch"     // Field lines of what changes in them; it has no end
)

// Query asks for a stream.
type Query struct {
	Kind        string `json:"kind"`
	Pattern     string `json:"pattern,omitempty"`
	Doc         string `json:"doc,omitempty"`
	Field       string `json:"field,omitempty"` // as record.JoinPath writes it
	Siblings    bool   `json:"siblings,omitempty"`
	Exact       bool   `json:"exact,omitempty"` // with Fields: what is at Field itself, not below it
	UpdatesOnly bool   `json:"updates_only,omitempty"`
}

// Field is a line about one field.
type Field struct {
	Doc      string          `json:"doc,omitempty"`
	Field    string          `json:"field,omitempty"`
	Kind     string          `json:"kind,omitempty"`
	Value    json.RawMessage `json:"value,omitempty"`
	Removed  bool            `json:"removed,omitempty"`  // nothing is there any more
	Count    int             `json:"count,omitempty"`    // concurrent values, if more than 1
	Siblings []Sibling       `json:"siblings,omitempty"` // the winner first, if asked for
	Snapshot bool            `json:"snapshot,omitempty"` // was there when the watch began
	Gap      bool            `json:"gap,omitempty"`      // changes were missed: read again
}

// Sibling is one of several concurrent values.
type Sibling struct {
	Value   json.RawMessage `json:"value,omitempty"`
	Deleted bool            `json:"deleted,omitempty"`
	Replica string          `json:"replica"`
	Time    time.Time       `json:"time"`
	Context string          `json:"context"`
}

// Change names a field and what to do to it; see the package comment.
type Change struct {
	Doc        string            `json:"doc"`
	Field      string            `json:"field,omitempty"`
	By         int64             `json:"by,omitempty"`
	Elements   []json.RawMessage `json:"elements,omitempty"`
	RemoveWins bool              `json:"remove_wins,omitempty"`
	Pick       int               `json:"pick,omitempty"` // 1 is the winner
	Value      json.RawMessage   `json:"value,omitempty"`
	Context    string            `json:"context,omitempty"`
}

// Outcome is what a Change did.
type Outcome struct {
	Value   json.RawMessage `json:"value,omitempty"`
	Changed int             `json:"changed,omitempty"`
}

// Imported says what became of a batch of lines.
type Imported struct {
	Applied int `json:"applied"`
	// Refused counts lines that changed nothing; Errors lists the first of them.
	Refused int         `json:"refused,omitempty"`
	Errors  []LineError `json:"errors,omitempty"`
}

// LineError is a line that was refused.
type LineError struct {
	Line  int    `json:"line"` // its index in the batch, from 0
	Error string `json:"error"`
}

// Status is a replica's status with what JSON needs spelt out.
type Status struct {
	Replica string `json:"replica"`
	Digest  string `json:"digest"` // equal at replicas that hold the same
	// Storage is where the replica keeps its data; nil if in memory alone.
	Storage *StorageStatus `json:"storage,omitempty"`
	joinery.Status
}

// StorageStatus says where a replica keeps its data.
type StorageStatus struct {
	Engine     string `json:"engine"`
	Dir        string `json:"dir"`
	Durability string `json:"durability"`
	Bytes      int64  `json:"bytes"`          // on disk
	Free       int64  `json:"free,omitempty"` // of these, what compacting may give back
}

// Compacted says what compacting a store gave back, in bytes on disk.
type Compacted struct {
	Before int64 `json:"bytes_before"`
	After  int64 `json:"bytes_after"`
}

type position struct {
	Cursor string `json:"cursor"`
	Chunk  int    `json:"chunk"`
}

// Error is an answer that says no.
type Error struct {
	Code string // as in HTTP
	Text string
}

func (e *Error) Error() string { return e.Text }

// Codes of errors.
const (
	CodeBad      = "400"
	CodeMissing  = "404"
	CodeConflict = "409"
	CodeTooLarge = "413"
	CodeFailed   = "500"
	CodeClosed   = "503"
)

func refuse(code, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// coded gives an error of the engine its code.
func coded(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{joinery.ErrTooLarge, CodeTooLarge}, {joinery.ErrName, CodeBad}, {joinery.ErrValue, CodeBad},
		{joinery.ErrSuperseded, CodeConflict}, {joinery.ErrClosed, CodeClosed},
	} {
		if errors.Is(err, c.err) {
			return &Error{c.code, err.Error()}
		}
	}
	return &Error{CodeFailed, err.Error()}
}
