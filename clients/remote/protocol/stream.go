package protocol

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery"
)

// Kinds of streams.
const (
	Documents = "documents" // records: of documents that match Pattern, by name, or of Doc at Field
	Names     = "names"     // lines with Doc alone, of documents that match Pattern
	Fields    = "fields"    // Field lines of Doc at and below Field
	Conflicts = "conflicts" // Field lines with siblings in documents that match Pattern
	Watch     = "watch"     // Field lines of what changes in them; it has no end
)

// Query asks for a stream.
type Query struct {
	Kind    string `json:"kind"`
	Pattern string `json:"pattern,omitempty"`
	Doc     string `json:"doc,omitempty"`
	Field   string `json:"field,omitempty"` // as JoinPath writes it
	// From, with Names and Documents, is the name after which to begin; with Fields
	// the Cursor of the last line of the page before.
	From string `json:"from,omitempty"`
	// Prefix, with Fields, leaves out names directly at Field that begin otherwise.
	Prefix string `json:"prefix,omitempty"`
	// Limit bounds the lines; 0 is none.
	Limit int `json:"limit,omitempty"`
	// Only, with Fields, leaves out fields of other kinds.
	Only string `json:"only,omitempty"`
	// Elements, with Fields and Only a kind of set, leaves out other elements.
	Elements []json.RawMessage `json:"elements,omitempty"`
	Siblings bool              `json:"siblings,omitempty"`
	Exact    bool              `json:"exact,omitempty"` // with Fields: what is at Field itself, not below it
	// Raw asks for values in the form {"$msgpack":base64} throughout.
	Raw         bool `json:"raw,omitempty"`
	UpdatesOnly bool `json:"updates_only,omitempty"` // with Watch
	OldValues   bool `json:"old_values,omitempty"`   // with Watch
	After
	// Position asks for the position of Doc, in the header of the first chunk.
	Position bool `json:"position,omitempty"`
}

// Next asks for a further chunk of a stream.
type Next struct {
	Cursor string `json:"cursor"`
	Chunk  int    `json:"chunk"`
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
	Origin   string          `json:"origin,omitempty"`   // who wrote it, if one replica alone
	Old      *Field          `json:"old,omitempty"`      // what the watch showed there before, if asked for
	Snapshot bool            `json:"snapshot,omitempty"` // was there when the watch began
	Skipped  bool            `json:"skipped,omitempty"`  // there were values in between
	Gap      bool            `json:"gap,omitempty"`      // changes were missed; what is there follows
	Cursor   string          `json:"cursor,omitempty"`   // of the last line of a page of fields, if there are more
}

// Sibling is one of several concurrent values.
type Sibling struct {
	Value   json.RawMessage `json:"value,omitempty"`
	Deleted bool            `json:"deleted,omitempty"`
	Replica string          `json:"replica"`
	Time    time.Time       `json:"time"`
	Context string          `json:"context"`
}

// Raw is the form of values that a Query with Raw gets, and that all requests
// may use: any msgpack value, exactly.
type Raw struct {
	Msgpack []byte `json:"$msgpack"`
}

// EncodeRaw returns a value's form in JSON.
func EncodeRaw(msgpack []byte) json.RawMessage {
	return json.RawMessage(`{"$msgpack":"` + base64.StdEncoding.EncodeToString(msgpack) + `"}`)
}

// DecodeRaw reads what EncodeRaw writes.
func DecodeRaw(value json.RawMessage) ([]byte, error) {
	var r Raw
	if err := json.Unmarshal(value, &r); err != nil || r.Msgpack == nil {
		return nil, fmt.Errorf("protocol: not a value in raw form: %.40s", value)
	}
	return r.Msgpack, nil
}

// ParseKind reads what joinery.Kind's String writes.
func ParseKind(name string) joinery.Kind {
	for k := joinery.KindRegister; k <= joinery.KindEntry; k++ {
		if k.String() == name {
			return k
		}
	}
	return joinery.KindUnknown
}
