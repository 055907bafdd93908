package replica

import (
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// Output is what a replica wants done. Records must be as durable as the space
// asks before any of Messages is sent. The receiver of an Output owns it.
type Output struct {
	Records  []Record
	Messages []Outgoing
	Changes  []Change
	Alarms   []Alarm
	Outcomes []Outcome     // of requests that waited for others
	Aside    []Quarantined // to be as durable as Records, and given to Recall at the next start
}

// IsEmpty reports whether there is nothing to do.
func (o *Output) IsEmpty() bool {
	return len(o.Records)+len(o.Messages)+len(o.Changes)+len(o.Alarms)+len(o.Outcomes)+len(o.Aside) == 0
}

// Record is a unit or state to be kept: merging all records of a document
// gives back its state. Records may overlap.
type Record struct {
	Doc   string
	Delta delta.Delta
	Unit  bool // a closed unit, which others may get as it is
	// Forget says that nothing of the document is to be kept any more, neither what
	// was recorded before nor its name. There is no Delta then. The replica's
	// Floor must be as durable.
	Forget bool
}

// To says who is to get a message.
type To uint8

// The addressees.
const (
	ToAll  To = iota // every replica that holds all, or all of the Scope
	ToDoc            // every replica that holds the document
	ToAny            // one replica that holds all, whichever
	ToPeer           // one replica by its ID
)

// Outgoing is a message to be sent, at most once.
type Outgoing struct {
	To   To
	Doc  string    // with ToDoc
	Peer causal.ID // with ToPeer
	// Scope is the pattern under which the replica speaks: the message is about
	// documents that match it. Empty is for all, by one that holds all. With ToAll it
	// goes to those who take an interest in all of it.
	Scope string
	Port  int // the transport it leaves by
	Kind  message.Kind
	Data  []byte
	// Synced means that it must not leave before all records, of this Output and those
	// before it, would outlive the loss of power: others rely on it.
	Synced bool
}

// Change says that what lives at a place of a document has changed.
type Change struct {
	Doc   string
	Path  []kernel.Component // the container's
	Tag   kernel.Tag
	Key   string
	Local bool // by a write of this replica
}

// AlarmKind is a condition that somebody should look at.
type AlarmKind uint8

// The kinds of alarms.
const (
	// Clone: somebody else speaks or claims events under this replica's
	// identity. The replica has taken a new incarnation; nothing is lost.
	Clone AlarmKind = iota + 1
	// Conflict: one dot came with two payloads, or equal contexts had
	// different live dots: an identity was used twice, or data was damaged. All
	// replicas end with the same; what does not stand is in Quarantine.
	Conflict
	// Drift: a remote timestamp is far ahead of this replica's clock.
	Drift
	// Full: documents or data of others were refused because of a limit.
	Full
	// Damage: a document's stored data could not be read. What is missing has to
	// come from other replicas.
	Damage
	// Expelled: the space's membership had given this replica up. It goes on as a
	// new member.
	Expelled
)

// String names the kind in lower case.
func (k AlarmKind) String() string {
	names := [...]string{"unknown", "clone", "conflict", "drift", "full", "damage", "expelled"}
	if int(k) >= len(names) {
		k = 0
	}
	return names[k]
}

// Alarm is one observation of a condition.
type Alarm struct {
	Kind   AlarmKind
	Doc    string
	Peer   causal.ID
	Detail string
}

// Stats counts what a replica did since it was made.
type Stats struct {
	Docs        int
	LogUnits    int
	LogBytes    int
	Pending     int // documents with events not sent
	Writes      uint64
	UnitsSent   uint64
	UnitsMerged uint64
	Duplicates  uint64 // units that brought nothing new
	Holes       uint64
	PullsSent   uint64
	PullsServed uint64
	FramesSent  uint64 // whole states sent, in messages or transfers
	Transfers   uint64 // transfers received whole
	Held        uint64 // messages that waited for the budget
	Shed        uint64 // of those, messages for which no room was left; who needs them asks again
	Passed      uint64 // units that a relay passed on, once a port
	Ladder      Ladder // how replicas caught up
	Upkeep      Upkeep // what the replica wrote on its own
	Refused     uint64 // messages that were malformed, foreign or above a limit
	Forged      uint64 // of these, deltas with events that their sender may not speak for
	Echoes      uint64
	Strangers   uint64 // messages and units of actors that are no members
	Retired     uint64 // actors that were seen to retire
	Dropped     uint64 // actors that were forgotten in a document, as nothing of them lives
	Purged      uint64 // actors of which a document kept nothing, as this replica lacked a part
	Conflicts   uint64 // dots that came with two payloads, or died for no reason
	Quarantined uint64 // payloads put aside because of that
	Drifts      uint64
	BytesIn     uint64
	BytesOut    uint64
}

// Upkeep counts what a replica did to take away what nobody sees any more.
type Upkeep struct {
	Events    uint64 // minted for it
	Folded    uint64 // counters, once for each time
	Collected uint64 // places that were cleared
	Forgotten uint64 // documents
}
