package protocol

import (
	"encoding/json"
	"time"

	"github.com/joinery-crdt/joinery"
)

// The operations.
const (
	OpHello   = "hello"
	OpWrite   = "write"
	OpSeen    = "seen"
	OpImport  = "import"
	OpDelete  = "delete"
	OpResolve = "resolve"
	OpStatus  = "status"
	OpOpen    = "open"
	OpNext    = "next"
	OpClose   = "close"
	OpBackup  = "backup"
	OpCompact = "compact"
)

// Limits of the protocol.
const (
	// ChunkSize is the aimed size of chunks and import batches, in bytes.
	ChunkSize = 128 << 10
	// MaxCursors bounds the streams that one replica has open.
	MaxCursors = 1024
	// MaxWrites bounds the writes of one group.
	MaxWrites = 10_000
	// LongPoll is how long a watch waits for something to say.
	LongPoll = 5 * time.Second
	// LongWait bounds how long a replica waits for what a reader has seen elsewhere.
	LongWait = 5 * time.Second
)

// Hello is the answer to hello: who answers, in which life.
type Hello struct {
	Replica string `json:"replica"`
	// Actor is the replica in its present incarnation. As long as it is the same
	// the replica has forgotten nothing.
	Actor string `json:"actor"`
	Space string `json:"space"`
	// ChunkSize is the greatest size of a chunk, in bytes.
	ChunkSize int `json:"chunk_size"`
}

// After is what a client has seen elsewhere and wants to be seen here first.
type After struct {
	After []string `json:"after,omitempty"` // positions of the document
	// WaitMS is how long the replica is to wait for that, in milliseconds; at
	// most LongWait.
	WaitMS int64 `json:"wait_ms,omitempty"`
}

// Named names a request, so that it is carried out once.
type Named struct {
	Client string `json:"client"` // a UUID, the client's own
	Number uint64 `json:"number"` // goes up
	// Actor is whom the request was sent to at first. A replica that is another
	// one does not carry it out.
	Actor string `json:"actor,omitempty"`
}

// Group is a request to write: several writes to one document, all or none.
type Group struct {
	Doc     string  `json:"doc"`
	Writes  []Write `json:"writes"`
	Request *Named  `json:"request,omitempty"`
	After
	// Position asks for the position after the writes.
	Position bool `json:"position,omitempty"`
}

// What a Write may do.
const (
	DoSet     = "set"     // register, lww-map: Value
	DoRemove  = "remove"  // register, counter, map; sets: Elements; lww-map: delete
	DoInc     = "inc"     // counter: By
	DoAdd     = "add"     // sets: Elements
	DoClear   = "clear"   // set: all elements
	DoEnable  = "enable"  // flags
	DoDisable = "disable" // flags
	DoDelete  = "delete"  // the whole document
	DoExpire  = "expire"  // the whole document, after TTL
)

// Write is one write of a Group.
type Write struct {
	Do    string `json:"do"`
	Kind  string `json:"kind,omitempty"`  // of the field, as Field has it
	Field string `json:"field,omitempty"` // as JoinPath writes it; of an lww-map with the key
	// Value is a value, as import has them.
	Value    json.RawMessage   `json:"value,omitempty"`
	Elements []json.RawMessage `json:"elements,omitempty"`
	By       int64             `json:"by,omitempty"`
	// Over is the contexts of the siblings that are to be replaced, separated by
	// commas; nil for those that the replica has seen.
	Over *string `json:"over,omitempty"`
	// TTLMS is after how many milliseconds what is written expires; 0 is never.
	// For set, add, enable and expire.
	TTLMS int64 `json:"ttl_ms,omitempty"`
}

// Written is the answer to write.
type Written struct {
	// Repeated says that the request had been carried out before.
	Repeated bool     `json:"repeated,omitempty"`
	Results  []Result `json:"results,omitempty"` // of each write
	Position string   `json:"position,omitempty"`
}

// Result is what a write did.
type Result struct {
	// Value is what a counter reads after the group.
	Value *int64 `json:"value,omitempty"`
	// Changed is how many elements a remove has taken out of a set.
	Changed int `json:"changed,omitempty"`
}

// Question asks whether a request has been carried out.
type Question struct {
	Doc     string `json:"doc"`
	Request Named  `json:"request"`
	// Position asks for the document's position.
	Position bool `json:"position,omitempty"`
}

// Seen is the answer to seen.
type Seen struct {
	Seen     bool   `json:"seen"`
	Position string `json:"position,omitempty"`
}

// Change names a field and what delete or resolve is to do to it.
type Change struct {
	Doc     string          `json:"doc"`
	Field   string          `json:"field,omitempty"`
	Pick    int             `json:"pick,omitempty"` // 1 is the winner
	Value   json.RawMessage `json:"value,omitempty"`
	Context string          `json:"context,omitempty"`
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
	Storage *Storage `json:"storage,omitempty"`
	joinery.Status
}

// Storage says where a replica keeps its data.
type Storage struct {
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
